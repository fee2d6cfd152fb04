"""The worker's half of print files: making one, and forgetting those whose time is over."""

from typing import Any
from uuid import UUID

from portal import clock, db
from portal import files as store
from portal.errors import PortalError, SecretUnreadable
from portal.files import Files
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.registry import marketplace
from portal.orders import buyers
from portal.processing.prints import making
from portal.processing.prints.making import Ordered


async def print_papers(ctx: dict[str, Any], *, print_id: str) -> None:
    """Queue entry point. Whatever happens, the print file's row says so afterwards."""
    seller_id = await db.seller_of("door_seller_of_print", UUID(print_id))
    if seller_id is not None:
        await make_one(ctx, seller_id, UUID(print_id))


async def make_one(ctx: dict[str, Any], seller_id: UUID, print_id: UUID) -> bool:
    """Make a print file with this worker's keys; whether it can be had now."""
    ordered = await making.taken(seller_id, print_id)
    if ordered is None:
        return False
    account = await _account(ordered)
    try:
        seal = await buyers.seal_at_work(seller_id, marketplace(account.code), ctx["vault"])
        await making.make(ordered, seal, store.at(ctx["settings"]))
    except SecretUnreadable as error:
        await details.put_on_record_unreadable(account, error, actor=ordered.asked_by)
        await making.failed(ordered, error)
    except PortalError as error:
        await making.failed(ordered, error)
    else:
        return True
    return False


async def _account(ordered: Ordered) -> AccountRef:
    async with db.transaction(ordered.seller_id) as held:
        row = await held.fetchrow(
            "SELECT id, seller_id, marketplace_code, external_account_id, name FROM marketplace_accounts WHERE id = $1",
            ordered.wanted.account_id,
        )
    return AccountRef(
        id=row["id"],
        seller_id=row["seller_id"],
        code=row["marketplace_code"],
        external_account_id=row["external_account_id"],
        name=row["name"],
    )


async def forget_ended(files: Files) -> int:
    """Delete print files whose time is over, bytes first. Answers how many. May run in several workers at once."""
    ended = await db.door("door_prints_ended", clock.now())
    for found in ended:
        async with db.transaction(found["seller_id"]) as held:
            key = await held.fetchval("SELECT key FROM print_files WHERE id = $1", found["print_id"])
            if key:
                await files.delete(key)
            await held.execute("DELETE FROM print_files WHERE id = $1", found["print_id"])
    return len(ended)
