"""Stages 1 to 5 over the partner API: pull, decide, check, accept, confirm. Deciding and checking are ours and need no door."""

from collections.abc import AsyncIterator

from portal.marketplaces.ajio.stages.work import CUSTOMER_LEFT, PartnerWork, Work
from portal.marketplaces.ajio.wire import orders as order_wire
from portal.marketplaces.ajio.wire import processing as wire
from portal.marketplaces.ajio.wire.body import MARKETPLACE
from portal.marketplaces.errors import Unreachable, WireChanged
from portal.marketplaces.facts import BatchOrder, Decision, HeldOrder, OrderFact, PassedOrder, StageOutcome, UnreadableRow
from portal.marketplaces.indian import good_gstin, lies_in
from portal.marketplaces.quantities import allot

MOST_PAGES = 400
READINGS = 3
TELL_AJIO = "What you enter is what we check and print from then on. AJIO has no call to change its own copy: tell AJIO as well."
DROPPED = "Dropped: cancelled at AJIO as you decided."


async def pull(work: PartnerWork) -> AsyncIterator[StageOutcome]:
    """Every order that waits for a decision, once our count is AJIO's. New ones that come meanwhile change the count: read again."""
    for _ in range(READINGS):
        orders, marks, aside, told = await _pendency(work)
        if told is None or len(orders) + len(aside) == told:
            passed = tuple(PassedOrder(external_order_id=order_id, marks=marks.get(order_id, {})) for order_id in orders)
            await work.ctx.note(f"AJIO has {len(orders) + len(aside)} open orders, and so do we.")
            yield work.outcome(orders=tuple(orders.values()), passed=passed, set_aside=tuple(aside.values()))
            return
    raise Unreachable(MARKETPLACE, reason="count_differs")


async def _pendency(work: PartnerWork) -> tuple[dict[str, OrderFact], dict[str, dict[str, str]], dict[str, UnreadableRow], int | None]:
    orders: dict[str, OrderFact] = {}
    marks: dict[str, dict[str, str]] = {}
    aside: dict[str, UnreadableRow] = {}
    told: int | None = None
    for number in range(MOST_PAGES):
        document = await work.client.pendency(number)
        found = order_wire.new_orders(document)
        orders |= {order.external_order_id: order for order in found.facts}
        aside |= {row.external_id: row for row in found.set_aside}
        marks |= wire.new_marks(document)
        told = found.total
        if not found.count or (found.pages is not None and number + 1 >= found.pages):
            break
    return orders, marks, aside, told


async def quantities(work: Work) -> AsyncIterator[StageOutcome]:
    """Pieces of every line, by the account's own policy."""
    allotted = allot(work.batch.orders, work.batch.stock, work.batch.stock_policy)
    yield work.outcome(passed=allotted.passed, held=allotted.held)


async def check(work: Work) -> AsyncIterator[StageOutcome]:
    """What AJIO would reject a whole confirmation for."""
    held = [problem for order in work.batch.orders if (problem := _problem(order)) is not None]
    bad = {one.external_order_id for one in held}
    passed = tuple(
        PassedOrder(external_order_id=order.external_order_id) for order in work.batch.orders if order.external_order_id not in bad
    )
    yield work.outcome(passed=passed, held=tuple(held))


def _problem(order: BatchOrder) -> HeldOrder | None:
    gstin, state, pincode = (order.marks.get(name, "") for name in ("gstin", "state", "pincode"))
    if gstin and not good_gstin(gstin):
        return HeldOrder(
            external_order_id=order.external_order_id,
            code="gstin_wrong",
            reason=f"The buyer's GSTIN {gstin} is wrong: its check character does not fit. {TELL_AJIO}",
            decisions=(Decision.CORRECT, Decision.DROP),
            corrects=(("gstin", "GSTIN of the buyer"),),
        )
    if pincode and state and not lies_in(pincode, state):
        return HeldOrder(
            external_order_id=order.external_order_id,
            code="pincode_elsewhere",
            reason=f"Pincode {pincode} does not lie in {state}. {TELL_AJIO}",
            decisions=(Decision.CORRECT, Decision.DROP),
            corrects=(("pincode", "Pincode"), ("state", "State")),
        )
    if not wire.pieces(order):
        return HeldOrder(
            external_order_id=order.external_order_id,
            code="nothing_left",
            reason="No pieces of this order are left to send.",
            decisions=(Decision.DROP, Decision.AS_ORDERED),
        )
    return None


async def accept(work: PartnerWork) -> AsyncIterator[StageOutcome]:
    """Acknowledge each order with its pieces, or cancel what was dropped. What AJIO has taken already is not sent again."""
    for chunk in work.chunks():
        known = await work.progress(chunk)
        passed, held, gone = [], [], []
        for order in chunk:
            order_id, dropped = order.external_order_id, order.decision == Decision.DROP
            word = known[order_id].word if order_id in known else ""
            if word == "CANCELLED":
                gone.append((order_id, DROPPED if dropped else CUSTOMER_LEFT))
                continue
            if word not in wire.ACCEPTED_ON or dropped:
                answer = await work.client.decide(wire.decision_body(order, cancel=dropped))
                if problem := wire.refused(answer, "order acknowledgement").get(order_id):
                    held.append(HeldOrder(external_order_id=order_id, code="not_accepted", reason=f"AJIO did not accept it: {problem}."))
                    continue
            if dropped:
                gone.append((order_id, DROPPED))
            else:
                passed.append(PassedOrder(external_order_id=order_id, marks={"accepted_at": work.ctx.now.isoformat()}))
        yield work.outcome(passed=tuple(passed), held=tuple(held), gone=tuple(gone))


async def confirm(work: PartnerWork) -> AsyncIterator[StageOutcome]:
    """One confirmation for all: accepted whole, or the rejected orders are pulled and the rest is sent again."""
    rest = list(work.batch.orders)
    while rest:
        body = wire.confirmation_body(rest)
        # The answer to an earlier sending may have been lost: the same contents have the same id.
        if wire.upload_status(await work.client.confirmation(body["upload_id"])) != "ACCEPTED":
            answer = await work.client.confirm(body)
            if wire.upload_status(answer) != "ACCEPTED":
                problems = wire.refused(answer, "confirmations")
                rejected = [order for order in rest if order.external_order_id in problems]
                if not rejected:
                    raise WireChanged(MARKETPLACE, "confirmations", words="rejected without naming an order")
                yield work.outcome(held=tuple(_rejected(order, problems[order.external_order_id]) for order in rejected))
                await work.ctx.note(f"AJIO rejected the confirmation for {len(rejected)} of {len(rest)} orders. The rest is sent again.")
                rest = [order for order in rest if order.external_order_id not in problems]
                continue
        yield work.outcome(passed=tuple(PassedOrder(external_order_id=order.external_order_id) for order in rest))
        return


def _rejected(order: BatchOrder, words: str) -> HeldOrder:
    return HeldOrder(
        external_order_id=order.external_order_id,
        code="confirmation_rejected",
        reason=f"AJIO rejected it in the confirmation: {words}. AJIO takes all or nothing, so it was pulled out.",
    )
