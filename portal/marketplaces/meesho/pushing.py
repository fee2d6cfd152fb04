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
from portal.marketplaces.meesho.wire.supplier import Location, Supplier, supplier
from portal.marketplaces.proving import FirstProof, first_proof, sold_line, sold_sample, stock_sample

WAITS_S = (2.0, 4.0, 8.0, *(10.0,) * 29)
"""Between questions about a request: some five minutes in all, then its lines stay queued."""

_PUSH = uuid.UUID("6f0a8f0e-6d0c-5a55-9d4e-1f1c0d6e7a20")

NO_LOCATION = "Meesho knows no location of this shop, so nothing can be sent there. Add a pickup location in the supplier panel."
CHOOSE = "This shop ships from several locations, and one of them counts here. Choose it on the account's page."


async def pushed(client: MeeshoClient, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
    """An outcome for each line, 50 lines a page; the id of a request under way is in the cursor before we wait for it."""
    batches = stock.batches(lines)
    mark = StockMark.at(ctx, lines)
    where = location(supplier(await client.supplier()), ctx.account.ships_from) if batches else ""
    while mark.batch < len(batches):
        batch = [line for line in batches[mark.batch] if line.sku not in mark.left_out]
        if batch and not mark.asked:
            answered = await client.push_stock(stock.stock_body(where, batch), idempotency_key=idempotency_key(ctx, batch))
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


def stock_permission(shop: Supplier, chosen: str) -> Permission:
    """Stock is not tried, because every try would change it; but a shop without a location cannot be pushed to."""
    if not shop.locations:
        return Permission(target=ScheduleTarget.INVENTORY, allowed=False, message=NO_LOCATION)
    where = _target(shop, chosen)
    proof = f"Stock would go to {where.name or where.location_id}." if where else "Stock would go to the location you choose."
    return Permission(target=ScheduleTarget.INVENTORY, allowed=None, proof=proof)


def processing_permission(shop: Supplier, chosen: str) -> Permission:
    """Nothing is accepted for a trial; but orders can only be accepted for one location."""
    if not shop.locations:
        return Permission(target=ScheduleTarget.FULL_PROCESSING, allowed=False, message=NO_LOCATION)
    return Permission(target=ScheduleTarget.FULL_PROCESSING, allowed=None, message="Proven by the first batch.")


def stock_proof(shop: Supplier, orders: Sequence[OrderFact], chosen: str) -> FirstProof:
    """What the live test read, and the stock call that would follow. SKUs come from orders: Meesho gives out no list of products."""
    no_order = "There is no order of the last 30 days."
    sold = next((order for order in orders if sold_line(order)), None)
    line = sold_line(sold) if sold else None
    if sold is None or line is None:
        return first_proof(orders=orders, no_order=no_order, no_sku="Meesho names SKUs only in orders, and there is none yet.")
    where = _target(shop, chosen)
    if where is None:
        return first_proof(orders=orders, sku=sold_sample(sold), no_stock=CHOOSE if shop.locations else NO_LOCATION)
    return first_proof(
        orders=orders,
        sku=sold_sample(sold),
        stock=stock_sample(line, known=False, where=where.name or where.location_id),
        call=stock.stock_body(where.location_id, [line]),
    )


def location(shop: Supplier, chosen: str) -> str:
    """The id of the shop's one location, or of the chosen one of several. Raises NotAllowed where that is none."""
    where = _target(shop, chosen)
    if where is None:
        raise NotAllowed(NAME, CHOOSE if shop.locations else NO_LOCATION, reason="no location chosen")
    return where.location_id


def _target(shop: Supplier, chosen: str) -> Location | None:
    """Where stock goes: the only location, or the chosen one of several."""
    if len(shop.locations) == 1:
        return shop.locations[0]
    return next((one for one in shop.locations if one.location_id == chosen), None)
