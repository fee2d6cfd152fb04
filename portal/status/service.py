"""What the portal promises its sellers, and how far it keeps it: measured from our own rows, nothing asked of anybody."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from portal import clock, db

WINDOW = timedelta(days=7)
LOST_AFTER_LEASES = 4
"""A dead worker is found after one lease, and its run is taken again by whoever sweeps next. Four without either: nobody does."""

LIVE = ("queued", "running", "waiting", "cancelling")


class Arrivals(msgspec.Struct, frozen=True, kw_only=True):
    """How long orders took from the buyer's click to our table. The times are None while there is no order to tell by."""

    orders: int
    half: timedelta | None
    most: timedelta | None
    """95 of 100 took no longer."""


class Survival(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs are under way, and how many of them nobody works on any more."""

    live: int
    lost: int


async def arrivals(seller_id: UUID) -> Arrivals:
    """Of orders placed in the last seven days, each after its account was connected: what came with a first sync tells nothing."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT count(*) AS orders, percentile_disc(0.5) WITHIN GROUP (ORDER BY took) AS half,
                      percentile_disc(0.95) WITHIN GROUP (ORDER BY took) AS most
               FROM (SELECT greatest(o.first_seen_at - o.placed_at, interval '0') AS took FROM orders o
                     JOIN marketplace_accounts a ON a.id = o.marketplace_account_id
                     WHERE o.placed_at > greatest($1, a.created_at)) o""",
            clock.now() - WINDOW,
        )
    return Arrivals(orders=row["orders"], half=row["half"], most=row["most"])


def silent_since(lease_s: float) -> datetime:
    """Whoever has not been heard of since then is lost."""
    return clock.now() - LOST_AFTER_LEASES * timedelta(seconds=lease_s)


async def survival(seller_id: UUID, silent: datetime) -> Survival:
    """The seller's live runs, and those silent since `silent` that nobody has taken."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT count(*) AS live, count(*) FILTER (WHERE
                   CASE state WHEN 'waiting' THEN resume_at ELSE coalesce(heartbeat_at, created_at) END < $2) AS lost
               FROM sync_runs WHERE state = ANY($1)""",
            list(LIVE),
            silent,
        )
    return Survival(live=row["live"], lost=row["lost"])


async def lost_anywhere(silent: datetime) -> int:
    """How many runs of all sellers are lost; counts to 500 and no further."""
    return len(await db.door("door_lost_runs", silent, silent))
