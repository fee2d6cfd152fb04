"""Stages 1, 2, 4 and 5 over the panel: pull, decide, put down for the confirmation, and have it uploaded."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from portal.errors import BadInput
from portal.marketplaces.ajio.paperwork import results, sheets
from portal.marketplaces.ajio.stages.confirming import DROPPED
from portal.marketplaces.ajio.stages.over_panel.work import BACK_DAYS, PLACED, PanelWork, told, told_of
from portal.marketplaces.ajio.stages.work import CUSTOMER_LEFT
from portal.marketplaces.ajio.wire import processing as wire
from portal.marketplaces.ajio.wire import reports
from portal.marketplaces.ajio.wire.scalars import indian_day
from portal.marketplaces.errands import Errand
from portal.marketplaces.facts import BatchOrder, Decision, HeldOrder, OrderStatus, PassedOrder, StageOutcome
from portal.marketplaces.quantities import allot

CANCELS = "cancels"
"""The mark of an order that the confirmation is to cancel."""
UPLOAD = "Upload this confirmation in the seller panel, where AJIO takes all of it or nothing. Look at the quantities first."
STILL_NEW = "AJIO's order report still shows these orders as new, so the confirmation was not taken. Upload it in the seller panel first."


async def pull(work: PanelWork) -> AsyncIterator[StageOutcome]:
    """Every order that the report of the last thirty days shows as new."""
    today = indian_day(work.ctx.now)
    rows = reports.new_ones(await work.rows(today.fromordinal(today.toordinal() - BACK_DAYS)))
    found = reports.orders(rows)
    orders = tuple(fact for fact in found.facts if fact.status is OrderStatus.OPEN)
    passed = tuple(
        PassedOrder(external_order_id=fact.external_order_id, marks={PLACED: indian_day(fact.placed_at).isoformat()}) for fact in orders
    )
    await work.ctx.note(f"AJIO's order report has {len(orders) + len(found.set_aside)} new orders, and so do we.")
    yield work.outcome(orders=orders, passed=passed, set_aside=found.set_aside)


async def quantities(work: PanelWork) -> AsyncIterator[StageOutcome]:
    """Pieces of every line, by the account's own policy. The panel opens no stock: of goods it was never told of, what is ordered."""
    wanted: dict[str, int] = {}
    for line in (line for order in work.batch.orders for line in order.lines if line.sku not in work.batch.stock):
        wanted[line.sku] = wanted.get(line.sku, 0) + line.ordered
    if wanted:
        await work.ctx.note(
            f"The stock of {len(wanted)} articles was never told, and the seller panel does not open it. They are confirmed as ordered."
        )
    allotted = allot(work.batch.orders, {**work.batch.stock, **wanted}, work.batch.stock_policy)
    yield work.outcome(passed=allotted.passed, held=allotted.held)


async def accept(work: PanelWork) -> AsyncIterator[StageOutcome]:
    """Each order gets its rows in the confirmation, which says what is cancelled as well."""
    known = await work.progress(work.batch.orders)
    passed, gone = [], []
    for order in work.batch.orders:
        order_id, dropped = order.external_order_id, order.decision == Decision.DROP
        if order_id in known and known[order_id].word == "CANCELLED":
            gone.append((order_id, DROPPED if dropped else CUSTOMER_LEFT))
        else:
            passed.append(PassedOrder(external_order_id=order_id, marks={CANCELS: "yes"} if dropped else {}))
    yield work.outcome(passed=tuple(passed), gone=tuple(gone))


async def confirm(work: PanelWork) -> AsyncIterator[StageOutcome]:
    """One sheet for all, until the report shows it as taken or its result says so; rejected orders are pulled, the rest goes up again."""
    rest = await _not_taken(work)
    taken = [order for order in work.batch.orders if order not in rest]
    if taken:
        yield await _through(work, taken)
    if not rest:
        return
    sheet = await asyncio.to_thread(_sheet, rest)
    brought = work.batch.brought
    if brought is None:
        yield work.outcome(errand=_errand(sheet))
        return
    if not brought.content:
        yield work.outcome(took=True, errand=_errand(sheet, (STILL_NEW,)))
        return
    ids = [order.external_order_id for order in rest]
    try:
        found = await asyncio.to_thread(results.read, brought.file_name, brought.content, orders=ids, upload_id=sheet.upload_id)
    except BadInput as mistake:
        yield work.outcome(took=True, errand=_errand(sheet, told_of(mistake)))
        return
    if found.problems:
        yield work.outcome(took=True, errand=_errand(sheet, told(found.problems)))
        return
    if not found.rejected:
        yield await _through(work, rest, took=True)
        return
    yield work.outcome(took=True, held=tuple(_rejected(order_id, words) for order_id, words in found.rejected.items()))
    left = [order for order in rest if order.external_order_id not in found.rejected]
    await work.ctx.note(f"AJIO rejected the confirmation for {len(found.rejected)} of {len(rest)} orders. The rest goes up again.")
    if left:
        yield work.outcome(errand=_errand(await asyncio.to_thread(_sheet, left)))


async def _not_taken(work: PanelWork) -> list[BatchOrder]:
    """The orders whose rows AJIO has not acted on yet, as far as its report tells."""
    known = await work.progress(work.batch.orders)
    rest = []
    for order in work.batch.orders:
        word = known[order.external_order_id].word if order.external_order_id in known else ""
        if word != "CANCELLED" and (CANCELS in order.marks or word not in wire.ACCEPTED_ON):
            rest.append(order)
    return rest


async def _through(work: PanelWork, orders: Sequence[BatchOrder], *, took: bool = False) -> StageOutcome:
    """The confirmation has done what it says for these."""
    known = await work.progress(orders)
    passed, gone = [], []
    for order in orders:
        order_id = order.external_order_id
        if CANCELS in order.marks:
            gone.append((order_id, DROPPED))
        elif order_id in known and known[order_id].word == "CANCELLED":
            gone.append((order_id, CUSTOMER_LEFT))
        else:
            passed.append(PassedOrder(external_order_id=order_id, marks={"accepted_at": work.ctx.now.isoformat()}))
    return work.outcome(passed=tuple(passed), gone=tuple(gone), took=took)


def _sheet(orders: Sequence[BatchOrder]) -> sheets.Sheet:
    return sheets.confirmation(orders, dropped=[order.external_order_id for order in orders if CANCELS in order.marks])


def _errand(sheet: sheets.Sheet, problems: tuple[str, ...] = ()) -> Errand:
    return Errand(
        words=UPLOAD,
        file_name=sheet.name,
        file=sheet.content,
        returns="The result that the panel gave for it",
        endings=(".xlsx", ".csv"),
        done="I have uploaded it and got no result file",
        problems=problems,
    )


def _rejected(order_id: str, words: str) -> HeldOrder:
    return HeldOrder(
        external_order_id=order_id,
        code="confirmation_rejected",
        reason=f"AJIO rejected it in the confirmation: {words}. AJIO takes all or nothing, so it was pulled out.",
    )
