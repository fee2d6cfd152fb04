"""The worker's half of accounts: trying a saved connection now, looking after idle ones, and deleting what a seller wants gone."""

from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from portal import clock, db
from portal import files as store
from portal.accounts import service
from portal.errors import Conflict, NotFound, PortalError, SecretUnreadable
from portal.jobs import Jobs
from portal.marketplaces import details, lasting
from portal.marketplaces.contract import AccountRef, Validation
from portal.marketplaces.errors import KeysRejected, MarketplaceError
from portal.marketplaces.registry import marketplace
from portal.runs import service as runs
from portal.tables.accounts import AccountState
from portal.tables.syncs import Trigger

log = structlog.get_logger()

CHECKS_AT_ONCE = 10
"""How many idle accounts one sweep has looked at. After a long stop the rest waits for the next sweeps."""

LOOK_AGAIN = timedelta(seconds=5)
"""When a run of an account that has left is not at its end yet."""

STORE_AGAIN = timedelta(minutes=10)
"""When papers that could not be deleted are tried again: what a seller was told is gone has to go, however long the store is away."""


async def check_account(ctx: dict[str, Any], *, account_id: str, by: str = "") -> None:
    """Queue entry point. Whatever happens, the account says so afterwards; only a definite refusal asks for a reconnect."""
    seller_id = await db.seller_of("door_seller_of_account", UUID(account_id))
    if seller_id is None:
        return
    row = await service.get(seller_id, UUID(account_id))
    account = service.ref(row)
    if row.state != AccountState.DISCONNECTED:
        await _check(ctx, account, by)
    await service.stop_waiting(account)


async def _check(ctx: dict[str, Any], account: AccountRef, by: str) -> None:
    place = marketplace(account.code)
    try:
        async with db.transaction(account.seller_id):
            opened = await details.fetch(place, account, ctx["vault"], purpose="check", actor=by or "worker")
    except SecretUnreadable as error:
        await details.put_on_record_unreadable(account, error, actor="worker")
        await service.unproven(account, error)
        return
    except NotFound as error:
        await service.unproven(account, error)
        return
    try:
        keep = lasting.keeper(place, account, opened, ctx["vault"])
        found = await ctx["doorway"].validated(place, account, opened.keys, keep=keep)
        if found.external_account_id != account.external_account_id:
            raise KeysRejected(place.name, f"The saved details belong to another {place.identity_name}.", reason="other_shop")
    except KeysRejected as error:
        await service.refused(account, error, version=opened.version, by=by)
    except (MarketplaceError, PortalError) as error:
        await service.unproven(account, error)
    else:
        if await service.accepted(account, version=opened.version, validation=found, by=by):
            await _first_syncs(account, found, ctx["jobs"])


async def _first_syncs(account: AccountRef, found: Validation, jobs: Jobs) -> None:
    """What connecting would have begun, had the marketplace answered then: everything these keys may read."""
    closed = {one.target for one in found.permissions if one.allowed is False}
    for target in service.FIRST_READS:
        if target in marketplace(account.code).supported_targets - closed:
            # Paused or disconnected within this very moment: then the seller starts it when she wants to.
            with suppress(Conflict):
                await runs.start(account.seller_id, account.id, target, jobs=jobs, trigger=Trigger.CONNECT)


async def look_after(jobs: Jobs) -> tuple[int, int]:
    """Ask for checks of idle accounts, and put on record which credentials end soon. Answers how many of each."""
    asked = 0
    for seller_id, account_id in await service.idle(CHECKS_AT_ONCE):
        try:
            await service.start_check(seller_id, account_id, jobs=jobs)
        except (Conflict, NotFound):
            continue  # disconnected or gone since the list was made
        asked += 1
    return asked, await service.tell_due()


async def erase_history(ctx: dict[str, Any], *, account_id: str) -> None:
    """Queue entry point. Portion by portion, so that nobody waits for it; stops when the shop is connected again.

    Papers about buyers go first, and also where the history stays and only the key to its buyers is gone. Begins when nothing of the
    account is under way any more, so that nothing comes after it; while the store does not answer, all of it waits.
    """
    seller_id = await db.seller_of("door_seller_of_account", UUID(account_id))
    if seller_id is None:
        return
    if await service.still_at_work(seller_id, UUID(account_id)):
        await _erase_later(ctx["jobs"], seller_id, UUID(account_id), LOOK_AGAIN)
        return
    try:
        while await service.forget_some_papers(seller_id, UUID(account_id), store.at(ctx["settings"])):
            pass
    except store.StoreUnavailable as error:
        log.warning("papers_wait_for_their_store", account=account_id, reason=error.detail)
        await _erase_later(ctx["jobs"], seller_id, UUID(account_id), STORE_AGAIN)
        return
    while await service.erase_some_history(seller_id, UUID(account_id)):
        pass


async def _erase_later(jobs: Jobs, seller_id: UUID, account_id: UUID, after: timedelta) -> None:
    account = await service.get(seller_id, account_id)
    await jobs.erase_history(account.marketplace_code, account_id, at=clock.now() + after)
