"""Pushing stock of a large catalogue to each marketplace that takes it: calls made beside the fewest possible ones, and seconds."""

import io
import math
from collections import Counter
from collections.abc import AsyncIterator, Mapping

from portal.inventory import service as inventory
from portal.listings import uploads
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.tables.inventory import TaskState
from tests.bench.fair import shop_of
from tests.bench.figures import Figure, figure
from tests.bench.trade import LIVE, Trade, trading

SHOP = shop_of(orders=1, returns=0, payouts=1, listings=5_000)
AT_ONCE: Mapping[str, int] = {
    # how many SKUs one call of a marketplace takes, by its own word
    "AJIO": 50,
    "AMAZON_IN": 25_000,
    "FLIPKART": 10,
    "MEESHO": 50,
}
CATALOGUE_FILE = {"MEESHO": "/_sandbox/catalogue.csv"}
"""Where the catalogue comes as a file."""


async def measure() -> AsyncIterator[Figure]:
    """The fewest calls, those made, and seconds, for each marketplace; then the worker's memory."""
    async with trading(SHOP) as trade:
        for place in LIVE:
            if ScheduleTarget.INVENTORY in place.supported_targets:
                assert place.sandbox_keys is not None
                account = await trade.connect(place, place.sandbox_keys(SHOP))
                await _stocked(trade, place, account)
                for one in await _measured(trade, place, account):
                    yield one
        yield figure("stock.worker_peak", trade.peak_mb(), "MB", note="after all of the above")


async def _stocked(trade: Trade, place: Marketplace, account: AccountRef) -> None:
    """Let the portal know the catalogue, by the way that the marketplace has for it."""
    if place.code not in CATALOGUE_FILE:
        ended = await trade.sync(account, ScheduleTarget.LISTINGS)
        assert ended.row["state"] == "succeeded", dict(ended.row)
        return
    assert place.read_listing_file is not None
    file = (await trade.side.get(f"/{place.slug}{CATALOGUE_FILE[place.code]}")).raise_for_status().content
    await uploads.take(account, "catalogue.csv", io.BytesIO(file), place.read_listing_file, by="bench")


async def _measured(trade: Trade, place: Marketplace, account: AccountRef) -> tuple[Figure, Figure, Figure]:
    lines = await _approved(trade, account)
    before = len(await trade.calls(place))
    ended = await trade.sync(account, ScheduleTarget.INVENTORY)
    made = Counter((await trade.calls(place))[before:])
    accepted = await trade.owner.fetchval(
        "SELECT count(*) FROM inventory_tasks WHERE marketplace_account_id = $1 AND state = $2", account.id, TaskState.ACCEPTED
    )
    assert (ended.row["state"], accepted) == ("succeeded", lines), (accepted, lines, dict(ended.row))
    name, at_once = f"stock.{place.slug}", AT_ONCE[place.code]
    fewest = figure(f"{name}.fewest_calls", math.ceil(lines / at_once), "calls", note=f"{lines} SKUs, {at_once} to a call")
    told = ", ".join(f"{count} {operation}" for operation, count in made.items())
    calls = figure(f"{name}.calls", made.total(), "calls", note=told).against(fewest)
    note = f"{lines / ended.taken_s:.0f} SKUs a second, the worker computed {ended.busy_s:.2f} s"
    return fewest, calls, figure(f"{name}.seconds", ended.taken_s, "s", note=note)


async def _approved(trade: Trade, account: AccountRef) -> int:
    """Another quantity for every listing whose stock is the seller's to tell. Answers how many."""
    rows = await trade.owner.fetch(
        "SELECT id, coalesce(quantity_seen, 0) + 1 AS quantity FROM listings WHERE marketplace_account_id = $1 AND pushable", account.id
    )
    draft = await inventory.draft(account.seller_id, {row["id"]: row["quantity"] for row in rows}, by="bench")
    await inventory.approve(account.seller_id, draft)
    return len(rows)
