"""Becoming a run's worker: who may take it, what it is handed, and which runs end instead."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from portal import clock, db
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.scrubbing import scrub
from portal.runs.service.calls import CallBook
from portal.runs.service.ending import AT_WORK, end
from portal.runs.service.telling import tell
from portal.tables.accounts import AccountState
from portal.tables.syncs import FINISHED, LIVE, Purpose, RunState


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A run as its worker holds it. `attempt` is the fencing token.

    `reread`: only the rows that were set aside and asked for again. `calls` are those not on record yet, `hush` the account's secrets,
    which no line of the run may repeat.
    """

    id: UUID
    seller_id: UUID
    account_id: UUID
    marketplace_code: str
    external_account_id: str
    account_name: str
    ships_from: str
    target: ScheduleTarget
    trigger: str
    attempt: int
    since: str | None
    cursor: str | None
    first_days: int
    purpose: Purpose = Purpose.INCREMENTAL
    first_day: datetime | None = None
    until: datetime | None = None
    reread: bool = False
    diagnostic_id: str = ""
    request_id: str = ""
    taken_at: datetime = msgspec.field(default_factory=clock.now)
    calls: CallBook = msgspec.field(default_factory=CallBook)
    hush: list[str] = msgspec.field(default_factory=list)

    def scrub(self, text: str) -> str:
        return scrub(text, self.hush)

    def __repr__(self) -> str:
        return f"Taken({self.id}, {self.target}, attempt={self.attempt})"


async def take(seller_id: UUID, run_id: UUID, *, lease: timedelta) -> Taken | None:
    """Become the run's worker. None when there is nothing to take: it ended, is not due, another worker has it, or another run of the same account is at work.

    A run whose worker died while it was being cancelled ends here, and so does one whose account needs a reconnect by now.
    """
    async with db.transaction(seller_id) as held:
        account_id = await held.fetchval("SELECT marketplace_account_id FROM sync_runs WHERE id = $1", run_id)
        if account_id is None:
            return None
        # NO KEY: rows that refer to the account may be written meanwhile, so a second delivery and a run that ends never wait for each other.
        account = await held.fetchrow(
            """SELECT id, marketplace_code, external_account_id, name, ships_from, state, needs_reconnect, reconnect_reason
               FROM marketplace_accounts WHERE id = $1 FOR NO KEY UPDATE""",
            account_id,
        )
        run = await held.fetchrow("SELECT * FROM sync_runs WHERE id = $1 FOR UPDATE", run_id)
        now = clock.now()
        fresh = run["heartbeat_at"] is not None and run["heartbeat_at"] > now - lease
        if run["state"] in FINISHED or (run["state"] in (RunState.RUNNING, RunState.CANCELLING) and fresh):
            return None
        if run["state"] == RunState.WAITING and run["resume_at"] and run["resume_at"] > now:
            return None
        busy = await held.fetchval(
            "SELECT 1 FROM sync_runs WHERE marketplace_account_id = $1 AND id <> $2 AND state IN ('running', 'cancelling') AND heartbeat_at > $3",
            account_id,
            run_id,
            now - lease,
        )
        if busy:
            return None
        if run["state"] == RunState.CANCELLING:
            await end(run_id, run["attempt"], RunState.CANCELLED, "Cancelled. Everything read so far is kept.", held_as=AT_WORK)
            return None
        if account["state"] == AccountState.DISCONNECTED:
            # Its worker died before it could stop, or its job was late: there are no keys to go on with.
            gone = f"{account['name']} was disconnected. Everything read so far is kept."
            await end(run_id, run["attempt"], RunState.CANCELLED, gone, held_as=LIVE)
            return None
        if account["needs_reconnect"]:
            # These keys were refused for good; asking again with them would only tell the marketplace so.
            reason = account["reconnect_reason"] or f"{account['name']} needs reconnecting before it can sync."
            await end(run_id, run["attempt"], RunState.FAILED, reason, held_as=LIVE, code="keys_rejected", level="problem")
            return None
        taken = await held.fetchrow(
            """UPDATE sync_runs SET state = 'running', attempt = attempt + 1, started_at = coalesce(started_at, $2), heartbeat_at = $2,
                   resume_at = NULL, error_code = '', error_message = '' WHERE id = $1 RETURNING attempt""",
            run_id,
            now,
        )
        first = run["attempt"] == 0
        await tell(run_id, "started" if first else "resumed", "Started." if first else "A worker goes on from the last saved page.")
        # What the seller chose when connecting holds until a first run has come to its end, whichever run that is.
        first_days = await held.fetchval(
            "SELECT first_days FROM connect_wizards WHERE account_id = $1 AND mode = 'new' AND state = 'done'", account_id
        )
        return Taken(
            id=run_id,
            seller_id=seller_id,
            account_id=account_id,
            marketplace_code=account["marketplace_code"],
            external_account_id=account["external_account_id"],
            account_name=account["name"],
            ships_from=account["ships_from"],
            target=ScheduleTarget(run["target"]),
            trigger=run["trigger"],
            attempt=taken["attempt"],
            since=run["since"],
            cursor=run["cursor"],
            first_days=first_days or 30,
            purpose=Purpose(run["purpose"]),
            first_day=run["first_day"],
            until=run["until"],
            reread=run["reread"],
            diagnostic_id=run["diagnostic_id"],
            request_id=run["request_id"],
        )
