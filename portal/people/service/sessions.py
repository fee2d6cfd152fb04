"""Signed-in browsers: who is behind a session's token, for how long, and since when it is proven. Knows nothing of HTTP."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from piccolo.columns import Column

from portal import clock, db
from portal.audit import service as audit
from portal.errors import NotFound
from portal.people.permissions import Permission, permissions
from portal.tables.audit import Action
from portal.tables.people import Role, SecondFactor, SellerUser, Session

IDLE = timedelta(hours=24)
ABSOLUTE = timedelta(days=14)
SEEN_EVERY = timedelta(minutes=5)
"""How exactly we know when somebody was last here: a write on every request would buy nothing."""

HALF_WAY = timedelta(minutes=10)
"""How long somebody may look for their phone between password and code."""

PROVEN_FOR = timedelta(minutes=10)
"""How long a password or a code vouches for whoever sits at the browser."""


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever is signed in, and for which business."""

    session_id: UUID
    user_id: UUID
    seller_id: UUID
    seller_name: str
    email: str
    name: str
    role: str
    language: str = ""
    """Code of the language this person has chosen; empty for none."""
    proven_at: datetime | None = None
    """When this browser last showed a password or a code."""
    second_step: bool = False

    @property
    def recently_proven(self) -> bool:
        """Whether what only the person knows was asked for within the last ten minutes."""
        return self.proven_at is not None and clock.now() < self.proven_at + PROVEN_FOR

    @property
    def called(self) -> str:
        """How history names this person: the name, or the e-mail address where there is none."""
        return self.name or self.email

    def may(self, permission: Permission | str) -> bool:
        """Whether this person's role includes it. Templates write `viewer.may("see_money")`."""
        return permission in permissions(self.role)


