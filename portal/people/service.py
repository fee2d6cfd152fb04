"""Signing up, in and out; who is behind a session's token. Knows nothing of HTTP."""

import hashlib
import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from portal import clock, db
from portal.errors import BadInput, Conflict, NotFound, PortalError
from portal.people import passwords
from portal.people.permissions import Permission, permissions
from portal.people.throttling import Failures
from portal.tables.people import Role, Seller, SellerUser, Session

IDLE = timedelta(hours=24)
ABSOLUTE = timedelta(days=14)
SEEN_EVERY = timedelta(minutes=5)
"""How exactly we know when somebody was last here: a write on every request would buy nothing."""

_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")
_PRESENTLY = timedelta(minutes=15)


class WrongPassword(PortalError):
    """Nobody has this address, or it has another password; we do not say which."""

    code = "wrong_password"
    status = 422

    def __init__(self) -> None:
        super().__init__("This e-mail address and password do not belong together. Check both and try again.")


class TooManyTries(PortalError):
    """Too many wrong passwords; `until` says when the next one is looked at."""

    code = "too_many_tries"
    status = 429

    def __init__(self, until: datetime) -> None:
        minutes = max(1, ceil((until - clock.now()).total_seconds() / 60))
        wait = "1 minute" if minutes == 1 else f"{minutes} minutes"
        super().__init__(f"There were too many tries with a wrong password. Try again in {wait}.")
        self.until = until


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever is signed in, and for which business."""

    session_id: UUID
    user_id: UUID
    seller_id: UUID
    seller_name: str
    email: str
    name: str
    role: str

    @property
    def called(self) -> str:
        """How history names this person: the name, or the e-mail address where there is none."""
        return self.name or self.email

    def may(self, permission: Permission | str) -> bool:
        """Whether this person's role includes it. Templates write `viewer.may("see_money")`."""
        return permission in permissions(self.role)


class SignedUp(msgspec.Struct, frozen=True, kw_only=True):
    seller_id: UUID
    user_id: UUID


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One signed-in browser, as its owner may see it."""

    id: UUID
    device: str
    masked_address: str
    created_at: datetime
    last_seen_at: datetime


class Doorman:
    """Counts wrong passwords: per address for one e-mail, and per address over all e-mails.

    A stranger elsewhere who guesses at an e-mail address does not keep its owner out.
    """

    def __init__(self) -> None:
        self._one_email = Failures(limit=10, window=_PRESENTLY)
        self._one_address = Failures(limit=100, window=_PRESENTLY)

    def check(self, email: str, address: str) -> None:
        """Raises TooManyTries."""
        waits = (self._one_email.blocked_until(f"{address} {email}"), self._one_address.blocked_until(address))
        if until := max((wait for wait in waits if wait), default=None):
            raise TooManyTries(until)

    def refused(self, email: str, address: str) -> None:
        self._one_email.add(f"{address} {email}")
        self._one_address.add(address)

    def welcomed(self, email: str, address: str) -> None:
        self._one_email.clear(f"{address} {email}")


async def sign_up(*, business: str, email: str, password: str, name: str = "") -> SignedUp:
    """A new business and its owner. Raises BadInput with a sentence per field."""
    business, name, email = _tidy(business), _tidy(name), _folded(email)
    if mistakes := _mistakes(business=business, name=name, email=email, password=password):
        raise BadInput("Some of these details need another look.", fields=mistakes)
    seller = Seller(id=uuid4(), name=business, created_at=clock.now())
    owner = SellerUser(
        id=uuid4(),
        seller_id=seller.id,
        email=email,
        name=name,
        password_hash=await passwords.hashed(password),
        role=Role.OWNER,
        created_at=clock.now(),
    )
    try:
        async with db.transaction(seller.id):
            await seller.save()
            await owner.save()
    except asyncpg.UniqueViolationError:
        raise BadInput(
            "Some of these details need another look.",
            fields={"email": "This e-mail address has an account already. Sign in, or use another one."},
        ) from None
    return SignedUp(seller_id=seller.id, user_id=owner.id)


async def add_seller(*, name: str, email: str, password: str) -> dict[str, UUID]:
    """A business and its owner for the command line: `{"seller_id", "user_id"}`.

    Asked again with the same e-mail address and password it answers the same ids; with another password it raises Conflict.
    """
    found = await _behind(_folded(email))
    if found is None:
        made = await sign_up(business=name, email=email, password=password)
        return {"seller_id": made.seller_id, "user_id": made.user_id}
    if not await passwords.fits(password, found["password_hash"]):
        raise Conflict("This e-mail address has an account already, with another password.")
    return {"seller_id": found["seller_id"], "user_id": found["user_id"]}


async def sign_in(
    email: str, password: str, *, doorman: Doorman | None = None, device: str = "", address: str = "", masked_address: str = ""
) -> str:
    """The token of a new session; we keep only its hash. Raises WrongPassword, TooManyTries."""
    email = _folded(email)
    if doorman:
        doorman.check(email, address)
    found = await _behind(email)
    if not await passwords.fits(password, found["password_hash"] if found else None) or found is None:
        if doorman:
            doorman.refused(email, address)
        raise WrongPassword
    if doorman:
        doorman.welcomed(email, address)
    await _keep_up(found, password)
    return await open_session(found["seller_id"], found["user_id"], device=device, masked_address=masked_address)


async def open_session(seller_id: UUID, user_id: UUID, *, device: str = "", masked_address: str = "") -> str:
    """A session for a person we already know. Answers its token."""
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
        expires_at=now + ABSOLUTE,
    )
    async with db.transaction(seller_id):
        # Sessions nobody came back to end here at the latest.
        await Session.delete().where((Session.user_id == user_id) & ((Session.expires_at <= now) | (Session.last_seen_at <= now - IDLE)))
        await session.save()
    return token


async def current(token: str) -> Viewer | None:
    """Who is behind a token; None when its session never was, was ended, or is too old. A session past its time is removed."""
    found = await db.door("door_session", _digest(token))
    if not found:
        return None
    seller_id, session_id = found[0]["seller_id"], found[0]["session_id"]
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT s.expires_at, s.last_seen_at, u.id AS user_id, u.email, u.name, u.role, b.name AS seller_name
               FROM sessions s JOIN seller_users u ON u.id = s.user_id JOIN sellers b ON b.id = s.seller_id WHERE s.id = $1""",
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
    )


