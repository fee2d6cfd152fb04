"""What live checks and runs find out about a saved credential. Each writes the account and, when something changed, its story.

Whoever found something names the version of the credential it worked with: what concerns an older one changes nothing any more.
"""

import random
from datetime import datetime, timedelta
from uuid import UUID

from portal import clock, db, nudges
from portal.accounts import operator
from portal.accounts.service import capabilities, shipping, story
from portal.accounts.service.badges import checking
from portal.accounts.service.expiring import count_down
from portal.accounts.service.reading import locked, topic
from portal.errors import Conflict, PortalError
from portal.jobs import Jobs
from portal.marketplaces import details, lasting
from portal.marketplaces.contract import AccountRef, Permission, ScheduleTarget, Validation
from portal.marketplaces.errors import KeysRejected, NotAllowed, Unreachable
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import AccountState, EventKind, MarketplaceAccount, ValidationStatus

AGAIN_AFTER = timedelta(minutes=15)
"""When the marketplace could not be asked."""
IDLE_AFTER = timedelta(hours=4)
"""When it took the keys. A run that succeeds counts, so accounts at work are hardly ever asked."""
REFUSED_AFTER = timedelta(hours=24)
"""When it refused them. Should it accept them again, the prompt goes by itself."""
NEVER_BY_ITSELF = {"login_locked"}
"""Refusals that another try may make worse."""


def soon(after: timedelta) -> datetime:
    """Then, and up to a quarter later: accounts connected together are not asked together."""
    return clock.now() + after * random.uniform(1.0, 1.25)  # noqa: S311 (spreads load, guards nothing)


async def start_check(seller_id: UUID, account_id: UUID, *, jobs: Jobs, by: str = "") -> MarketplaceAccount:
    """Ask a worker to try the saved keys. A check that is under way is left alone. Without `by` nobody waits for the answer."""
    async with db.transaction(seller_id):
        account = await locked(account_id)
        if account.state == AccountState.DISCONNECTED:
            raise Conflict(f"{account.name} is disconnected.")
        if checking(account):
            return account
        account.checking_since = clock.now()
        # Whatever becomes of the job, another look is due before long; its answer says when exactly.
        account.next_check_at = soon(AGAIN_AFTER)
        await account.save([MarketplaceAccount.checking_since, MarketplaceAccount.next_check_at])
        await nudges.nudge(topic(account_id))
    await jobs.check_account(account.marketplace_code, account_id, account.checking_since, by=by)
    return account


async def accepted(
    account: AccountRef,
    *,
    version: int,
    target: ScheduleTarget | None = None,
    run_id: UUID | None = None,
    validation: Validation | None = None,
    by: str = "",
) -> bool:
    """The marketplace took the keys: after a run of `target`, or by a live check that found `validation`. Clears the reconnect prompt.

    Answers whether it did so for the first time: such an account was saved untested, and nothing has been read from it yet.
    """
    async with db.transaction(account.seller_id):
        row = await _concerned(account, version)
        if row is None:
            return False
        first = row.last_proven_at is None
        found = validation.permissions if validation else (Permission(target=target, allowed=True),) if target else ()
        await capabilities.put_down(account, found)
        was = ValidationStatus(row.last_validation_status)
        missing = next((one for one in found if one.allowed is False), None)
        row.last_validation_status = ValidationStatus.MISSING_PERMISSION if missing else ValidationStatus.VALID
        row.last_validation_message = missing.message if missing else ""
        row.last_validated_at = row.last_proven_at = clock.now()
        row.next_check_at = soon(IDLE_AFTER)
        row.checking_since, row.refused_at, row.reconnect_reason, row.reconnect_code = None, None, "", ""
        recovered, row.needs_reconnect = row.needs_reconnect, False
        if validation and validation.seller_name:
            row.external_name = validation.seller_name[:120]
        if validation:
            shipping.meet(row, validation.locations)
        await row.save()
        place = marketplace(account.code)
        await details.mark_accepted(place, account.id)
        if validation and validation.expires_at:
            await lasting.take_note_of_end(place, account.id, validation.expires_at)
            await count_down(account)
        if recovered or was is not row.last_validation_status or by:
            message = "Accepted by the marketplace again; nothing more to do." if recovered else "Accepted by the marketplace."
            await story.tell(account, EventKind.VALIDATED, message, run_id=run_id, actor=by or story.WORKER)
        await nudges.nudge(topic(account.id))
    return first


