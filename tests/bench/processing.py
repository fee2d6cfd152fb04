"""A thousand orders through the longest pipeline, against a sandbox that keeps nobody waiting: our time beside the marketplace's, and memory."""

from collections.abc import AsyncIterator

from portal import db
from portal.listings import service as listings
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.marketplaces.facts import ListingFact
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Shop, articles
from portal.processing import rules
from portal.processing.closing import Rule
from portal.tables.processing import ClosePolicy
from tests.bench.fair import shop_of
from tests.bench.figures import Figure, figure
from tests.bench.trade import Trade, trading

ORDERS = 1_000
CODE = "AJIO"
PLENTY = 1_000_000
PAPERS_EACH = 3


async def measure(orders: int = ORDERS) -> AsyncIterator[Figure]:
    """Orders a minute, seconds beside the answers alone, and the worker's memory beside what reading the same orders took."""
    shop, place = shop_of(orders=orders, returns=0, payouts=1, listings=200), marketplace(CODE)
    assert place.sandbox_keys is not None
    async with trading(shop) as trade:
        await trade.side.post(f"/{place.slug}/_sandbox/tune", json={"hold_s": 0.0})
        account = await trade.connect(place, place.sandbox_keys(shop))
        await _prepared(account, shop)
        before = figure("processing.peak_before", trade.peak_mb(), "MB", note=f"the worker after reading these {orders} orders")
        ended = await trade.sync(account, ScheduleTarget.FULL_PROCESSING)
        await _all_through(trade, account, orders)
        calls, answers_s = await trade.owner.fetchrow(
            "SELECT count(*), sum(duration_ms) / 1000.0 FROM sync_calls WHERE run_id = $1", ended.row["id"]
        ) or (0, 0.0)
        note = f"{calls} calls one after the other, {len(place.stages)} stages"
        answers = figure("processing.answers", float(answers_s), "s", note=note)
        yield answers
        own_s = ended.taken_s - float(answers_s)
        note = f"of them {own_s:.1f} s ours, which is {own_s * 1000 / orders:.1f} ms an order; the worker computed {ended.busy_s:.1f} s"
        yield figure("processing.seconds", ended.taken_s, "s", note=note).against(answers)
        yield figure("processing.orders", orders * 60 / ended.taken_s, "orders/min", note=f"{PAPERS_EACH} documents each, kept on disk")
        yield before
        yield figure("processing.peak", trade.peak_mb(), "MB", note="the worker after processing them").against(before)


async def _prepared(account: AccountRef, shop: Shop) -> None:
    """More than enough of everything, and manifests that close as soon as they are ready."""
    facts = [
        ListingFact(sku=one.sku, external_listing_id=one.sku, title=one.title, status="active", raw_status="", quantity_seen=PLENTY)
        for one in articles(shop)
    ]
    async with db.transaction(account.seller_id):
        await listings.keep(account, facts)
    await rules.save(account.seller_id, account.id, Rule(close_policy=ClosePolicy.IMMEDIATE), by="bench")


async def _all_through(trade: Trade, account: AccountRef, orders: int) -> None:
    """Nothing is held and no paper is missing; otherwise the figures are worth nothing."""
    done = await trade.owner.fetchval("SELECT count(*) FROM batch_orders WHERE marketplace_account_id = $1 AND state = 'done'", account.id)
    papers = await trade.owner.fetchval(
        "SELECT count(*) FROM documents WHERE marketplace_account_id = $1 AND external_order_id <> ''", account.id
    )
    assert (done, papers) == (orders, orders * PAPERS_EACH), (done, papers)
