"""The second step: six figures from an authenticator app (RFC 6238), or one of ten recovery codes.

The app's secret is sealed with a key that follows from the key rings, so a stolen database holds no second steps. The recovery codes
are kept as keyed hashes.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import msgspec
import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal import clock, db
from portal.audit import service as audit
from portal.errors import BadInput, Conflict, Misconfigured, SecretUnreadable
from portal.people.service import letters
from portal.people.service.sessions import HalfWay, Viewer, complete, revoke_others, rotate
from portal.people.throttling import CODES, Counted, admit, welcome
from portal.tables.audit import Action, Result
from portal.tables.people import RecoveryCode, SecondFactor
from portal.vault import Vault

ISSUER = "Seller portal"
STEP_S = 30
RECOVERY_CODES = 10
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""What a person copies from paper without mistaking one for another."""


class WrongCode(BadInput):
    """Not the code of this moment, used before, or none of the recovery codes that are left."""

    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__(
            "This code does not fit.", fields={"code": "Enter the six figures your app shows now, or a recovery code you have not used."}
        )


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What an app has to know: `uri` for its camera, `secret` to type. A secret itself; its repr says nothing."""

    secret: str
    uri: str

    def __repr__(self) -> str:
        return "Enrolment(…)"


async def begin(viewer: Viewer, vault: Vault) -> None:
    """Make a secret for a new app. Nothing changes for signing in before `confirm`. Raises Conflict when it is on already."""
    async with db.transaction(viewer.seller_id):
        held = await _factor(viewer.user_id)
        if held is not None and held.confirmed_at is not None:
            raise Conflict("The second step is on already.")
        if held is not None:
            await held.remove()
        sealed = _seal(vault, viewer.user_id, pyotp.random_base32())
        await SecondFactor(user_id=viewer.user_id, seller_id=viewer.seller_id, sealed=sealed, created_at=clock.now()).save()


async def enrolment(viewer: Viewer, vault: Vault) -> Enrolment | None:
    """What to show until the app is confirmed; None before `begin` and after `confirm`: nothing shows the secret again.

    Raises SecretUnreadable, which is on record then.
    """
    async with _opening(viewer.seller_id, viewer.user_id):
        held = await _factor(viewer.user_id)
        if held is None or held.confirmed_at is not None:
            return None
        secret = _open(vault, viewer.user_id, held.sealed)
    return Enrolment(secret=secret, uri=pyotp.TOTP(secret).provisioning_uri(name=viewer.email, issuer_name=ISSUER))


async def confirm(viewer: Viewer, code: str, vault: Vault) -> tuple[list[str], str]:
    """Turn it on: the recovery codes, shown this once, and the session's new token. Raises WrongCode, Conflict, SecretUnreadable.

    Other browsers are signed out: they came in without a second step.
    """
    await _counted(viewer.user_id, known=True)
    async with _opening(viewer.seller_id, viewer.user_id):
        held = await _factor(viewer.user_id)
        if held is None or held.confirmed_at is not None:
            raise Conflict("There is nothing to confirm. Load the page again.")
        held.last_step = _step(code, _open(vault, viewer.user_id, held.sealed), held.last_step)
        held.confirmed_at = clock.now()
        await held.save([SecondFactor.last_step, SecondFactor.confirmed_at])
        codes = await _new_codes(viewer, vault)
        await revoke_others(viewer)
        await letters.changed(viewer.seller_id, viewer.email, "The second step of your sign-in was turned on.")
        await audit.write(viewer.seller_id, Action.SECOND_STEP_ON, "On", before="Off", actor=viewer.called)
        token = await rotate(viewer)
    await welcome([_count(viewer.user_id, known=True)])
    return codes, token


async def turn_off(viewer: Viewer) -> str:
    """Sign in with the password alone from now on. Answers the session's new token."""
    async with db.transaction(viewer.seller_id):
        await SecondFactor.delete().where(SecondFactor.user_id == viewer.user_id)
        await RecoveryCode.delete().where(RecoveryCode.user_id == viewer.user_id)
        await letters.changed(viewer.seller_id, viewer.email, "The second step of your sign-in was turned off.")
        await audit.write(viewer.seller_id, Action.SECOND_STEP_OFF, "Off", before="On", actor=viewer.called)
        return await rotate(viewer)


async def renew_codes(viewer: Viewer, vault: Vault) -> list[str]:
    """Ten new recovery codes, shown this once; those from before open nothing any more. Raises Conflict when the second step is off."""
    async with db.transaction(viewer.seller_id):
        held = await _factor(viewer.user_id)
        if held is None or held.confirmed_at is None:
            raise Conflict("The second step is off, so there are no recovery codes.")
        await letters.changed(viewer.seller_id, viewer.email, "The recovery codes of your sign-in were renewed.")
        await audit.write(viewer.seller_id, Action.CODES_RENEWED, f"{RECOVERY_CODES} new codes", actor=viewer.called)
        return await _new_codes(viewer, vault)


