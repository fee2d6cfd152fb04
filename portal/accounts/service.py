"""Connections as sellers see them: which there are, whether they work, since when and why not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from portal import clock, db, nudges
from portal.accounts import operator
from portal.errors import Conflict, NotFound, PortalError
from portal.jobs import Jobs
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Permission, ScheduleTarget, Validation
from portal.marketplaces.errors import KeysRejected, MarketplaceError, NotAllowed, Unreachable
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import AccountState, CredentialEvent, EventKind, MarketplaceAccount, ValidationStatus

CHECK_PATIENCE = timedelta(seconds=60)
WARN_BEFORE = timedelta(days=30)


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one kind of work is open to the saved keys, and when that was last proven."""

    target: str
    allowed: bool | None
    message: str = ""
    at: datetime | None = None


class Badge(msgspec.Struct, frozen=True, kw_only=True):
    """A state in words, tone and icon; `line` stands below it, `why` behind a disclosure. `state` names the row of the badge table."""

    state: str
    text: str
    tone: str
    line: str
    why: str


def topic(account_id: UUID) -> str:
    return f"account:{account_id}"


def checking(account: MarketplaceAccount) -> bool:
    """A check is under way; one that has not answered within a minute no longer counts."""
    return account.checking_since is not None and account.checking_since > clock.now() - CHECK_PATIENCE


def badge(account: MarketplaceAccount) -> Badge:
    """First match of: needs reconnect, checking, never checked, expiring, valid. Outages change only the line."""
    name = marketplace(account.marketplace_code).name
    checked = f"Checked {_moment(account.last_validated_at)}" if account.last_validated_at else f"Added {_moment(account.created_at)}"
    if account.needs_reconnect:
        return Badge(
            state="needs_reconnect",
            text="Needs reconnect",
            tone="bad",
            line=f"Stopped {_moment(account.refused_at)}",
            why=f"{account.reconnect_reason} Your data is safe.",
        )
    if checking(account):
        return Badge(
            state="checking",
            text="Checking",
            tone="info",
            line="Started just now",
            why=f"We are asking {name} whether it accepts these details.",
        )
    if account.last_proven_at is None:
        return Badge(
            state="never_checked",
            text="Never checked",
            tone="neutral",
            line=account.last_validation_message or checked,
            why="We have not been able to test these details yet.",
        )
    troubled = account.last_validation_status in (
        ValidationStatus.UNREACHABLE,
        ValidationStatus.BLOCKED,
        ValidationStatus.REJECTED,
        ValidationStatus.MISSING_PERMISSION,
    )
    line = f"{checked} · {account.last_validation_message}" if troubled and account.last_validation_message else checked
    expires = account.credential_expires_at
    if expires is not None and expires - WARN_BEFORE <= clock.now():
        days = max(0, (expires - clock.now()).days)
        return Badge(
            state="expiring",
            text=f"Expires in {days} days",
            tone="warn",
            line=f"Renew before {_moment(expires)}",
            why="Syncs keep working until then.",
        )
    return Badge(state="valid", text="Valid", tone="ok", line=line, why=f"{name} accepted these details.")


def _moment(moment: datetime | None) -> str:
    return clock.in_ist(moment).strftime("%-d %b %Y, %-I:%M %p").replace("AM", "am").replace("PM", "pm") if moment else ""


def capabilities(account: MarketplaceAccount) -> list[Capability]:
    """One per supported target, in the marketplace's own order of work."""
    known = {one.target: one for one in _read(account.permissions)}
    supported = marketplace(account.marketplace_code).supported_targets
    return [known.get(target, Capability(target=target, allowed=None)) for target in ScheduleTarget if target in supported]


def _read(text: str) -> list[Capability]:
    return msgspec.json.decode(text, type=list[Capability]) if text else []


def _write(known: Sequence[Capability]) -> str:
    return msgspec.json.encode(known).decode()


