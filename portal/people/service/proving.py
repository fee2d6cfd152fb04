"""Asking again who sits there, and keeping meanwhile what they were about to do."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import PortalError
from portal.people import passwords
from portal.people.service import second_step
from portal.people.service.entering import Visit
from portal.people.service.sessions import PROVEN_FOR, Viewer, prove
from portal.people.throttling import admit, at_the_door, welcome
from portal.tables.audit import Action, Result
from portal.tables.people import IntendedPost, SellerUser
from portal.vault import Vault


class NotYou(PortalError):
    """What was typed is not what this person signs in with."""

    code = "not_you"
    status = 422

    def __init__(self) -> None:
        super().__init__("This is not what you sign in with. Check it and try again.")


class Intended(msgspec.Struct, frozen=True, kw_only=True):
    """A POST that waits for its sender to be asked again: where it goes and the fields it carries."""

    path: str
    fields: list[tuple[str, str]]


async def keep_intended(viewer: Viewer, path: str, fields: Sequence[tuple[str, str]]) -> UUID:
    """Keep a POST of this session for ten minutes. Answers its id. What an earlier one left behind goes."""
    kept = IntendedPost(
        id=uuid4(),
        seller_id=viewer.seller_id,
        session_id=viewer.session_id,
        path=path,
        fields=msgspec.json.encode(fields).decode(),
        expires_at=clock.now() + PROVEN_FOR,
    )
    async with db.transaction(viewer.seller_id):
        await IntendedPost.delete().where((IntendedPost.session_id == viewer.session_id) & (IntendedPost.expires_at <= clock.now()))
        await kept.save()
    return kept.id


async def take_intended(viewer: Viewer, intended_id: UUID) -> Intended | None:
    """The kept POST, once; None when it was taken, is too old, or belongs to another session."""
    async with db.transaction(viewer.seller_id):
        rows = (
            await IntendedPost.delete()
            .where((IntendedPost.id == intended_id) & (IntendedPost.session_id == viewer.session_id))
            .returning(IntendedPost.path, IntendedPost.fields, IntendedPost.expires_at)
        )
    if not rows or rows[0]["expires_at"] <= clock.now():
        return None
    return Intended(path=rows[0]["path"], fields=msgspec.json.decode(rows[0]["fields"], type=list[tuple[str, str]]))


async def reauthenticate(viewer: Viewer, password: str, code: str, *, vault: Vault, visit: Visit) -> str:
    """The session's new token, proven from now. `code` only where the second step is on.

    Raises NotYou, WrongCode, TooManyTries: guesses here count as guesses at the door.
    """
    tries = at_the_door(viewer.email, visit.address, known=visit.known)
    await admit(tries)
    async with db.transaction(viewer.seller_id):
        row = await SellerUser.select(SellerUser.password_hash).where(SellerUser.id == viewer.user_id).first()
    if not await passwords.fits(password, row["password_hash"] if row else None):
        await audit.write(viewer.seller_id, Action.PROOF_REFUSED, "Password not right", actor=viewer.called, result=Result.REFUSED)
        raise NotYou
    await welcome(tries)
    if viewer.second_step:
        try:
            await second_step.check(viewer.seller_id, viewer.user_id, code, vault, known=visit.known)
        except second_step.WrongCode:
            await audit.write(viewer.seller_id, Action.PROOF_REFUSED, "Code not right", actor=viewer.called, result=Result.REFUSED)
            raise
    return await prove(viewer)
