"""The two addresses of the way through a marketplace. Both are private to the moment: stored nowhere, told to nobody as a referrer."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting.handoff import leaving, returning
from portal.connecting.handoff.returning import Ending
from portal.errors import Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.handoff import Arrival, with_query
from portal.marketplaces.registry import by_slug
from portal.people.guarding import recently_authenticated
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.settings import Settings
from portal.vault import Vault
from portal.web.pages import SECRET, page

QUIET = {"Referrer-Policy": "no-referrer", "Cache-Control": SECRET}
NEW = "new"


def _(sentence: str) -> str:
    """Marks a sentence for the catalogues; the template translates it."""
    return sentence


@dataclass(frozen=True, slots=True)
class Told:
    """What a page says about a return that led nowhere. `label` and `href` are the way on; `{wizard}` and `{slug}` are filled in."""

    status: int
    headline: str
    body: str
    label: str
    href: str
    again: bool = False
    """Whether another way to connect is offered beside."""


ACCOUNTS = (_("Go to Accounts"), "/accounts")
TRY_AGAIN = (_("Try again"), "/oauth/{slug}/start?w={wizard}")
NOT_CONNECTED = _("%(marketplace)s was not connected")

TOLD = {
    Ending.DECLINED: Told(200, NOT_CONNECTED, _("You pressed Cancel on %(marketplace)s. Nothing was saved."), *TRY_AGAIN, again=True),
    Ending.LATE: Told(
        410,
        NOT_CONNECTED,
        _("The page of %(marketplace)s stayed open for more than 15 minutes. Nothing was saved; the name you chose is kept."),
        *TRY_AGAIN,
        again=True,
    ),
    Ending.REPLAYED: Told(
        409,
        _("This answer was used already"),
        _("%(marketplace)s sends you back with an answer that counts once. Your setup goes on where the first one led."),
        _("Go on with this setup"),
        "/connect/{wizard}",
    ),
    Ending.ELSEWHERE: Told(
        403,
        NOT_CONNECTED,
        _("This was started by somebody else or in another browser. Nothing was saved. Start again from Accounts."),
        *ACCOUNTS,
    ),
    Ending.UNKNOWN: Told(404, NOT_CONNECTED, _("We did not ask for this answer. Nothing was saved. Start again from Accounts."), *ACCOUNTS),
    Ending.OVER: Told(
        410,
        NOT_CONNECTED,
        _("The setup you came from is finished, discarded or changed. Nothing was saved. Start again from Accounts."),
        *ACCOUNTS,
    ),
}
SIGNED_OUT = Told(
    401,
    NOT_CONNECTED,
    _("You were signed out in the meantime. Nothing was saved. Sign in and start again from Accounts."),
    _("Sign in"),
    "/sign-in?next=/accounts",
)


@get("/oauth/{slug:str}/start", opt=needs(Permission.CONNECT))
async def start(
    slug: FromPath[str],
    request: Request[Any, Any, Any],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
) -> Response[str] | Redirect:
    """On to the marketplace: from a setup (`w`), or from the marketplace's own list of applications.

    A link and no form, because the page's policy lets no form lead to another site.
    """
    place, query = by_slug(slug), dict(request.query_params)
    invited = leaving.invitation(place, settings, query)
    wizard_id = _uuid(query.get("w", ""))
    if wizard_id is None:
        if invited is None:
            raise NotFound("setup")
        wizard_id = await _begun(request, viewer, place, invited, settings)
        if wizard_id is None:
            return await _ask(request, viewer, place, invited)
    try:
        address = await leaving.leave(
            viewer.seller_id, viewer.session_id, place, wizard_id, settings=settings, vault=vault, invited=invited
        )
    except Conflict:
        return _own_page(wizard_id)
    return Redirect(address, status_code=303, headers=QUIET)


async def _begun(request: Request[Any, Any, Any], viewer: Viewer, place: Marketplace, invited: Arrival, settings: Settings) -> UUID | None:
    """The setup she has chosen on our own page; None while she has not, or when another site chose for her."""
    chosen = request.query_params.get("as", "")
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin" or not chosen:
        return None
    known = await leaving.invited_to(viewer.seller_id, place, invited)
    account_id = None if chosen == NEW else _uuid(chosen)
    if (chosen == NEW) != (known is None) or (known is not None and (known.id != account_id or not viewer.recently_proven)):
        return None
    return (await leaving.begin_invited(viewer.seller_id, viewer.user_id, place, account_id, settings=settings)).id


async def _ask(request: Request[Any, Any, Any], viewer: Viewer, place: Marketplace, invited: Arrival) -> Response[str]:
    known = await leaving.invited_to(viewer.seller_id, place, invited)
    if known is not None:
        # Here and not on the way out: a password form that led on to another site would be stopped by the page's policy.
        await recently_authenticated(request, request.route_handler)
    href = with_query(request.url.path, {**request.query_params, "as": str(known.id) if known else NEW})
    return page(request, whole="connecting/invited.html", secure=True, headers=QUIET, place=place, known=known, href=href)


@get("/oauth/{slug:str}/return", opt=needs(Permission.ANYONE))
async def take_back(
    slug: FromPath[str],
    request: Request[Any, Any, Any],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
    jobs: NamedDependency[Jobs],
) -> Response[str] | Redirect:
    """Back from the marketplace, with a code or without. On success 303 to the live test, so that no code stays in the address.

    For anyone: whoever is signed out reads so here, instead of carrying a code along to the sign-in page.
    """
    place = by_slug(slug)
    viewer = request.state.get("viewer")
    if not isinstance(viewer, Viewer):
        return _ended(request, place, SIGNED_OUT, None)
    if not viewer.may(Permission.CONNECT):
        return _ended(request, place, TOLD[Ending.ELSEWHERE], None)
    back = await returning.come_back(
        viewer.seller_id, viewer.session_id, place, dict(request.query_params), settings=settings, vault=vault, jobs=jobs
    )
    if back.ending is Ending.TIMED_OUT:
        return _own_page(back.wizard_id)
    if back.ending is not None:
        return _ended(request, place, TOLD[back.ending], back.wizard_id)
    return Redirect(f"/connect/{back.wizard_id}/4", status_code=303, headers=QUIET)


def _own_page(wizard_id: UUID | None) -> Redirect:
    """To the setup itself, which says how it ended and offers to start again."""
    return Redirect(f"/connect/{wizard_id}", status_code=303, headers=QUIET)


def _ended(request: Request[Any, Any, Any], place: Marketplace, told: Told, wizard_id: UUID | None) -> Response[str]:
    return page(
        request,
        whole="connecting/not_connected.html",
        status=told.status,
        secure=True,
        headers=QUIET,
        place=place,
        told=told,
        href=told.href.format(slug=place.slug, wizard=wizard_id),
        other_way=f"/connect/{wizard_id}/1" if told.again else "",
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


ROUTES = (start, take_back)
