"""Signing up and in: the ways to a session. Knows nothing of HTTP."""

import re
import unicodedata
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import BadInput, Conflict, PortalError
from portal.people import passwords
from portal.people.service.sessions import open_session, second_step_on
from portal.people.throttling import admit, at_the_door, welcome
from portal.tables.audit import Action, Result
from portal.tables.people import Role, Seller, SellerUser

_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")


class WrongPassword(PortalError):
    """Nobody has this address, or it has another password; we do not say which."""

    code = "wrong_password"
    status = 422

    def __init__(self) -> None:
        super().__init__("This e-mail address and password do not belong together. Check both and try again.")


class SignedUp(msgspec.Struct, frozen=True, kw_only=True):
    seller_id: UUID
    user_id: UUID


class Visit(NamedTuple):
    """From where somebody knocks. `address` is only counted; `known` says that this browser has been let into this account before."""

    device: str = ""
    address: str = ""
    masked_address: str = ""
    known: bool = False


class SignedIn(NamedTuple):
    """The token of a new session. Where it is `half`, the second step is still to come and it opens nothing yet."""

    token: str
    half: bool = False


async def sign_up(*, business: str, email: str, password: str, name: str = "") -> SignedUp:
    """A new business and its owner. Raises BadInput with a sentence per field."""
    business, name, email = tidy(business), tidy(name), folded(email)
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
            await audit.write(seller.id, Action.SIGNED_UP, f"{business} with its owner {email}", actor=name or email)
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
    found = await _behind(folded(email))
    if found is None:
        made = await sign_up(business=name, email=email, password=password)
        return {"seller_id": made.seller_id, "user_id": made.user_id}
    if not await passwords.fits(password, found["password_hash"]):
        raise Conflict("This e-mail address has an account already, with another password.")
    return {"seller_id": found["seller_id"], "user_id": found["user_id"]}


async def sign_in(email: str, password: str, *, visit: Visit | None = None) -> SignedIn:
    """A new session; of its token we keep only the hash. Raises WrongPassword, TooManyTries.

    Without a `visit` nothing is counted: for whoever is on this machine already.
    """
    email, where = folded(email), visit or Visit()
    tries = at_the_door(email, where.address, known=where.known) if visit else ()
    if tries:
        await admit(tries)
    found = await _behind(email)
    if not await passwords.fits(password, found["password_hash"] if found else None) or found is None:
        raise WrongPassword
    if tries:
        await welcome(tries)
    await _keep_up(found, password)
    half = await second_step_on(found["seller_id"], found["user_id"])
    token = await open_session(found["seller_id"], found["user_id"], device=where.device, masked_address=where.masked_address, half=half)
    return SignedIn(token, half)


async def put_refusal_on_record(email: str) -> None:
    """A wrong password, on the trail of whoever has this address; nowhere for an address that nobody has.

    Called after the answer is sent, so that the time it takes tells nobody which it was.
    """
    email = folded(email)
    found = await _behind(email)
    if found is not None:
        await audit.write(found["seller_id"], Action.SIGN_IN_REFUSED, "Password not right", actor=email, result=Result.REFUSED)


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
        "name": name_mistake(name),
        "email": email_mistake(email),
        "password": passwords.mistake(password, email),
    }
    return {field: sentence for field, sentence in found.items() if sentence}


def _business_mistake(business: str) -> str:
    if not business:
        return "Enter the name of your business."
    return "Use 120 characters or fewer." if len(business) > 120 else ""


def email_mistake(email: str) -> str:
    """The sentence for what cannot be an e-mail address; empty when it can."""
    if not email:
        return "Enter your e-mail address."
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        return "Enter an e-mail address such as name@example.in."
    return ""


def name_mistake(name: str) -> str:
    return "Use 120 characters or fewer." if len(name) > 120 else ""


def tidy(text: str) -> str:
    """One line without control characters. Joiners stay: Indian scripts are written with them."""
    return " ".join("".join(" " if unicodedata.category(letter) in {"Cc", "Cs"} else letter for letter in text).split())


def folded(email: str) -> str:
    """An e-mail address as we keep it."""
    return tidy(email).lower()