class HalfWay(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody between password and code."""

    session_id: UUID
    seller_id: UUID
    user_id: UUID
    email: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One signed-in browser, as its owner may see it."""

    id: UUID
    device: str
    masked_address: str
    created_at: datetime
    last_seen_at: datetime


async def open_session(seller_id: UUID, user_id: UUID, *, device: str = "", masked_address: str = "", half: bool = False) -> str:
    """A session for a person who has just shown who they are. Answers its token.

    A `half` one opens nothing until the second step is done, within ten minutes.
    """
    token, now = secrets.token_urlsafe(32), clock.now()
    session = Session(
        id=uuid4(),
        seller_id=seller_id,
        user_id=user_id,
        token_hash=_digest(token),
        device=device[:120],
        masked_address=masked_address[:60],
        created_at=now,
        last_seen_at=now,
        expires_at=now + (HALF_WAY if half else ABSOLUTE),
        proven_at=None if half else now,
        half=half,
    )
    async with db.transaction(seller_id):
        # Sessions nobody came back to end here at the latest.
        await Session.delete().where((Session.user_id == user_id) & ((Session.expires_at <= now) | (Session.last_seen_at <= now - IDLE)))
        await session.save()
        if not half:
            await audit.write(seller_id, Action.SIGNED_IN, actor=await audit.called(user_id))
    return token


async def current(token: str) -> Viewer | None:
    """Who is behind a token; None when its session never was, was ended, or is too old. A session past its time is removed."""
    found = await db.door("door_session", _digest(token))
    if not found:
        return None
    seller_id, session_id = found[0]["seller_id"], found[0]["session_id"]
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT s.expires_at, s.last_seen_at, s.proven_at, u.id AS user_id, u.email, u.name, u.role, u.language, b.name AS seller_name,
                      f.confirmed_at IS NOT NULL AS second_step
               FROM sessions s JOIN seller_users u ON u.id = s.user_id JOIN sellers b ON b.id = s.seller_id
               LEFT JOIN second_factors f ON f.user_id = u.id WHERE s.id = $1 AND NOT s.half""",
            session_id,
        )
        if row is None:
            return None
        now = clock.now()
        if now >= row["expires_at"] or now >= row["last_seen_at"] + IDLE:
            await Session.delete().where(Session.id == session_id)
            return None
        if now >= row["last_seen_at"] + SEEN_EVERY:
            await Session.update({Session.last_seen_at: now}).where(Session.id == session_id)
    return Viewer(
        session_id=session_id,
        user_id=row["user_id"],
        seller_id=seller_id,
        seller_name=row["seller_name"],
        email=row["email"],
        name=row["name"],
        role=row["role"],
        language=row["language"],
        proven_at=row["proven_at"],
        second_step=row["second_step"],
    )


async def choose_language(viewer: Viewer, code: str) -> None:
    """Keeps the language this person reads in, on every device. `code` is one of `portal.language.LANGUAGES`."""
    async with db.transaction(viewer.seller_id):
        await SellerUser.update({SellerUser.language: code}).where(SellerUser.id == viewer.user_id)


async def half_way(token: str) -> HalfWay | None:
    """Who has given the right password and not yet the code; None for any other token, and after ten minutes."""
    found = await db.door("door_session", _digest(token))
    if not found:
        return None
    async with db.transaction(found[0]["seller_id"]) as held:
        row = await held.fetchrow(
            """SELECT s.id AS session_id, s.seller_id, s.user_id, u.email FROM sessions s JOIN seller_users u ON u.id = s.user_id
               WHERE s.id = $1 AND s.half AND s.expires_at > $2""",
            found[0]["session_id"],
            clock.now(),
        )
    return msgspec.convert(dict(row), HalfWay) if row else None


async def complete(half: HalfWay) -> str:
    """The second step is done: the session opens everything, under a new token."""
    token, now = secrets.token_urlsafe(32), clock.now()
    async with db.transaction(half.seller_id):
        await Session.update(
            {
                Session.half: False,
                Session.token_hash: _digest(token),
                Session.last_seen_at: now,
                Session.proven_at: now,
                Session.expires_at: now + ABSOLUTE,
            }
        ).where(Session.id == half.session_id)
        await audit.write(half.seller_id, Action.SIGNED_IN, "With the second step", actor=await audit.called(half.user_id))
    return token


async def second_step_on(seller_id: UUID, user_id: UUID) -> bool:
    """Whether this person signs in with a code besides the password."""
    async with db.transaction(seller_id):
        return await SecondFactor.exists().where((SecondFactor.user_id == user_id) & SecondFactor.confirmed_at.is_not_null())


async def prove(viewer: Viewer) -> str:
    """The person has shown again who they are: ten minutes begin, under a new token, which is answered. The old one opens nothing."""
    return await _renewed(viewer, {Session.proven_at: clock.now()})


async def rotate(viewer: Viewer) -> str:
    """A new token for the same session, after whatever changes what the person may do. The old one opens nothing."""
    return await _renewed(viewer, {})


async def _renewed(viewer: Viewer, values: dict[Column | str, Any]) -> str:
    token = secrets.token_urlsafe(32)
    async with db.transaction(viewer.seller_id):
        changed = (
            await Session.update({**values, Session.token_hash: _digest(token)})
            .where(Session.id == viewer.session_id)
            .returning(Session.id)
        )
    if not changed:
        raise NotFound("device")
    return token


async def lives(seller_id: UUID, session_id: UUID) -> bool:
    """Whether a session that was somebody's a moment ago still is."""
    async with db.transaction(seller_id):
        return await Session.exists().where((Session.id == session_id) & Session.half.eq(False))


def topic(session_id: UUID) -> str:
    """What the database nudges when a session's row goes, for whatever reason: its trigger on `sessions` writes the same words."""
    return f"session:{session_id}"


async def sign_out(viewer: Viewer) -> None:
    """End the session the person is using; its token opens nothing any more."""
    async with db.transaction(viewer.seller_id):
        await Session.delete().where(Session.id == viewer.session_id)
        await audit.write(viewer.seller_id, Action.SIGNED_OUT, actor=viewer.called)


async def revoke(viewer: Viewer, session_id: UUID) -> None:
    """End another session of the same person. Raises NotFound for anybody else's."""
    async with db.transaction(viewer.seller_id):
        gone = await Session.delete().where((Session.id == session_id) & (Session.user_id == viewer.user_id)).returning(Session.device)
        if not gone:
            raise NotFound("device")
        await audit.write(viewer.seller_id, Action.SESSIONS_ENDED, f"1 device: {gone[0]['device']}", actor=viewer.called)


async def revoke_others(viewer: Viewer) -> int:
    """End all sessions of this person but the present one. Answers how many there were."""
    async with db.transaction(viewer.seller_id):
        gone = await Session.delete().where((Session.user_id == viewer.user_id) & (Session.id != viewer.session_id)).returning(Session.id)
        if gone:
            await audit.write(viewer.seller_id, Action.SESSIONS_ENDED, f"{len(gone)} other devices", actor=viewer.called)
    return len(gone)


async def revoke_all(seller_id: UUID, user_id: UUID) -> None:
    """End every session of a person, wherever it is."""
    async with db.transaction(seller_id):
        await Session.delete().where(Session.user_id == user_id)


async def sessions(viewer: Viewer) -> list[Known]:
    """The person's live sessions, the latest used first."""
    now = clock.now()
    async with db.transaction(viewer.seller_id):
        rows = (
            await Session.select(Session.id, Session.device, Session.masked_address, Session.created_at, Session.last_seen_at)
            .where(
                (Session.user_id == viewer.user_id)
                & Session.half.eq(False)
                & (Session.expires_at > now)
                & (Session.last_seen_at > now - IDLE)
            )
            .order_by(Session.last_seen_at, ascending=False)
        )
    return msgspec.convert(rows, list[Known])


async def owner_of(seller_id: UUID) -> str:
    """How to address the person who may change roles: the owner's name, or the e-mail address."""
    async with db.transaction(seller_id):
        row = await SellerUser.select(SellerUser.name, SellerUser.email).where(SellerUser.role == Role.OWNER).first()
    return (row["name"] or row["email"]) if row else "the owner"


def _digest(token: str) -> bytes:
    # A token is 32 random bytes: nothing to guess, so a fast hash is enough.
    return hashlib.sha256(token.encode()).digest()
