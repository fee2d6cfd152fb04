"""A seller leaves: every connection ends, and with the data keys everything about buyers is gone for good."""

from uuid import UUID

import msgspec

from portal import db
from portal.accounts.service import leaving
from portal.errors import BadInput, NotFound
from portal.jobs import Jobs
from portal.tables.audit import AuditEntry


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections were ended, and how many marketplaces' buyers became unreadable."""

    disconnected: int
    data_keys: int


async def close(seller_id: UUID, *, typed_name: str, by: str, jobs: Jobs) -> Closed:
    """Disconnect every account, drop half-done setups, and destroy the data keys: no buyer of this seller opens any more.

    Orders, payouts and everything without a buyer stay readable to the seller. Backups from before still open with the rings of
    their time. Raises BadInput unless the shop's name was typed as it is written. Asking twice changes nothing more.
    """
    async with db.transaction(seller_id) as held:
        name = await held.fetchval("SELECT name FROM sellers WHERE id = $1", seller_id)
        if name is None:
            raise NotFound("seller")
        if typed_name.strip() != name.strip():
            raise BadInput("The shop is still open.", fields={"name": f"Type {name} exactly as it is written here"})
        open_ones = await held.fetch("SELECT id, name FROM marketplace_accounts WHERE state <> 'disconnected' ORDER BY created_at")
    for account in open_ones:
        await leaving.disconnect(seller_id, account["id"], typed_name=account["name"], delete_history=False, by=by, jobs=jobs)
    async with db.transaction(seller_id) as held:
        await held.execute("DELETE FROM connect_wizard_secrets")
        await held.execute(
            "UPDATE connect_wizards SET state = 'discarded', values = '{}', version = version + 1 WHERE state IN ('open', 'confirming')"
        )
        gone = await held.fetchval("WITH gone AS (DELETE FROM buyer_data_keys RETURNING 1) SELECT count(*) FROM gone")
        if open_ones or gone:
            told = f"{len(open_ones)} connections ended; buyers on {gone} marketplaces became unreadable"
            await AuditEntry(seller_id=seller_id, actor=by, action="shop.closed", after=told).save()
    return Closed(disconnected=len(open_ones), data_keys=gone)
