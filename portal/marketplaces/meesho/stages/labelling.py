"""Stages 4 and 5: have a label made for each order, then fetch it.

A request for a label is for one order, although Meesho takes a hundred: it prints a request's labels into one file, and each
parcel's paper is to be kept as it was issued. Twenty-five requests are under way at a time, so the waiting is shared.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from portal.marketplaces.facts import BatchOrder, DocumentFact, HeldOrder, OrderFact, OrderStatus, PassedOrder, StageOutcome
from portal.marketplaces.meesho.stages.work import CUSTOMER_LEFT, Work, because, held
from portal.marketplaces.meesho.wire import processing as wire

AT_A_TIME = 25
LABEL = "label"
ASKED = "label_asked_at"
LATE = "Meesho has been making its label for half an hour."
GONE = "Meesho gave no file of its label. Try it again, or print it in the supplier panel."
NO_AWB = "Meesho has made a label, but names no AWB and carrier for it. Try it again in a moment."


@dataclass(slots=True)
class _Asked:
    """A request for one order's label; `request_id` is empty where the call itself was refused. `said` is Meesho's verdict, if it could be read."""

    order: BatchOrder
    request_id: str = ""
    said: wire.Said | None = None

    @property
    def made(self) -> PassedOrder:
        return PassedOrder(external_order_id=self.order.external_order_id, marks={"label_request": self.request_id})


async def labels(work: Work) -> AsyncIterator[StageOutcome]:
    """A request for each order, worked off."""
    late: list[BatchOrder] = []
    for chunk in work.chunks(work.batch.orders, AT_A_TIME):
        asked = [await _ask(work, order) for order in chunk]
        done = await work.worked_off([one.request_id for one in asked if one.request_id])
        for one in asked:
            if one.request_id in done:
                one.said = done[one.request_id].said.get(one.order.external_order_id)
        waiting = [one.order for one in asked if one.request_id and one.request_id not in done]
        told = [one for one in asked if one.order not in waiting]
        slow = work.unfinished(waiting, ASKED)
        late += slow.late
        overdue = tuple(held(order, "label_late", LATE) for order in slow.overdue)
        passed, refused, gone = await _judged(work, told)
        yield work.outcome(marked=slow.marked, passed=passed, held=(*refused, *overdue), gone=gone)
    for outcome in work.waiting(late, "Meesho is still making labels for {}."):
        yield outcome


async def _ask(work: Work, order: BatchOrder, *, after: str = "") -> _Asked:
    """Have the label made; `after` names an earlier request that Meesho has forgotten."""
    call = f"label after {after}" if after else "label"
    answer = await work.client.labels(wire.label_body(order.external_order_id), idempotency_key=work.key(call, [order]))
    if answer.status < 300:
        return _Asked(order, wire.request_id(answer.body))
    return _Asked(order, said=wire.refused(answer.body, "labels").get(order.external_order_id))


async def _judged(work: Work, told: Sequence[_Asked]) -> tuple[tuple[PassedOrder, ...], tuple[HeldOrder, ...], tuple[tuple[str, str], ...]]:
    """Orders that passed, are held and are gone. Where there is no verdict of success, the order's own row says whether a label exists."""
    doubtful = [one for one in told if one.said != wire.Said()]
    known = await work.known([one.order for one in doubtful])
    passed = [one.made for one in told if one not in doubtful]
    problems: list[HeldOrder] = []
    gone: list[tuple[str, str]] = []
    for one in doubtful:
        fact = known.get(one.order.external_order_id)
        if fact is not None and fact.status is OrderStatus.CANCELLED:
            gone.append((one.order.external_order_id, CUSTOMER_LEFT))
        elif one.request_id and fact is not None and fact.status is OrderStatus.PACKED:
            passed.append(one.made)
        else:
            problems.append(held(one.order, "label_refused", f"Meesho made no label for it: {because(one.said)}"))
    return tuple(passed), tuple(problems), tuple(gone)


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
        request_id = (await _ask(work, order, after=request_id)).request_id
        made = (await work.worked_off([request_id])).get(request_id) if request_id else None
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
