"""The team: who is in it, in which role, who is asked to join; and the page the invited come to."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect

from portal.errors import BadInput
from portal.mail import LINKS, signed
from portal.people import service
from portal.people.guarding import keeps, recently_authenticated
from portal.people.permissions import Permission, needs
from portal.people.routes.browsers import Form, Web, remembered, visit_of, with_session
from portal.people.routes.resetting import UNTOLD
from portal.people.service import Viewer, team
from portal.people.service.resetting import LinkSpent
from portal.people.service.team import Offer
from portal.settings import Settings
from portal.tables.people import Role
from portal.vault import Vault
from portal.web.forms import in_order
from portal.web.pages import go, page

TEAM = "/settings/team"
MANAGES = needs(Permission.MANAGE_TEAM)
DOES = {
    Role.OWNER: "Everything",
    Role.ADMIN: "Everything, except making somebody an owner and closing the business",
    Role.OPERATOR: "Orders, returns, syncs, stock and schedules; no money figures",
    Role.FINANCE: "Payouts and money; reads the rest",
    Role.VIEWER: "Reads; no money figures",
}


@get(TEAM, opt=MANAGES)
async def show(
    request: Web, viewer: NamedDependency[Viewer], settings: NamedDependency[Settings], vault: NamedDependency[Vault]
) -> Response[Any]:
    return await _team_page(request, viewer, settings, vault)


@post(f"{TEAM}/invitations", opt={**MANAGES, **keeps("email", "role")}, guards=[recently_authenticated])
async def invite(
    request: Web,
    data: URLEncodedBody[Form],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
) -> Response[Any]:
    """A mail with a link that works once, for seven days."""
    email = data.get("email", "")
    try:
        await team.invite(viewer, email, data.get("role", ""))
    except BadInput as error:
        return await _team_page(request, viewer, settings, vault, form=data, error=error)
    return go(TEAM, notice=f"{email} is invited.")


@post(f"{TEAM}/invitations/{{invitation_id:uuid}}/withdraw", opt=MANAGES)
async def withdraw(viewer: NamedDependency[Viewer], invitation_id: FromPath[UUID]) -> Redirect:
    await team.withdraw(viewer, invitation_id)
    return go(TEAM, notice="The invitation is withdrawn.")


@post(f"{TEAM}/{{user_id:uuid}}/role", opt={**MANAGES, **keeps("role")}, guards=[recently_authenticated])
async def change_role(viewer: NamedDependency[Viewer], user_id: FromPath[UUID], data: URLEncodedBody[Form]) -> Redirect:
    """Whoever gets another role signs in again."""
    member = await team.change_role(viewer, user_id, data.get("role", ""))
    return go(TEAM, notice=f"{member.name or member.email} has the role {member.role.capitalize()}.")


@post(f"{TEAM}/{{user_id:uuid}}/remove", opt=MANAGES, guards=[recently_authenticated])
async def remove(viewer: NamedDependency[Viewer], user_id: FromPath[UUID]) -> Redirect:
    called = await team.remove(viewer, user_id)
    return go(TEAM, notice=f"{called} is no longer in the team, and signed out everywhere.")


@get("/invitations/{invitation_id:uuid}", opt=needs(Permission.ANYONE))
async def offer(request: Web, invitation_id: FromPath[UUID], vault: NamedDependency[Vault]) -> Response[Any]:
    """What the invited are offered, and the form to accept it."""
    given = request.query_params.get("t", "")
    try:
        return _offer_page(request, await team.offer(invitation_id, given, vault.derived(LINKS)), given)
    except LinkSpent as error:
        return _spent_page(request, error)


@post("/invitations/{invitation_id:uuid}", opt=needs(Permission.ANYONE))
async def accept(
    request: Web,
    invitation_id: FromPath[UUID],
    data: URLEncodedBody[Form],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
) -> Response[Any]:
    """A new member, signed in at once."""
    given = data.get("t", "")
    try:
        found = await team.offer(invitation_id, given, vault.derived(LINKS))
        try:
            user_id = await team.accept(found, name=data.get("name", ""), password=data.get("password", ""))
        except BadInput as error:
            return _offer_page(request, found, given, name=data.get("name", ""), error=error)
    except LinkSpent as error:
        return _spent_page(request, error)
    visit = visit_of(request, found.email, vault)
    token = await service.open_session(found.seller_id, user_id, device=visit.device, masked_address=visit.masked_address)
    return remembered(with_session(go("/home", notice=f"Welcome to {found.business}."), token, settings), found.email, vault, settings)


async def _team_page(
    request: Web, viewer: Viewer, settings: Settings, vault: Vault, *, form: Form | None = None, error: BadInput | None = None
) -> Response[str]:
    waiting = await team.invitations(viewer)
    # Without a mail server the link has to reach the invited some other way.
    links = {} if settings.mails_go_out else {one.id: signed(vault.derived(LINKS), team.path_of(one.id)) for one in waiting}
    return page(
        request,
        whole="people/team.html",
        secure=True,
        status=error.status if error else 200,
        members=await team.members(viewer),
        invitations=waiting,
        links=links,
        roles=[(role.value, role.capitalize(), DOES[role]) for role in team.roles_to_give(viewer)],
        values={"email": "", "role": Role.VIEWER.value, **(form or {})},
        errors=in_order(error.fields, ("email", "role")) if error else {},
    )


def _offer_page(request: Web, found: Offer, given: str, *, name: str = "", error: BadInput | None = None) -> Response[str]:
    return page(
        request,
        whole="people/invitation.html",
        secure=True,
        headers=UNTOLD,
        status=error.status if error else 200,
        offer=found,
        does=DOES[Role(found.role)],
        given=given,
        name=name,
        errors=in_order(error.fields, ("name", "password")) if error else {},
    )


def _spent_page(request: Web, error: LinkSpent) -> Response[str]:
    return page(
        request,
        whole="people/link_spent.html",
        secure=True,
        status=error.status,
        message=error.seller_message,
        forgotten=False,
    )


HANDLERS = (show, invite, withdraw, change_role, remove, offer, accept)
