"""How old what a page shows is: per account, the end of its newest run that read to the end, rows set aside or not."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from portal import db
from portal.marketplaces import reach
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace

READ_TO_THE_END = """r.finished_at IS NOT NULL AND NOT r.reread AND r.purpose = 'incremental'
                     AND (r.state = 'succeeded' OR (r.state = 'partial' AND r.partial_kind = 'set_aside'))"""


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """One connected account. `supported`: runs of the target can be begun. `as_of` is None until one has read to its end; `held` says why none comes."""

    account_id: UUID
    account_name: str
    marketplace_code: str
    marketplace_name: str
    supported: bool
    as_of: datetime | None
    held: str = ""


async def of_row(seller_id: UUID, account_id: UUID, target: ScheduleTarget) -> list[Freshness]:
    """The age of one account's data, for the page of a single row; empty when the account is disconnected."""
    return [one for one in await of_accounts(seller_id, target) if one.account_id == account_id]


async def of_accounts(seller_id: UUID, target: ScheduleTarget) -> list[Freshness]:
    """Every account that is not disconnected, by name, with the age of its data of this target."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            f"""SELECT a.id, a.name, a.marketplace_code, a.state, a.needs_reconnect, last.finished_at
               FROM marketplace_accounts a
               LEFT JOIN LATERAL (
                   SELECT r.finished_at FROM sync_runs r
                   WHERE r.marketplace_account_id = a.id AND r.target = $1 AND {READ_TO_THE_END}
                   ORDER BY r.finished_at DESC LIMIT 1) AS last ON true
               WHERE a.state <> 'disconnected' ORDER BY lower(a.name), a.id""",  # noqa: S608 (our own words)
            target,
        )
        return [_freshness(row, supported=target in await reach.open_to(marketplace(row["marketplace_code"]), row["id"])) for row in rows]


def _freshness(row: Any, *, supported: bool) -> Freshness:
    return Freshness(
        account_id=row["id"],
        account_name=row["name"],
        marketplace_code=row["marketplace_code"],
        marketplace_name=marketplace(row["marketplace_code"]).name,
        supported=supported,
        as_of=row["finished_at"],
        held="needs_reconnect" if row["needs_reconnect"] else "paused" if row["state"] == "paused" else "",
    )


async def of_account(seller_id: UUID, account_id: UUID) -> dict[ScheduleTarget, datetime]:
    """When each kind of this account's data was last read to the end; without those that never were."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            f"""SELECT r.target, max(r.finished_at) AS as_of FROM sync_runs r
                WHERE r.marketplace_account_id = $1 AND {READ_TO_THE_END} GROUP BY r.target""",  # noqa: S608 (our own words)
            account_id,
        )
    return {ScheduleTarget(row["target"]): row["as_of"] for row in rows}
