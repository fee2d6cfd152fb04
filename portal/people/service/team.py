"""Who works for a business, in which role, and who is asked to join."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec

from portal import clock, db, mail
from portal.audit import service as audit
from portal.errors import BadInput, Conflict, NotFound, NotPermitted
from portal.language import gettext
from portal.outbox import service as outbox
from portal.people import passwords
from portal.people.service import letters
from portal.people.service.entering import email_mistake, folded, name_mistake, tidy
from portal.people.service.resetting import LinkSpent
from portal.people.service.sessions import Viewer, revoke_all
from portal.tables.audit import Action
from portal.tables.people import Invitation, Role, Seller, SellerUser

LASTS = timedelta(days=7)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the team, as the team's page shows them."""

    id: UUID
    email: str
    name: str
    role: str
    second_step: bool
    created_at: datetime


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was asked and has not come yet."""

    id: UUID
    email: str
    role: str
    invited_by: str
    expires_at: datetime


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What an invitation says to the invited."""

    id: UUID
    seller_id: UUID
    business: str
    email: str
    role: str
    invited_by: str


async def members(viewer: Viewer) -> list[Member]:
    """Everybody of the team, the longest there first."""
    async with db.transaction(viewer.seller_id) as held:
        rows = await held.fetch(
            """SELECT u.id, u.email, u.name, u.role, u.created_at, f.confirmed_at IS NOT NULL AS second_step
               FROM seller_users u LEFT JOIN second_factors f ON f.user_id = u.id ORDER BY u.created_at, u.email"""
        )
    return [msgspec.convert(dict(row), Member) for row in rows]


async def invitations(viewer: Viewer) -> list[Invited]:
    """Who was asked and may still come, the latest first."""
    async with db.transaction(viewer.seller_id):
        rows = (
            await Invitation.select(Invitation.id, Invitation.email, Invitation.role, Invitation.invited_by, Invitation.expires_at)
            .where(Invitation.accepted_at.is_null() & (Invitation.expires_at > clock.now()))
            .order_by(Invitation.created_at, ascending=False)
        )
    return msgspec.convert(rows, list[Invited])


def roles_to_give(viewer: Viewer) -> Sequence[Role]:
    """An owner may make another owner; an admin may give every other role."""
    return [role for role in Role if role is not Role.OWNER or viewer.role == Role.OWNER]


async def change_role(viewer: Viewer, user_id: UUID, role: str) -> Member:
    """Give somebody another role; they sign in again. Raises NotFound, NotPermitted, BadInput, Conflict."""
    given = _role(viewer, role)
    async with db.transaction(viewer.seller_id):
        row = await _member(viewer, user_id)
        if row.role != given:
            told, was = row.name or row.email, row.role
            row.role = given
            await row.save([SellerUser.role])
            # What their browsers hold was given for another role.
            await revoke_all(viewer.seller_id, user_id)
            await letters.changed(viewer.seller_id, row.email, f"{viewer.called} gave you the role {given.capitalize()}.")
            await audit.write(
                viewer.seller_id,
                Action.ROLE_CHANGED,
                f"{told}: {given.capitalize()}",
                before=f"{told}: {was.capitalize()}",
                actor=viewer.called,
            )
    return Member(id=row.id, email=row.email, name=row.name, role=row.role, second_step=False, created_at=row.created_at)


async def remove(viewer: Viewer, user_id: UUID) -> str:
    """Take somebody out of the team; their sessions end. Answers how they are called. Raises NotFound, NotPermitted, Conflict."""
    async with db.transaction(viewer.seller_id):
        row = await _member(viewer, user_id)
        await SellerUser.delete().where(SellerUser.id == user_id)
        await audit.write(
            viewer.seller_id, Action.MEMBER_REMOVED, before=f"{row.name or row.email}: {row.role.capitalize()}", actor=viewer.called
        )
    return row.name or row.email


async def invite(viewer: Viewer, email: str, role: str) -> None:
    """Ask somebody to join. Asking again sends a new link, and the old one ends. Raises BadInput."""
    email, given = folded(email), _role(viewer, role)
    if sentence := email_mistake(email):
        raise BadInput("This invitation needs another look.", fields={"email": sentence})
    if await db.door("door_sign_in", email):
        raise BadInput(
            "This invitation needs another look.", fields={"email": "This e-mail address has an account already. Use another one."}
        )
    now = clock.now()
    invitation = Invitation(
        id=uuid4(), seller_id=viewer.seller_id, email=email, role=given, invited_by=viewer.called, created_at=now, expires_at=now + LASTS
    )
    async with db.transaction(viewer.seller_id):
        await Invitation.delete().where((Invitation.email == email) & Invitation.accepted_at.is_null())
        await invitation.save()
        await outbox.post(
            viewer.seller_id,
            to=email,
            # In the inviter's language: nobody knows the reader's yet.
            subject=gettext("%(who)s invites you to %(business)s", who=viewer.called, business=viewer.seller_name),
            body=(
                gettext(
                    "%(who)s would like you to join %(business)s on the seller portal, in the role %(role)s.",
                    who=viewer.called,
                    business=viewer.seller_name,
                    role=gettext(given.capitalize()),
                ),
                gettext("Accept here, within 7 days:"),
            ),
            link=path_of(invitation.id),
            signed=True,
            lasts=LASTS,
        )
        await audit.write(viewer.seller_id, Action.INVITED, f"{email}: {given.capitalize()}", actor=viewer.called)


