"""The accounts whose orders can be processed, with what each of them can be asked to do now."""

from typing import Any
from uuid import UUID

import msgspec

from portal import db
from portal.marketplaces import reach
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.processing import batches, rules
from portal.processing.closing import Rule
from portal.tables.accounts import AccountState


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """An account whose orders can be processed. `open_batch` is the one under way, if any.

    `follows` are the rules that its pipeline heeds: stock_policy, tax_number, closing. The clock matters where it heeds closing.
    """

    account_id: UUID
    account_name: str
    marketplace_name: str
    working: bool
    open_batch: UUID | None
    to_close: bool
    """Whether that one waits for a person to close its manifests."""
    rule: Rule
    follows: frozenset[str]


async def listed(seller_id: UUID) -> list[Desk]:
    """The seller's accounts whose orders can be moved through stages."""
    codes = [place.code for place in MARKETPLACES if ScheduleTarget.FULL_PROCESSING in place.supported_targets]
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT a.id, a.name, a.marketplace_code, a.state, a.needs_reconnect, b.id AS batch_id, b.close_asked_at FROM marketplace_accounts a
               LEFT JOIN batches b ON b.marketplace_account_id = a.id AND b.state = 'open'
               WHERE a.marketplace_code = ANY($1) AND a.state <> 'disconnected' ORDER BY a.name""",
            codes,
        )
        return [
            Desk(
                account_id=row["id"],
                account_name=row["name"],
                marketplace_name=marketplace(row["marketplace_code"]).name,
                working=row["state"] == AccountState.ACTIVE and not row["needs_reconnect"],
                open_batch=row["batch_id"],
                to_close=await _to_close(row),
                rule=await rules.of_account(row["id"]),
                follows=rules.followed(marketplace(row["marketplace_code"]).stages),
            )
            for row in rows
            if ScheduleTarget.FULL_PROCESSING in await reach.open_to(marketplace(row["marketplace_code"]), row["id"])
        ]


async def _to_close(row: Any) -> bool:
    """Whether an account's open batch stands at its closing stage and nobody has asked for it yet."""
    if row["batch_id"] is None or row["close_asked_at"] is not None:
        return False
    stages = marketplace(row["marketplace_code"]).stages
    position = await batches.standing(row["batch_id"], len(stages))
    return position is not None and stages[position - 1].closes
