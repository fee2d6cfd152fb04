"""Stage 6: a feed asks for labels and invoices, its answer names a report, the report is one PDF, and each order gets its pages."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from portal import clock
from portal.marketplaces.amazon_in.reporting import Fate
from portal.marketplaces.amazon_in.stages.awaiting import feed_answer, feed_ended, overdue, pause, report_ended
from portal.marketplaces.amazon_in.stages.cancelling import cancel
from portal.marketplaces.amazon_in.stages.requesting import ALONE, CLEARED, FEED, MESSAGE, REPORT, grouped, request
from portal.marketplaces.amazon_in.stages.work import AWB, LABEL, PACKAGE, Work, held
from portal.marketplaces.amazon_in.wire.order_feeds import PAPERS, papers_feed
from portal.marketplaces.amazon_in.wire.pages import belongs_to, told_apart
from portal.marketplaces.amazon_in.wire.papers import whole_pdf
from portal.marketplaces.amazon_in.wire.reports import read_document
from portal.marketplaces.facts import BatchOrder, Decision, DocumentFact, HeldOrder, PassedOrder, StageOutcome


async def papers(work: Work) -> AsyncGenerator[StageOutcome, None]:
    """Papers of every order, and the end of those that were dropped. The batch waits for what Amazon has not made yet."""
    dropped = [order for order in work.orders if order.decision == Decision.DROP]
    for steps in (cancel(work, dropped), _papers(work, [order for order in work.orders if order not in dropped])):
        async with aclosing(steps) as outcomes:
            async for outcome in outcomes:
                yield outcome
    if late := len(work.left(work.orders)):
        words = f"Amazon makes labels, invoices and cancellations in its own time. Orders that wait: {late}."
        yield work.outcome(resume_at=clock.now() + pause(work), waiting_for=words)


async def _papers(work: Work, orders: Sequence[BatchOrder]) -> AsyncGenerator[StageOutcome, None]:
    """Asked for together; those whose pages could not be told apart, once more and each alone."""
    todo = list(orders)
    while todo:
        async with aclosing(request(work, PAPERS, todo, lambda group: _feed(work, group))) as started:
            async for outcome in started:
                yield outcome
        for feed, group in grouped(work, todo, FEED):
            async with aclosing(_fetched(work, feed, group)) as fetched:
                async for outcome in fetched:
                    yield outcome
        todo = [order for order in work.left(todo) if not work.marks(order).get(FEED)]


def _feed(work: Work, group: Sequence[BatchOrder]) -> bytes:
    return papers_feed(work.client.seller, [order.external_order_id for order in group])


async def _fetched(work: Work, feed: str, group: Sequence[BatchOrder]) -> AsyncGenerator[StageOutcome, None]:
    """The papers of one feed as far as Amazon has made them; nothing while it has not."""
    if not work.marks(group[0]).get(REPORT):
        answered = await _answered(work, feed, group)
        if answered is None:
            return
        yield answered
    ready = work.left(group)
    if not ready:
        return
    ended = await report_ended(work, work.marks(ready[0])[REPORT])
    if ended is None:
        if overdue(work, ready):
            yield _not_made(work, ready, "it has not been made for two hours")
        return
    if ended.fate is not Fate.DONE or not ended.document:
        yield _not_made(work, ready, "Amazon ended its report without a file")
        return
    address = read_document(await work.client.report_document(ended.document, restricted=True))
    yield await _divided(work, ready, whole_pdf(await work.client.content(address.url)))


async def _answered(work: Work, feed: str, group: Sequence[BatchOrder]) -> StageOutcome | None:
    """Which report the feed led to, and which orders it refused; None while Amazon works on it."""
    ended = await feed_ended(work, feed)
    if ended is None:
        return _not_made(work, group, "it has not been made for two hours") if overdue(work, group) else None
    if ended.fate is not Fate.DONE or not ended.document:
        return _not_made(work, group, "Amazon did not work on our request")
    answer = await feed_answer(work, ended.document)
    problems = {order.external_order_id: words for order in group if (words := answer.problems.get(int(work.marks(order)[MESSAGE])))}
    refused = [order for order in group if order.external_order_id in problems]
    taken = [order for order in group if order not in refused]
    if not answer.report_id and taken:
        return _not_made(work, group, answer.problems.get(0) or next(iter(problems.values()), "Amazon named no file"))
    return work.outcome(
        marked=(*work.mark(taken, **{REPORT: answer.report_id}), *work.mark(refused, **CLEARED)),
        held=tuple(_unlabelled(order, problems[order.external_order_id]) for order in refused),
    )


def _not_made(work: Work, group: Sequence[BatchOrder], why: str) -> StageOutcome:
    return work.outcome(marked=work.mark(group, **CLEARED), held=tuple(_unlabelled(order, why) for order in group))


def _unlabelled(order: BatchOrder, why: str) -> HeldOrder:
    return held(order, "label_not_ready", f"Amazon gave no label and invoice: {why}. The pickup stays booked. Try again.")


async def _divided(work: Work, group: Sequence[BatchOrder], content: bytes) -> StageOutcome:
    """Each order's pages out of the file. A file of one order stays as it was issued."""
    ids = [order.external_order_id for order in group]
    if len(ids) == 1:
        if await belongs_to(content, ids[0]):
            return _papered(work, group, {ids[0]: content})
        return _not_made(work, group, "the file it sent is another order's")
    found = await told_apart(content, ids)
    if found is None:
        await work.ctx.note(f"The pages of {len(ids)} labels could not be told apart, so each is asked for alone.")
        return work.outcome(marked=work.mark(group, **CLEARED, **{ALONE: "yes"}))
    return _papered(work, group, found)


def _papered(work: Work, group: Sequence[BatchOrder], found: dict[str, bytes]) -> StageOutcome:
    numbers = {order.external_order_id: work.marks(order).get(AWB) or work.marks(order).get(PACKAGE, "") for order in group}
    return work.outcome(
        documents=tuple(
            DocumentFact(kind=LABEL, external_order_id=order_id, number=number, content=found[order_id])
            for order_id, number in numbers.items()
        ),
        passed=tuple(
            PassedOrder(external_order_id=order_id, marks={**CLEARED, ALONE: "", LABEL: number}) for order_id, number in numbers.items()
        ),
    )
