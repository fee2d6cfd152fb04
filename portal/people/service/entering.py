"""Signing up and in: the ways to a session. Knows nothing of HTTP."""

import re
import unicodedata
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from portal import clock, db
from portal.errors import BadInput, Conflict, PortalError
from portal.people import passwords
from portal.people.service.sessions import open_session
from portal.people.throttling import Failures
from portal.tables.people import Role, Seller, SellerUser

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


class SignedUp(msgspec.Struct, frozen=True, kw_only=True):
    seller_id: UUID
    user_id: UUID


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
