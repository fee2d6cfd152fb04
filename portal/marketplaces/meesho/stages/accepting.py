"""Stage 3: accept the orders, a hundred a request, and cancel those that were dropped."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import BatchOrder, Decision, HeldOrder, MarkedOrder, OrderFact, OrderStatus, PassedOrder, StageOutcome
from portal.marketplaces.meesho.client import Answer
from portal.marketplaces.meesho.stages.work import CUSTOMER_LEFT, LEFT_ALREADY, Work, because, held
from portal.marketplaces.meesho.wire import processing as wire
from portal.marketplaces.meesho.wire.rows import NAME

DROPPED = "Dropped: cancelled at Meesho as you decided."
VERIFYING = "Meesho verifies this order and lets nobody act on it meanwhile. Try it again later."
ACCEPTED = frozenset({OrderStatus.CONFIRMED, OrderStatus.PACKED})
LEFT = frozenset({OrderStatus.SHIPPED, OrderStatus.DELIVERED})
UNDER_WAY = "INVALID_STATE"
ASKED = "accept_asked_at"
NOT_WORKED_OFF = "Meesho has had this order in hand for half an hour without an answer."
ONLY_AGAIN = (Decision.RETRY,)

Judge = Callable[[Work, Sequence[BatchOrder], Mapping[str, wire.Said]], Awaitable["Judged"]]


@dataclass(slots=True)
class Judged:
    """What becomes of orders. `waiting` are still to be sent, `dropping` still to be cancelled; `late` ones Meesho still works at."""

    passed: list[PassedOrder] = field(default_factory=list)
    held: list[HeldOrder] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[BatchOrder] = field(default_factory=list)
    dropping: list[BatchOrder] = field(default_factory=list)
    late: list[BatchOrder] = field(default_factory=list)
    marked: tuple[MarkedOrder, ...] = ()

    def outcome(self, work: Work) -> StageOutcome:
        return work.outcome(marked=self.marked, passed=tuple(self.passed), held=tuple(self.held), gone=tuple(self.gone))


async def accept(work: Work) -> AsyncIterator[StageOutcome]:
    """Ask how the orders stand, then send what is still pending. A request that takes its time is waited for without a worker."""
    standing = _sorted(work, work.batch.orders, await work.known(work.batch.orders))
    yield standing.outcome(work)
    late: list[BatchOrder] = []
    location = await work.location() if standing.waiting else ""
    for chunk in work.chunks(standing.waiting):
        async for outcome in _sent(work, chunk, "accept", lambda orders: _accept(work, orders, location), _accepted, late):
            yield outcome
    for chunk in work.chunks(standing.dropping):
        async for outcome in _sent(work, chunk, "cancel", lambda orders: _cancel(work, orders), _cancelled, late):
            yield outcome
    for outcome in work.waiting(late, "Meesho is still working on {}."):
        yield outcome


def _sorted(work: Work, orders: Sequence[BatchOrder], known: Mapping[str, OrderFact]) -> Judged:
    """Orders by what Meesho says of them now. One that it says nothing readable of is taken as pending: Meesho minds its state itself."""
    found = Judged()
    for order in orders:
        fact = known.get(order.external_order_id)
        status = OrderStatus.OPEN if fact is None else fact.status
        dropped = order.decision == Decision.DROP
        if status is OrderStatus.CANCELLED:
            found.gone.append((order.external_order_id, DROPPED if dropped else CUSTOMER_LEFT))
        elif dropped:
            found.dropping.append(order)
        elif status in ACCEPTED:
            found.passed.append(_through(work, order))
        elif status in LEFT:
            found.gone.append((order.external_order_id, LEFT_ALREADY))
        elif status is OrderStatus.OPEN:
            found.waiting.append(order)
        elif status is OrderStatus.ON_HOLD:
            found.held.append(
                HeldOrder(external_order_id=order.external_order_id, code="verifying", reason=VERIFYING, decisions=ONLY_AGAIN)
            )
        else:
            raw = fact.raw_status if fact is not None else ""
            found.held.append(held(order, "unknown_status", f"Meesho says {raw} of this order, and we do not know what that means."))
    return found


def _through(work: Work, order: BatchOrder) -> PassedOrder:
    return PassedOrder(external_order_id=order.external_order_id, marks={"accepted_at": work.ctx.now.isoformat()})


async def _sent(
    work: Work,
    orders: Sequence[BatchOrder],
    call: str,
    send: Callable[[Sequence[BatchOrder]], Awaitable[Answer]],
    judge: Judge,
    late: list[BatchOrder],
) -> AsyncIterator[StageOutcome]:
    """One request for these orders, asked about until it is worked off. Orders for which it is refused whole are judged, the rest is sent again."""
    rest = list(orders)
    while rest:
        answer = await send(rest)
        if answer.status < 300:
            request_id = wire.request_id(answer.body)
            done = (await work.worked_off([request_id])).get(request_id)
            judged = _unfinished(work, rest) if done is None else await judge(work, rest, done.said)
            rest = []
        else:
            said = wire.refused(answer.body, call)
            named = [order for order in rest if order.external_order_id in said]
            if not named:
                raise WireChanged(NAME, f"refusal of {call}")
            judged = await judge(work, named, said)
            rest = [order for order in rest if order not in named]
        late += judged.late
        yield judged.outcome(work)


def _unfinished(work: Work, orders: Sequence[BatchOrder]) -> Judged:
    slow = work.unfinished(orders, ASKED)
    return Judged(late=slow.late, marked=slow.marked, held=[held(order, "not_worked_off", NOT_WORKED_OFF) for order in slow.overdue])


async def _accept(work: Work, orders: Sequence[BatchOrder], location: str) -> Answer:
    body = wire.accept_body(location, (order.external_order_id for order in orders))
    return await work.client.accept(body, idempotency_key=work.key("accept", orders))


async def _accepted(work: Work, orders: Sequence[BatchOrder], said: Mapping[str, wire.Said]) -> Judged:
    """Orders by Meesho's verdicts; what it did not simply accept is read again first, because it may have been accepted before."""
    refused = [order for order in orders if said.get(order.external_order_id) != wire.Said()]
    judged = _sorted(work, refused, await work.known(refused))
    judged.passed += [_through(work, order) for order in orders if order not in refused]
    under_way = []
    for order in judged.waiting:
        verdict = said.get(order.external_order_id)
        if verdict is not None and verdict.code == UNDER_WAY:
            under_way.append(order)
        else:
            judged.held.append(held(order, "not_accepted", f"Meesho did not accept it: {because(verdict)}"))
    slow = _unfinished(work, under_way)
    judged.held += slow.held
    judged.late, judged.marked = slow.late, slow.marked
    return judged


async def _cancel(work: Work, orders: Sequence[BatchOrder]) -> Answer:
    body = wire.cancel_body(order.external_order_id for order in orders)
    return await work.client.cancel(body, idempotency_key=work.key("cancel", orders))


async def _cancelled(work: Work, orders: Sequence[BatchOrder], said: Mapping[str, wire.Said]) -> Judged:
    refused = [order for order in orders if said.get(order.external_order_id) != wire.Said()]
    known = await work.known(refused)
    judged = Judged(gone=[(order.external_order_id, DROPPED) for order in orders if order not in refused])
    for order in refused:
        fact = known.get(order.external_order_id)
        if fact is not None and fact.status is OrderStatus.CANCELLED:
            judged.gone.append((order.external_order_id, DROPPED))
        else:
            judged.held.append(held(order, "not_cancelled", f"Meesho did not cancel it: {because(said.get(order.external_order_id))}"))
    return judged