async def withdraw(viewer: Viewer, invitation_id: UUID) -> None:
    """An invitation that nobody accepted leads nowhere any more. Raises NotFound."""
    async with db.transaction(viewer.seller_id):
        gone = (
            await Invitation.delete().where((Invitation.id == invitation_id) & Invitation.accepted_at.is_null()).returning(Invitation.email)
        )
        if not gone:
            raise NotFound("invitation")
        await audit.write(viewer.seller_id, Action.INVITATION_WITHDRAWN, before=gone[0]["email"], actor=viewer.called)


def path_of(invitation_id: UUID) -> str:
    return f"/invitations/{invitation_id}"


async def offer(invitation_id: UUID, given: str, secret: str) -> Offer:
    """What a link from an invitation offers. Raises LinkSpent."""
    seller_id = await db.seller_of("door_invitation", invitation_id) if mail.fits(secret, path_of(invitation_id), given) else None
    if seller_id is None:
        raise _spent()
    async with db.transaction(seller_id):
        row = (
            await Invitation.objects()
            .where((Invitation.id == invitation_id) & Invitation.accepted_at.is_null() & (Invitation.expires_at > clock.now()))
            .first()
        )
        business = await Seller.select(Seller.name).first()
    if row is None or business is None:
        raise _spent()
    return Offer(id=row.id, seller_id=seller_id, business=business["name"], email=row.email, role=row.role, invited_by=row.invited_by)


async def accept(found: Offer, *, name: str, password: str) -> UUID:
    """The new member's id. Raises LinkSpent, BadInput."""
    name = tidy(name)
    mistakes = {"name": name_mistake(name), "password": passwords.mistake(password, found.email)}
    if fields := {field: sentence for field, sentence in mistakes.items() if sentence}:
        raise BadInput("Some of these details need another look.", fields=fields)
    user = SellerUser(
        id=uuid4(),
        seller_id=found.seller_id,
        email=found.email,
        name=name,
        password_hash=await passwords.hashed(password),
        role=found.role,
        created_at=clock.now(),
    )
    try:
        async with db.transaction(found.seller_id):
            taken = (
                await Invitation.update({Invitation.accepted_at: clock.now()})
                .where((Invitation.id == found.id) & Invitation.accepted_at.is_null())
                .returning(Invitation.id)
            )
            if not taken:
                raise _spent()
            await user.save()
            await audit.write(
                found.seller_id, Action.JOINED, f"{name or found.email}: {found.role.capitalize()}", actor=name or found.email
            )
    except asyncpg.UniqueViolationError:
        raise BadInput(
            "Some of these details need another look.", fields={"password": "This e-mail address has an account by now. Sign in with it."}
        ) from None
    return user.id


def _role(viewer: Viewer, role: str) -> Role:
    if role not in set(Role):
        raise BadInput("Choose a role.", fields={"role": "Choose a role."})
    if role not in roles_to_give(viewer):
        raise NotPermitted("Only an owner can make somebody an owner.")
    return Role(role)


async def _member(viewer: Viewer, user_id: UUID) -> SellerUser:
    """The other person's row, when the viewer may change it and an owner is left afterwards.

    Changes of one team go one after the other: two owners who demote each other in the same moment would leave none.
    """
    await db.connection().execute("SELECT FROM sellers FOR UPDATE")
    people = {row.id: row for row in await SellerUser.objects()}
    asking, row = people.get(viewer.user_id), people.get(user_id)
    if asking is None or row is None:
        raise NotFound("person")
    if row.id == viewer.user_id:
        raise Conflict("You cannot change your own role or remove yourself. Ask somebody else who may.")
    if row.role == Role.OWNER and asking.role != Role.OWNER:
        raise NotPermitted("Only an owner can change another owner.")
    if asking.role != viewer.role:
        raise Conflict("Your own role has just changed. Load the page again.")
    return row


def _spent() -> LinkSpent:
    return LinkSpent("This invitation has been used, withdrawn, or is older than 7 days. Ask for a new one.")