async def all_of(seller_id: UUID) -> list[MarketplaceAccount]:
    """The seller's connected accounts, those in trouble first."""
    async with db.transaction(seller_id):
        return (
            await MarketplaceAccount.objects()
            .where(MarketplaceAccount.state != AccountState.DISCONNECTED)
            .order_by(MarketplaceAccount.needs_reconnect, ascending=False)
            .order_by(MarketplaceAccount.created_at)
        )


async def get(seller_id: UUID, account_id: UUID) -> MarketplaceAccount:
    """NotFound when it is not this seller's."""
    async with db.transaction(seller_id):
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).first()
    if account is None:
        raise NotFound("account")
    return account


def ref(account: MarketplaceAccount) -> AccountRef:
    return AccountRef(
        id=account.id,
        seller_id=account.seller_id,
        code=account.marketplace_code,
        external_account_id=account.external_account_id,
        name=account.name,
    )


async def timeline(seller_id: UUID, account_id: UUID, *, limit: int = 50) -> Sequence[CredentialEvent]:
    """What happened to the account's credential, newest first; routine openings left out."""
    async with db.transaction(seller_id):
        return (
            await CredentialEvent.objects()
            .where((CredentialEvent.marketplace_account_id == account_id) & (CredentialEvent.kind != EventKind.OPENED))
            .order_by(CredentialEvent.occurred_at, ascending=False)
            .limit(limit)
        )


async def start_check(seller_id: UUID, account_id: UUID, *, jobs: Jobs) -> MarketplaceAccount:
    """Ask a worker to try the saved keys now. A check that is under way is left alone."""
    async with db.transaction(seller_id):
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).lock_rows("UPDATE").first()
        if account is None:
            raise NotFound("account")
        if account.state == AccountState.DISCONNECTED:
            raise Conflict(f"{account.name} is disconnected.")
        if checking(account):
            return account
        account.checking_since = clock.now()
        await account.save([MarketplaceAccount.checking_since])
        await nudges.nudge(topic(account_id))
    await jobs.check_account(account.marketplace_code, account_id, account.checking_since)
    return account


# What the workers found. Each writes the account and, when something changed, an event, in one transaction.


async def accepted(
    account: AccountRef, *, target: ScheduleTarget | None = None, run_id: UUID | None = None, validation: Validation | None = None
) -> None:
    """The marketplace took the keys: after a run of `target`, or by a live check that found `validation`. Clears the reconnect prompt."""
    async with db.transaction(account.seller_id):
        row = await _locked(account)
        found = validation.permissions if validation else (Permission(target=target, allowed=True),) if target else ()
        row.permissions = _write(_merged(_read(row.permissions), found))
        was = ValidationStatus(row.last_validation_status)
        missing = next((one for one in found if one.allowed is False), None)
        row.last_validation_status = ValidationStatus.MISSING_PERMISSION if missing else ValidationStatus.VALID
        row.last_validation_message = missing.message if missing else ""
        row.last_validated_at = row.last_proven_at = clock.now()
        row.checking_since, row.refused_at, row.reconnect_reason = None, None, ""
        recovered, row.needs_reconnect = row.needs_reconnect, False
        if validation and validation.expires_at:
            row.credential_expires_at = validation.expires_at
        if validation and validation.seller_name:
            row.external_name = validation.seller_name
        await row.save()
        await details.mark_accepted(marketplace(account.code), account.id)
        if recovered or was is not row.last_validation_status or validation:
            await _event(account, EventKind.VALIDATED, "Accepted by the marketplace.", run_id=run_id)
        await nudges.nudge(topic(account.id))


def _merged(known: Sequence[Capability], found: Sequence[Permission]) -> list[Capability]:
    merged = {one.target: one for one in known}
    for one in found:
        if one.allowed is not None or one.target not in merged:
            merged[one.target] = Capability(target=one.target, allowed=one.allowed, message=one.message or one.proof, at=clock.now())
    return list(merged.values())


