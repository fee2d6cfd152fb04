"""Stages 4 and 5: have a label made for each order, then fetch it.

A request for a label is for one order, although Meesho takes a hundred: it prints a request's labels into one file, and each
parcel's paper is to be kept as it was issued. Twenty-five requests are under way at a time, so the waiting is shared.
"""

from collections.abc import AsyncIterator, Sequence

from portal.marketplaces.facts import BatchOrder, DocumentFact, HeldOrder, OrderFact, OrderStatus, PassedOrder, StageOutcome
from portal.marketplaces.meesho.stages.work import CUSTOMER_LEFT, Work, because, held
from portal.marketplaces.meesho.wire import processing as wire

AT_A_TIME = 25
LABEL = "label"
GONE = "Meesho gave no file of its label. Try it again, or print it in the supplier panel."
NO_AWB = "Meesho has made a label, but names no AWB and carrier for it. Try it again in a moment."


async def labels(work: Work) -> AsyncIterator[StageOutcome]:
    """A request for each order, worked off."""
    late: list[BatchOrder] = []
    for chunk in work.chunks(work.batch.orders, AT_A_TIME):
        asked: dict[str, BatchOrder] = {}
        problems: list[tuple[BatchOrder, wire.Said | None]] = []
        for order in chunk:
            answer = await work.client.labels(wire.label_body(order.external_order_id), idempotency_key=work.key("label", [order]))
            if answer.status < 300:
                asked[wire.request_id(answer.body)] = order
            else:
                problems.append((order, wire.refused(answer.body, "labels").get(order.external_order_id)))
        done = await work.worked_off(asked)
        passed, waiting = [], []
        for request_id, order in asked.items():
            if request_id not in done:
                waiting.append(order)
            elif (said := done[request_id].said.get(order.external_order_id)) == wire.Said():
                passed.append(PassedOrder(external_order_id=order.external_order_id, marks={"label_request": request_id}))
            else:
                problems.append((order, said))
        overdue = [order for order in waiting if work.overdue(order, "accepted_at")]
        late += [order for order in waiting if order not in overdue]
        gone, refused = await _left_or_held(work, problems)
        slow = tuple(held(order, "label_late", "Meesho has been making its label for half an hour.") for order in overdue)
        yield work.outcome(passed=tuple(passed), held=(*refused, *slow), gone=gone)
    for outcome in work.waiting(late, "making labels for"):
        yield outcome


async def _left_or_held(
    work: Work, problems: Sequence[tuple[BatchOrder, wire.Said | None]]
) -> tuple[tuple[tuple[str, str], ...], tuple[HeldOrder, ...]]:
    """Orders that got no label: gone where the shopper has cancelled, else held with Meesho's words."""
    known = await work.known([order for order, _ in problems])
    left = {name for name, fact in known.items() if fact.status is OrderStatus.CANCELLED}
    return (
        tuple((name, CUSTOMER_LEFT) for name in sorted(left)),
        tuple(
            held(order, "label_refused", f"Meesho made no label for it: {because(said)}")
            for order, said in problems
            if order.external_order_id not in left
        ),
    )


async def papers(work: Work) -> AsyncIterator[StageOutcome]:
    """Each label with its invoice as Meesho issued it, and from the order's row the AWB and the carrier it goes with."""
    known = await work.known(work.batch.orders)
    for chunk in work.chunks(work.batch.orders, AT_A_TIME):
        passed, problems, gone, documents = [], [], [], []
        for order in chunk:
            fact = known.get(order.external_order_id)
            awb, carrier = _parcel(fact)
            if fact is not None and fact.status is OrderStatus.CANCELLED:
                gone.append((order.external_order_id, CUSTOMER_LEFT))
            elif not awb or not carrier:
                problems.append(held(order, "no_awb", NO_AWB))
            elif (content := await _label(work, order)) is None:
                problems.append(held(order, "label_missing", GONE))
            else:
                documents.append(DocumentFact(kind=LABEL, external_order_id=order.external_order_id, number=awb, content=content))
                marks = {"awb": awb, "carrier": carrier, LABEL: awb}
                passed.append(PassedOrder(external_order_id=order.external_order_id, marks=marks))
        facts = tuple(known[order.external_order_id] for order in chunk if order.external_order_id in known)
        yield work.outcome(passed=tuple(passed), held=tuple(problems), gone=tuple(gone), documents=tuple(documents), orders=facts)


def _parcel(fact: OrderFact | None) -> tuple[str, str]:
    """AWB and carrier, empty where there are none yet."""
    if fact is None or not fact.shipments:
        return "", ""
    return fact.shipments[0].awb, fact.shipments[0].carrier


async def _label(work: Work, order: BatchOrder) -> bytes | None:
    """The label's file, behind a fresh link; None where Meesho has none. A request that Meesho no longer knows is made anew."""
    request_id = order.marks["label_request"]
    told = await work.client.find_request(request_id)
    if told is None:
        answer = await work.client.labels(
            wire.label_body(order.external_order_id), idempotency_key=work.key(f"label after {request_id}", [order])
        )
        if answer.status >= 300:
            return None
        request_id = wire.request_id(answer.body)
        made = (await work.worked_off([request_id])).get(request_id)
    else:
        made = wire.progress(told)
    if made is None or not made.url:
        return None
    content = await work.client.download(made.url, what="label")
    if content is None:
        # Links live for a short time only; every answer about the request brings a fresh one.
        again = wire.progress(await work.client.request(request_id)).url
        content = await work.client.download(again, what="label") if again else None
    return content