async def codes_left(viewer: Viewer) -> int:
    async with db.transaction(viewer.seller_id):
        left: int = await RecoveryCode.count().where((RecoveryCode.user_id == viewer.user_id) & RecoveryCode.used_at.is_null())
    return left


async def finish_sign_in(half: HalfWay, code: str, vault: Vault, *, known: bool) -> str:
    """The token of the whole session. Raises WrongCode, TooManyTries, SecretUnreadable."""
    try:
        await check(half.seller_id, half.user_id, code, vault, known=known)
    except WrongCode:
        await audit.write(half.seller_id, Action.SIGN_IN_REFUSED, "Code not right", actor=half.email, result=Result.REFUSED)
        raise
    return await complete(half)


async def check(seller_id: UUID, user_id: UUID, code: str, vault: Vault, *, known: bool) -> None:
    """Take a code of the app or a recovery code; either works once. Raises WrongCode, TooManyTries, SecretUnreadable."""
    await _counted(user_id, known=known)
    async with _opening(seller_id, user_id):
        held = await _factor(user_id)
        if held is None or held.confirmed_at is None:
            raise WrongCode
        if _plain(code).isdecimal():
            held.last_step = _step(code, _open(vault, user_id, held.sealed), held.last_step)
            await held.save([SecondFactor.last_step])
        else:
            await _use_up(user_id, code, vault)
    await welcome([_count(user_id, known=known)])


async def _factor(user_id: UUID) -> SecondFactor | None:
    return await SecondFactor.objects().where(SecondFactor.user_id == user_id).lock_rows("UPDATE").first()


async def _use_up(user_id: UUID, code: str, vault: Vault) -> None:
    fits = (RecoveryCode.user_id == user_id) & (RecoveryCode.digest == _digest(vault, user_id, code)) & RecoveryCode.used_at.is_null()
    used = await RecoveryCode.update({RecoveryCode.used_at: clock.now()}).where(fits).returning(RecoveryCode.id, RecoveryCode.seller_id)
    if not used:
        raise WrongCode
    await audit.write(used[0]["seller_id"], Action.CODE_USED_UP, "1 recovery code", actor=await audit.called(user_id))


async def _new_codes(viewer: Viewer, vault: Vault) -> list[str]:
    await RecoveryCode.delete().where(RecoveryCode.user_id == viewer.user_id)
    codes = ["-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(2)) for _ in range(RECOVERY_CODES)]
    await RecoveryCode.insert(
        *(
            RecoveryCode(id=uuid4(), seller_id=viewer.seller_id, user_id=viewer.user_id, digest=_digest(vault, viewer.user_id, code))
            for code in codes
        )
    )
    return codes


def _step(code: str, secret: str, newest_used: int) -> int:
    """The time step a code belongs to: this one, or a neighbour for a clock that is half a minute off. Raises WrongCode."""
    now, app, typed = int(clock.now().timestamp()) // STEP_S, pyotp.TOTP(secret), _plain(code)
    for step in (now, now - 1, now + 1):
        if step > newest_used and hmac.compare_digest(app.generate_otp(step).encode(), typed.encode()):
            return step
    raise WrongCode


def _count(user_id: UUID, *, known: bool) -> Counted:
    # Whoever has stolen the password and tries codes elsewhere does not use up the owner's own tries.
    return Counted(CODES, f"{user_id} {'known' if known else 'unknown'} browser")


async def _counted(user_id: UUID, *, known: bool) -> None:
    await admit([_count(user_id, known=known)])


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _key(vault: Vault, purpose: str) -> bytes:
    derived = vault.derived(f"second step {purpose}")
    if not derived:
        raise Misconfigured("This process holds no key for second steps.", hint="Set PORTAL_SEAL_KEYS.")
    return bytes.fromhex(derived)


def _seal(vault: Vault, user_id: UUID, secret: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(_key(vault, "secret")).encrypt(nonce, secret.encode(), user_id.bytes)


def _open(vault: Vault, user_id: UUID, sealed: bytes) -> str:
    try:
        return AESGCM(_key(vault, "secret")).decrypt(sealed[:12], sealed[12:], user_id.bytes).decode()
    except (InvalidTag, ValueError) as error:
        raise SecretUnreadable(
            "The second step of your sign-in cannot be read here. Use a recovery code, or set it up again.",
            detail="second_factors.sealed: altered, or sealed for somebody else",
        ) from error


@asynccontextmanager
async def _opening(seller_id: UUID, user_id: UUID) -> AsyncIterator[None]:
    """A transaction in which an app's secret is opened. That it does not open is on record, in a transaction of its own."""
    try:
        async with db.transaction(seller_id):
            yield
    except SecretUnreadable as error:
        async with db.transaction(seller_id):
            told = f"{error.seller_message} ({error.detail})"
            await audit.write(seller_id, Action.SECRET_UNREADABLE, told, actor=await audit.called(user_id), result=Result.REFUSED)
        raise


def _digest(vault: Vault, user_id: UUID, code: str) -> bytes:
    return hmac.digest(_key(vault, "recovery"), user_id.bytes + _plain(code).encode(), hashlib.sha256)
