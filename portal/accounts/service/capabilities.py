"""What a connection may do: one row per kind of work, written by live checks and by runs that came to their end."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from portal import clock, db
from portal.marketplaces import reach
from portal.marketplaces.contract import AccountRef, Permission, ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import AccountCapability, MarketplaceAccount

FIRST_READS = (ScheduleTarget.ORDERS, ScheduleTarget.RETURNS, ScheduleTarget.PAYOUTS, ScheduleTarget.LISTINGS)
"""What a first sync may read, in this order."""


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one kind of work is open to the saved keys, and when that was last proven. `allowed` None: not tried yet."""

    target: str
    allowed: bool | None
    message: str = ""
    proven_at: datetime | None = None


async def capabilities_of(account: MarketplaceAccount) -> list[Capability]:
    """One per supported target, in the marketplace's own order of work. What the way to connect leaves out is not allowed, tried or not."""
    place = marketplace(account.marketplace_code)
    async with db.transaction(account.seller_id):
        rows = await AccountCapability.objects().where(AccountCapability.marketplace_account_id == account.id)
        closed = await reach.closed_to(place, account.id)
    known = {row.target: Capability(target=row.target, allowed=row.allowed, message=row.message, proven_at=row.proven_at) for row in rows}
    known |= {target: Capability(target=target, allowed=False, message=why) for target, why in closed.items()}
    return [known.get(target, Capability(target=target, allowed=None)) for target in ScheduleTarget if target in place.supported_targets]


async def open_targets(account: MarketplaceAccount) -> frozenset[ScheduleTarget]:
    """The kinds of work that can be begun for this account."""
    async with db.transaction(account.seller_id):
        return await reach.open_to(marketplace(account.marketplace_code), account.id)


async def put_down(account: AccountRef, found: Sequence[Permission]) -> None:
    """Write what was found out. What was not tried keeps its last answer. In the caller's transaction."""
    for one in found:
        await db.connection().execute(
            """INSERT INTO account_capabilities (id, seller_id, marketplace_account_id, target, allowed, message, proven_at, tried_at)
               VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, CASE WHEN $4 THEN $6::timestamptz END, $6)
               ON CONFLICT (marketplace_account_id, target) DO UPDATE SET
                   allowed = excluded.allowed, message = excluded.message, tried_at = excluded.tried_at,
                   proven_at = coalesce(excluded.proven_at, account_capabilities.proven_at)
               WHERE excluded.allowed IS NOT NULL OR account_capabilities.allowed IS NULL""",
            account.seller_id,
            account.id,
            one.target,
            one.allowed,
            one.message or one.proof,
            clock.now(),
        )


async def forget(account_id: UUID) -> None:
    """Nothing is proven of a credential that is gone. In the caller's transaction."""
    await AccountCapability.delete().where(AccountCapability.marketplace_account_id == account_id)
