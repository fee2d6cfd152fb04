"""Pausing, resuming and disconnecting an account."""

from uuid import UUID

from portal import clock, db, nudges
from portal.accounts.service import capabilities, story
from portal.accounts.service.reading import locked, ref, topic
from portal.errors import BadInput, Conflict
from portal.jobs import Jobs
from portal.marketplaces import lasting
from portal.marketplaces.registry import marketplace
from portal.runs import service as runs
from portal.tables.accounts import AccountState, EventKind, MarketplaceAccount, ValidationStatus

ERASED_AT_ONCE = 5000
BUSINESS = (
    # What came from the marketplace, most dependent first; lines, parcels and log lines go with their parents.
    "payout_uploads",
    "marketplace_payouts",
    "order_returns",
    "orders",
    "listings",
    "inventory_tasks",
    "set_asides",
    "sync_cursors",
    "sync_runs",
)


async def pause(seller_id: UUID, account_id: UUID, *, by: str) -> None:
    """Stop syncing until resumed; nothing is lost, running work ends by itself."""
    await _set_state(seller_id, account_id, AccountState.ACTIVE, AccountState.PAUSED, EventKind.PAUSED, by)


async def resume(seller_id: UUID, account_id: UUID, *, by: str) -> None:
    await _set_state(seller_id, account_id, AccountState.PAUSED, AccountState.ACTIVE, EventKind.RESUMED, by)


async def _set_state(seller_id: UUID, account_id: UUID, before: AccountState, after: AccountState, kind: EventKind, by: str) -> None:
    async with db.transaction(seller_id):
        account = await locked(account_id)
        if account.state == after:
            return
        if account.state != before:
            raise Conflict(f"{account.name} is disconnected.")
        account.state = after
        account.paused_at = clock.now() if after is AccountState.PAUSED else None
        await account.save()
        await story.tell(ref(account), kind, f"{kind.capitalize()} by {by}.", actor=by, before=before.capitalize())
        await nudges.nudge(topic(account_id))


async def disconnect(seller_id: UUID, account_id: UUID, *, typed_name: str, delete_history: bool, by: str, jobs: Jobs) -> None:
    """End the connection for good: secrets erased, live runs stopped, half-done reconnects discarded. The account can be connected again.

    Raises BadInput unless the account's name was typed as it is written. Asking twice changes nothing. The history stays, or goes
    bit by bit in a worker, who is asked again as long as there is some.
    """
    async with db.transaction(seller_id):
        account = await locked(account_id)
        if account.state != AccountState.DISCONNECTED:
            await _leave(account, typed_name=typed_name, delete_history=delete_history, by=by)
    if account.history_erasing:
        await jobs.erase_history(account.marketplace_code, account_id)


async def _leave(account: MarketplaceAccount, *, typed_name: str, delete_history: bool, by: str) -> None:
    if typed_name.strip() != account.name.strip():
        raise BadInput("The account is still connected.", fields={"name": f"Type {account.name} exactly as it is written here, or go back"})
    was = account.state
    await _erase_secrets(account)
    account.state, account.disconnected_at, account.paused_at = AccountState.DISCONNECTED, clock.now(), None
    account.history_erasing = delete_history
    await account.save()
    kept = "Its history is being deleted." if delete_history else "Its history stays."
    await story.tell(ref(account), EventKind.DISCONNECTED, f"Disconnected by {by}. {kept}", actor=by, before=was.capitalize())
    await story.tell(ref(account), EventKind.ERASED, "Every saved secret of this account was erased.", actor=by)
    for run_id in await runs.live_of(account.id):
        await runs.request_cancel(account.seller_id, run_id, by=by)
    await nudges.nudge(topic(account.id))


async def _erase_secrets(account: MarketplaceAccount) -> None:
    """Satellite and half-done setups. From now on nobody's answer about the old credential counts."""
    held = db.connection()
    await lasting.erase(marketplace(account.marketplace_code), account.id)
    await held.execute(
        "DELETE FROM connect_wizard_secrets WHERE wizard_id IN (SELECT id FROM connect_wizards WHERE account_id = $1 AND state <> 'done')",
        account.id,
    )
    await held.execute(
        "UPDATE connect_wizards SET state = 'discarded', values = '{}', version = version + 1 WHERE account_id = $1 AND state IN ('open', 'confirming')",
        account.id,
    )
    await capabilities.forget(account.id)
    account.credential_version += 1
    account.needs_reconnect, account.reconnect_reason, account.reconnect_code, account.refused_at = False, "", "", None
    account.checking_since = account.next_check_at = account.last_proven_at = account.last_validated_at = None
    account.last_validation_status, account.last_validation_message = ValidationStatus.NEVER, ""
    account.credential_expiring, account.credential_expires_at, account.credential_warn_at = "", None, None
    account.expiry_told = account.expiry_hidden_until = None


async def still_at_work(seller_id: UUID, account_id: UUID) -> bool:
    """Whether a run of an account that has left is not at its end yet: it stops at the next page's border, and keeps that page."""
    async with db.transaction(seller_id):
        account = await locked(account_id)
        return account.state == AccountState.DISCONNECTED and bool(await runs.live_of(account_id))


async def erase_some_history(seller_id: UUID, account_id: UUID) -> bool:
    """Delete a portion of what came from the marketplace. False when nothing is left, or the seller has connected the shop again."""
    async with db.transaction(seller_id) as held:
        account = await locked(account_id)
        if account.state != AccountState.DISCONNECTED or not account.history_erasing:
            return False
        for table in BUSINESS:
            gone = await held.fetchval(
                f"""WITH portion AS (SELECT id FROM {table} WHERE marketplace_account_id = $1 LIMIT {ERASED_AT_ONCE}),
                    gone AS (DELETE FROM {table} WHERE id IN (SELECT id FROM portion) RETURNING 1) SELECT count(*) FROM gone""",  # noqa: S608 (our own tables)
                account_id,
            )
            if gone:
                return True
        account.history_erasing = False
        await account.save()
        await _forget_buyers(account)
        await story.tell(ref(account), EventKind.ERASED, "Orders, returns, payouts, listings and syncs of this account were deleted.")
    return False


async def _forget_buyers(account: MarketplaceAccount) -> None:
    """With the last account of a marketplace goes the key its buyers were sealed with."""
    await db.connection().execute(
        """DELETE FROM buyer_data_keys k WHERE k.seller_id = $1 AND k.marketplace_code = $2 AND NOT EXISTS (
               SELECT FROM orders o JOIN marketplace_accounts a ON a.id = o.marketplace_account_id
               WHERE a.seller_id = $1 AND a.marketplace_code = $2)
             AND NOT EXISTS (SELECT FROM marketplace_accounts a
               WHERE a.seller_id = $1 AND a.marketplace_code = $2 AND a.state <> 'disconnected')""",
        account.seller_id,
        account.marketplace_code,
    )