async def sign_out(viewer: Viewer) -> None:
    """End the session the person is using; its token opens nothing any more."""
    async with db.transaction(viewer.seller_id):
        await Session.delete().where(Session.id == viewer.session_id)


async def revoke(viewer: Viewer, session_id: UUID) -> None:
    """End another session of the same person. Raises NotFound for anybody else's."""
    async with db.transaction(viewer.seller_id):
        gone = await Session.delete().where((Session.id == session_id) & (Session.user_id == viewer.user_id)).returning(Session.id)
    if not gone:
        raise NotFound("device")


async def sessions(viewer: Viewer) -> list[Known]:
    """The person's live sessions, the latest used first."""
    now = clock.now()
    async with db.transaction(viewer.seller_id):
        rows = (
            await Session.select(Session.id, Session.device, Session.masked_address, Session.created_at, Session.last_seen_at)
            .where((Session.user_id == viewer.user_id) & (Session.expires_at > now) & (Session.last_seen_at > now - IDLE))
            .order_by(Session.last_seen_at, ascending=False)
        )
    return msgspec.convert(rows, list[Known])


async def owner_of(seller_id: UUID) -> str:
    """How to address the person who may change roles: the owner's name, or the e-mail address."""
    async with db.transaction(seller_id):
        row = await SellerUser.select(SellerUser.name, SellerUser.email).where(SellerUser.role == Role.OWNER).first()
    return (row["name"] or row["email"]) if row else "the owner"


async def _behind(email: str) -> Any:
    """user_id, seller_id and password_hash by e-mail address; None when nobody has it."""
    found = await db.door("door_sign_in", email)
    return found[0] if found else None


async def _keep_up(found: Any, password: str) -> None:
    if passwords.outdated(found["password_hash"]):
        fresh = await passwords.hashed(password)
        async with db.transaction(found["seller_id"]):
            await SellerUser.update({SellerUser.password_hash: fresh}).where(SellerUser.id == found["user_id"])


def _mistakes(*, business: str, name: str, email: str, password: str) -> dict[str, str]:
    found = {
        "business": _business_mistake(business),
        "name": "Use 120 characters or fewer." if len(name) > 120 else "",
        "email": _email_mistake(email),
        "password": passwords.mistake(password, email),
    }
    return {field: sentence for field, sentence in found.items() if sentence}


def _business_mistake(business: str) -> str:
    if not business:
        return "Enter the name of your business."
    return "Use 120 characters or fewer." if len(business) > 120 else ""


def _email_mistake(email: str) -> str:
    if not email:
        return "Enter your e-mail address."
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        return "Enter an e-mail address such as name@example.in."
    return ""


def _tidy(text: str) -> str:
    """One line without control characters. Joiners stay: Indian scripts are written with them."""
    return " ".join("".join(" " if unicodedata.category(letter) in {"Cc", "Cs"} else letter for letter in text).split())


def _folded(email: str) -> str:
    return _tidy(email).lower()


def _digest(token: str) -> bytes:
    # A token is 32 random bytes: nothing to guess, so a fast hash is enough.
    return hashlib.sha256(token.encode()).digest()