async def refused(account: AccountRef, error: KeysRejected, *, run_id: UUID | None = None) -> None:
    """A definite refusal of the seller's own credential: asks for a reconnect. The client has repeated it with a fresh token by then.

    A refusal of the portal's own application is the operator's matter and asks no seller for anything.
    """
    async with db.transaction(account.seller_id):
        row = await _locked(account)
        row.last_validated_at, row.checking_since = clock.now(), None
        if error.whose == "seller":
            row.last_validation_status = ValidationStatus.REJECTED
            row.last_validation_message = row.reconnect_reason = error.seller_message
            row.refused_at = row.refused_at or clock.now()
            row.needs_reconnect = True
        await row.save()
        await _event(account, EventKind.REJECTED, error.words or error.seller_message, error=error, run_id=run_id)
        await nudges.nudge(topic(account.id))
    if error.whose == "operator":
        await operator.alert(account.code, error)


async def not_allowed(account: AccountRef, target: ScheduleTarget, error: NotAllowed, *, run_id: UUID | None = None) -> None:
    """Keys fine, this kind of data not shared: shown on the capability, never as a broken connection."""
    async with db.transaction(account.seller_id):
        row = await _locked(account)
        row.permissions = _write(_merged(_read(row.permissions), [Permission(target=target, allowed=False, message=error.seller_message)]))
        row.last_validation_status, row.last_validation_message = ValidationStatus.MISSING_PERMISSION, error.seller_message
        row.checking_since = None
        await row.save()
        await _event(account, EventKind.REJECTED, error.words or error.seller_message, error=error, run_id=run_id)
        await nudges.nudge(topic(account.id))


async def unproven(account: AccountRef, error: PortalError) -> None:
    """A check could not be made: the badge stays, the line below says why."""
    async with db.transaction(account.seller_id):
        row = await _locked(account)
        row.last_validation_message, row.checking_since = error.seller_message, None
        if isinstance(error, Unreachable):
            row.last_validated_at = clock.now()
            row.last_validation_status = ValidationStatus.BLOCKED if error.blocked else ValidationStatus.UNREACHABLE
        await row.save()
        await nudges.nudge(topic(account.id))


async def _locked(account: AccountRef) -> MarketplaceAccount:
    row = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account.id).lock_rows("UPDATE").first()
    if row is None:
        raise NotFound("account")
    return row


async def _event(
    account: AccountRef,
    kind: EventKind,
    message: str,
    *,
    error: MarketplaceError | None = None,
    run_id: UUID | None = None,
    actor: str = "worker",
) -> None:
    marks: dict[str, Any] = (
        {"code": error.reason or error.code, "http_status": error.http_status, "request_id": error.request_id} if error else {}
    )
    await CredentialEvent.insert(
        CredentialEvent(
            seller_id=account.seller_id, marketplace_account_id=account.id, kind=kind, message=message, actor=actor, run_id=run_id, **marks
        )
    )


async def pause(seller_id: UUID, account_id: UUID, *, by: str) -> None:
    """Stop syncing until resumed; nothing is lost, running work ends by itself."""
    await _set_state(seller_id, account_id, AccountState.ACTIVE, AccountState.PAUSED, EventKind.PAUSED, by)


async def resume(seller_id: UUID, account_id: UUID, *, by: str) -> None:
    await _set_state(seller_id, account_id, AccountState.PAUSED, AccountState.ACTIVE, EventKind.RESUMED, by)


async def _set_state(seller_id: UUID, account_id: UUID, before: AccountState, after: AccountState, kind: EventKind, by: str) -> None:
    async with db.transaction(seller_id):
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).lock_rows("UPDATE").first()
        if account is None:
            raise NotFound("account")
        if account.state == after:
            return
        if account.state != before:
            raise Conflict(f"{account.name} is {account.state}.")
        account.state = after
        account.paused_at = clock.now() if after is AccountState.PAUSED else None
        await account.save()
        await _event(ref(account), kind, f"{kind.capitalize()} by {by}.", actor=by)
