"""Rows per second from each marketplace's HTTP answers to committed rows, for each target it supports, beside a plain COPY of them."""

from collections.abc import AsyncIterator, Mapping

from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from tests.bench.fair import shop_of
from tests.bench.figures import Figure, figure
from tests.bench.rows import copied, counted, emptied
from tests.bench.trade import LIVE, Trade, trading

SHOP = shop_of(orders=2_000, returns=200, payouts=10, listings=500)
ROUNDS = 2
"""The first one also fills what the sandboxes remember; the better one counts."""

TABLES: Mapping[ScheduleTarget, tuple[str, ...]] = {
    ScheduleTarget.ORDERS: ("orders", "order_items", "shipments", "shipment_items"),
    ScheduleTarget.RETURNS: ("order_returns", "order_return_items"),
    ScheduleTarget.PAYOUTS: ("marketplace_payouts", "payout_line_items"),
    ScheduleTarget.LISTINGS: ("listings",),
}
OTHER_DOOR = {("AJIO", ScheduleTarget.PAYOUTS): sandbox_panel_keys}
"""Keys to connect with where the sandbox's usual ones do not open a target."""


async def measure() -> AsyncIterator[Figure]:
    """COPY and sync for each target of each marketplace, then the worker's memory."""
    async with trading(SHOP) as trade:
        for place in LIVE:
            assert place.sandbox_keys is not None
            usual = await trade.connect(place, place.sandbox_keys(SHOP))
            for target in TABLES:
                if target not in place.supported_targets:
                    continue
                keys = OTHER_DOOR.get((place.code, target))
                account = await trade.connect(place, keys(SHOP)) if keys else usual
                for one in await _measured(trade, place, account, target):
                    yield one
        yield figure("targets.worker_peak", trade.peak_mb(), "MB", note="after all of the above")


async def _measured(trade: Trade, place: Marketplace, account: AccountRef, target: ScheduleTarget) -> tuple[Figure, Figure]:
    tables = TABLES[target]
    rounds = []
    for _ in range(ROUNDS):
        await emptied(trade.owner, [table for kept in TABLES.values() for table in kept])
        ended = await trade.sync(account, target)
        assert (ended.row["state"], ended.row["set_aside_count"]) == ("succeeded", 0), dict(ended.row)
        rounds.append(ended)
    best = min(rounds, key=lambda ended: ended.taken_s)
    rows = await counted(trade.owner, tables)
    name = f"targets.{place.slug}.{target.lower()}"
    copy = figure(f"{name}.copy", rows / await copied(trade.owner, tables), "rows/s", note=f"{rows} rows of {', '.join(tables)}")
    note = f"{best.row['new_count']} {target.lower()} in {best.row['pages']} pages: {best.taken_s:.2f} s, the worker computed {best.busy_s:.2f} s"
    return copy, figure(name, rows / best.taken_s, "rows/s", note=note).against(copy)