async def refused(account: AccountRef, error: KeysRejected, *, version: int, run_id: UUID | None = None, by: str = "") -> None:
    """A definite refusal of the seller's own credential: asks for a reconnect. The client has repeated it with a fresh token by then.

    A refusal of the portal's own application is the operator's matter and asks no seller for anything.
    """
    async with db.transaction(account.seller_id):
        row = await _concerned(account, version)
        if row is None:
            return
        known = row.needs_reconnect and row.reconnect_code == (error.reason or error.code)[:60]
        row.last_validated_at, row.checking_since = clock.now(), None
        if error.whose == "seller":
            row.last_validation_status = ValidationStatus.REJECTED
            row.last_validation_message = row.reconnect_reason = error.seller_message
            row.reconnect_code = (error.reason or error.code)[:60]
            row.refused_at = row.refused_at or clock.now()
            row.needs_reconnect = True
            row.next_check_at = None if row.reconnect_code in NEVER_BY_ITSELF else soon(REFUSED_AFTER)
        await row.save()
        # The daily look at a refused credential adds no line of its own while the answer stays the same.
        if not known or by or run_id:
            await story.tell(account, EventKind.REJECTED, error.seller_message, error=error, run_id=run_id, actor=by or story.WORKER)
        await nudges.nudge(topic(account.id))
    if error.whose == "operator":
        await operator.alert(account.code, error)


async def not_allowed(account: AccountRef, target: ScheduleTarget, error: NotAllowed, *, version: int, run_id: UUID | None = None) -> None:
    """Keys fine, this kind of data not shared: shown on the capability, never as a broken connection."""
    async with db.transaction(account.seller_id):
        row = await _concerned(account, version)
        if row is None:
            return
        await capabilities.put_down(account, [Permission(target=target, allowed=False, message=error.seller_message)])
        row.last_validation_status, row.last_validation_message = ValidationStatus.MISSING_PERMISSION, error.seller_message
        row.checking_since = None
        await row.save()
        await story.tell(account, EventKind.REJECTED, error.seller_message, error=error, run_id=run_id)
        await nudges.nudge(topic(account.id))


async def unproven(account: AccountRef, error: PortalError) -> None:
    """A check could not be made: the badge stays, the line below says why. Also of a refusal that left the question open."""
    async with db.transaction(account.seller_id):
        row = await locked(account.id)
        row.last_validation_message, row.checking_since = error.seller_message, None
        if isinstance(error, Unreachable):
            row.last_validated_at = clock.now()
            row.last_validation_status = ValidationStatus.BLOCKED if error.blocked else ValidationStatus.UNREACHABLE
        elif isinstance(error, NotAllowed):
            row.last_validated_at = clock.now()
            row.last_validation_status = ValidationStatus.MISSING_PERMISSION
        await row.save()
        await nudges.nudge(topic(account.id))


async def stop_waiting(account: AccountRef) -> None:
    """A check that turned out to concern an older credential, or a marketplace nobody asks any more, is over."""
    async with db.transaction(account.seller_id) as held:
        await held.execute("UPDATE marketplace_accounts SET checking_since = NULL WHERE id = $1", account.id)
        await nudges.nudge(topic(account.id))


async def _concerned(account: AccountRef, version: int) -> MarketplaceAccount | None:
    """The account, locked, if it still has the credential that this is about."""
    row = await locked(account.id)
    if row.state == AccountState.DISCONNECTED or row.credential_version != version:
        return None
    return row
