"""A new password: chosen by somebody signed in, or through a link in a mail by somebody who is not."""

from datetime import timedelta
from uuid import UUID, uuid4

from portal import clock, db, language, mail
from portal.audit import service as audit
from portal.errors import BadInput, PortalError
from portal.language import gettext
from portal.outbox import service as outbox
from portal.people import passwords
from portal.people.service import letters
from portal.people.service.entering import Visit, folded
from portal.people.service.letters import language_of
from portal.people.service.sessions import Viewer, revoke_all, revoke_others, rotate
from portal.people.throttling import RESETS, RESETS_FROM_ONE_ADDRESS, Counted, TooManyTries, admit, at_the_door, welcome
from portal.tables.audit import Action
from portal.tables.people import PasswordReset, SellerUser

LASTS = timedelta(minutes=30)


class LinkSpent(PortalError):
    """A link from a mail that was used, is too old, or was never ours."""

    code = "link_spent"
    status = 410

    def __init__(self, seller_message: str) -> None:
        super().__init__(seller_message)


async def knock(visit: Visit) -> None:
    """Count that somebody at this address asks for a new password. Raises TooManyTries."""
    await admit([Counted(RESETS_FROM_ONE_ADDRESS, visit.address)])


async def send_reset(email: str) -> None:
    """A mail with a link, if somebody has this e-mail address; three an hour at most. The caller cannot tell which it was."""
    email = folded(email)
    try:
        await admit([Counted(RESETS, email)])
    except TooManyTries:
        return
    found = await db.door("door_sign_in", email)
    if not found:
        return
    seller_id, now = found[0]["seller_id"], clock.now()
    reset = PasswordReset(id=uuid4(), seller_id=seller_id, user_id=found[0]["user_id"], created_at=now, expires_at=now + LASTS)
    async with db.transaction(seller_id):
        await PasswordReset.delete().where((PasswordReset.user_id == reset.user_id) & (PasswordReset.expires_at < now - LASTS))
        await reset.save()
        await audit.write(seller_id, Action.RESET_ASKED, f"Link for a new password sent to {email}", actor=email)
        with language.speaking(await language_of(seller_id, email)):
            subject = gettext("Choose a new password")
            body = (
                gettext("Somebody asked for a new password for your account. Was it you? Choose one here, within 30 minutes."),
                gettext("If not, you need not do anything: your password stays as it is."),
            )
        await outbox.post(seller_id, to=email, subject=subject, body=body, link=path_of(reset.id), signed=True, lasts=LASTS)


def path_of(reset_id: UUID) -> str:
    return f"/reset-password/{reset_id}"


async def check_link(reset_id: UUID, given: str, secret: str) -> None:
    """Raises LinkSpent unless the link may still be used."""
    await _waiting(reset_id, given, secret)


async def reset(reset_id: UUID, given: str, secret: str, password: str, *, visit: Visit) -> None:
    """Set the password and end all the person's sessions, once. Raises LinkSpent, BadInput."""
    seller_id, user_id, email = await _waiting(reset_id, given, secret)
    hashed = await _hashed(password, email)
    async with db.transaction(seller_id):
        # All links of this person end with the first that is used. Whoever is second finds none.
        used = (
            await PasswordReset.update({PasswordReset.used_at: clock.now()})
            .where((PasswordReset.user_id == user_id) & PasswordReset.used_at.is_null())
            .returning(PasswordReset.id)
        )
        if reset_id not in {row["id"] for row in used}:
            raise _spent()
        await SellerUser.update({SellerUser.password_hash: hashed}).where(SellerUser.id == user_id)
        await revoke_all(seller_id, user_id)
        await letters.changed(seller_id, email, "Your password was changed.")
        await audit.write(seller_id, Action.PASSWORD_CHANGED, "By the link in a mail. All devices signed out.", actor=email)
    # Who forgot the password has likely tried a few; those need not be waited for.
    await welcome(at_the_door(email, visit.address, known=visit.known))


async def change(viewer: Viewer, password: str) -> str:
    """A new password for somebody who has just shown the old one. Signs the other browsers out, answers this one's new token."""
    hashed = await _hashed(password, viewer.email)
    async with db.transaction(viewer.seller_id):
        await SellerUser.update({SellerUser.password_hash: hashed}).where(SellerUser.id == viewer.user_id)
        await revoke_others(viewer)
        await letters.changed(viewer.seller_id, viewer.email, "Your password was changed.")
        await audit.write(viewer.seller_id, Action.PASSWORD_CHANGED, "Other devices signed out.", actor=viewer.called)
        return await rotate(viewer)


async def _waiting(reset_id: UUID, given: str, secret: str) -> tuple[UUID, UUID, str]:
    seller_id = await db.seller_of("door_password_reset", reset_id) if mail.fits(secret, path_of(reset_id), given) else None
    if seller_id is None:
        raise _spent()
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT r.user_id, u.email FROM password_resets r JOIN seller_users u ON u.id = r.user_id
               WHERE r.id = $1 AND r.used_at IS NULL AND r.expires_at > $2""",
            reset_id,
            clock.now(),
        )
    if row is None:
        raise _spent()
    return seller_id, row["user_id"], row["email"]


async def _hashed(password: str, email: str) -> str:
    if sentence := passwords.mistake(password, email):
        raise BadInput("Choose another password.", fields={"password": sentence})
    return await passwords.hashed(password)


def _spent() -> LinkSpent:
    return LinkSpent("This link has been used, or is older than 30 minutes. Ask for a new one.")
