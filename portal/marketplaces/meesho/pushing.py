"""How stock goes out: batch by batch, asking again where Meesho works a batch off by itself."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence

import msgspec

from portal.marketplaces.contract import Page, Permission, ScheduleTarget, SyncContext
from portal.marketplaces.errors import NotAllowed
from portal.marketplaces.facts import LineOutcome, OrderFact, StockLine
from portal.marketplaces.meesho.bookmarks import StockMark
from portal.marketplaces.meesho.client import MeeshoClient
from portal.marketplaces.meesho.wire import stock
from portal.marketplaces.meesho.wire.rows import NAME
from portal.marketplaces.meesho.wire.supplier import Supplier, supplier
from portal.marketplaces.proving import FirstProof, first_proof, sold_line, sold_sample, stock_sample

WAITS_S = (2.0, 4.0, 8.0, *(10.0,) * 29)
"""Between questions about a request: some five minutes in all, then its lines stay queued."""

_PUSH = uuid.UUID("6f0a8f0e-6d0c-5a55-9d4e-1f1c0d6e7a20")

ONE_LOCATION = (
    "Meesho takes stock for one location per connection. This shop has {count}; ask Meesho which one is used for the integration."
)


async def pushed(client: MeeshoClient, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
    """An outcome for each line, 50 lines a page; the id of a request under way is in the cursor before we wait for it."""
    batches = stock.batches(lines)
    mark = StockMark.at(ctx, lines)
    location = only_location(supplier(await client.supplier())) if batches else ""
    while mark.batch < len(batches):
        batch = [line for line in batches[mark.batch] if line.sku not in mark.left_out]
        if batch and not mark.asked:
            answered = await client.push_stock(stock.stock_body(location, batch), idempotency_key=idempotency_key(ctx, batch))
            if answered.status == 422:
                told = stock.refused_lines(answered.body, batch)
                mark = msgspec.structs.replace(mark, left_out=(*mark.left_out, *(outcome.sku for outcome in told)))
                yield Page(facts=told, cursor=mark.text())
                continue
            answer = stock.stock_answer(answered.body)
            if not answer.done:
                mark = msgspec.structs.replace(mark, asked=answer.request_id)
                yield Page(facts=(), cursor=mark.text())
                continue
            outcomes = stock.outcomes(batch, answer)
        else:
            outcomes = await _worked_off(client, mark.asked, batch) if batch else ()
        mark = StockMark(of=mark.of, batch=mark.batch + 1)
        yield Page(facts=outcomes, cursor=mark.text() if mark.batch < len(batches) else None)
    if not batches:
        yield Page(facts=(), cursor=None)


async def _worked_off(client: MeeshoClient, request_id: str, batch: Sequence[StockLine]) -> tuple[LineOutcome, ...]:
    """Outcomes of a request once it is done; still queued when it is not done in time."""
    for wait_s in WAITS_S:
        answer = stock.request_answer(await client.request(request_id))
        if answer.done:
            return stock.outcomes(batch, answer)
        await asyncio.sleep(client.patience(wait_s))
    return stock.still_queued(batch)


def idempotency_key(ctx: SyncContext, batch: Sequence[StockLine]) -> str:
    """The same for the same tasks with the same quantities of the same account, whoever sends them and however often."""
    tasks = ",".join(sorted(f"{line.task_id}={line.quantity}" for line in batch))
    return str(uuid.uuid5(_PUSH, f"{ctx.account.id}/{tasks}"))


def stock_permission(shop: Supplier) -> Permission:
    """Stock is not tried, because every try would change it; but a shop without exactly one location cannot be pushed to."""
    if len(shop.locations) == 1:
        return Permission(target=ScheduleTarget.INVENTORY, allowed=None, proof=f"Stock would go to {_named(shop)}.")
    return Permission(target=ScheduleTarget.INVENTORY, allowed=False, message=ONE_LOCATION.format(count=len(shop.locations)))


def processing_permission(shop: Supplier) -> Permission:
    """Nothing is accepted for a trial; but orders can only be accepted for one location."""
    if len(shop.locations) == 1:
        return Permission(target=ScheduleTarget.FULL_PROCESSING, allowed=None, message="Proven by the first batch.")
    return Permission(target=ScheduleTarget.FULL_PROCESSING, allowed=False, message=ONE_LOCATION.format(count=len(shop.locations)))


def stock_proof(shop: Supplier, orders: Sequence[OrderFact]) -> FirstProof:
    """What the live test read, and the stock call that would follow. SKUs come from orders: Meesho gives out no list of products."""
    no_order = "There is no order of the last 30 days."
    sold = next((order for order in orders if sold_line(order)), None)
    line = sold_line(sold) if sold else None
    if sold is None or line is None:
        return first_proof(orders=orders, no_order=no_order, no_sku="Meesho names SKUs only in orders, and there is none yet.")
    if len(shop.locations) != 1:
        return first_proof(orders=orders, sku=sold_sample(sold), no_stock=ONE_LOCATION.format(count=len(shop.locations)))
    return first_proof(
        orders=orders,
        sku=sold_sample(sold),
        stock=stock_sample(line, known=False, where=_named(shop)),
        call=stock.stock_body(shop.locations[0].location_id, [line]),
    )


def _named(shop: Supplier) -> str:
    return shop.locations[0].name or shop.locations[0].location_id


def only_location(shop: Supplier) -> str:
    """The shop's one location. Raises NotAllowed where there is none, or several."""
    if len(shop.locations) != 1:
        raise NotAllowed(NAME, ONE_LOCATION.format(count=len(shop.locations)), reason="several locations")
    return shop.locations[0].location_id
