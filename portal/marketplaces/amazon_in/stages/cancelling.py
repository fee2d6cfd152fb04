"""Orders that a person dropped: cancelled at Amazon by a feed, once."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from portal.marketplaces.amazon_in.reporting import Fate
from portal.marketplaces.amazon_in.stages.awaiting import feed_answer, feed_ended, overdue
from portal.marketplaces.amazon_in.stages.requesting import CLEARED, FEED, MESSAGE, UPLOADED, grouped, request
from portal.marketplaces.amazon_in.stages.work import CANCEL_REASON, CANCELLED, DROPPED, Work, held, is_cancelled
from portal.marketplaces.amazon_in.wire.order_feeds import CANCELLATION, OTHER_REASON, Left, cancellation_feed
from portal.marketplaces.facts import BatchOrder, Decision, StageOutcome

AS_DECIDED = "Dropped: cancelled at Amazon as you decided."


async def cancel(work: Work, orders: Sequence[BatchOrder]) -> AsyncGenerator[StageOutcome, None]:
    """The end of these orders. One that Amazon refuses to cancel is held; one it has not answered about yet is in no outcome."""
    if decided := [order for order in orders if not order.marks.get(DROPPED)]:
        # What is left of a feed about its papers would be taken for the cancellation.
        yield work.outcome(marked=work.mark(decided, **CLEARED, **{DROPPED: "yes"}))
    for order in orders:
        marks = work.marks(order)
        if not marks.get(UPLOADED) and is_cancelled(await work.order_now(order)):
            yield work.outcome(gone=((order.external_order_id, CANCELLED),))
    todo = work.left(orders)
    async with aclosing(
        request(work, CANCELLATION, todo, lambda group: cancellation_feed(work.client.seller, _left(work, group)))
    ) as steps:
        async for outcome in steps:
            yield outcome
    for feed, group in grouped(work, todo, FEED):
        if (answered := await _answered(work, feed, group)) is not None:
            yield answered


def _left(work: Work, group: Sequence[BatchOrder]) -> list[Left]:
    return [
        Left(
            order.external_order_id,
            [line.external_item_id for line in order.lines],
            work.marks(order).get(CANCEL_REASON) or OTHER_REASON,
        )
        for order in group
    ]


async def _answered(work: Work, feed: str, group: Sequence[BatchOrder]) -> StageOutcome | None:
    ended = await feed_ended(work, feed)
    if ended is None and not overdue(work, group):
        return None
    if ended is None or ended.fate is not Fate.DONE or not ended.document:
        return _refused(work, dict.fromkeys((order.external_order_id for order in group), "it did not work on it"), group)
    answer = await feed_answer(work, ended.document)
    problems = {
        order.external_order_id: words
        for order in group
        if (words := answer.problems.get(int(work.marks(order)[MESSAGE])) or answer.problems.get(0))
    }
    return _refused(work, problems, group)


def _refused(work: Work, problems: dict[str, str], group: Sequence[BatchOrder]) -> StageOutcome:
    """Those with a problem are held, and the others are gone."""
    stay = [order for order in group if order.external_order_id in problems]
    return work.outcome(
        marked=work.mark(stay, **CLEARED, **{DROPPED: ""}),
        held=tuple(
            held(
                order,
                "not_cancelled",
                f"Amazon did not cancel this order: {problems[order.external_order_id]}. Cancel it in Seller Central, then choose Cancel the order again.",
                Decision.DROP,
            )
            for order in stay
        ),
        gone=tuple((order.external_order_id, AS_DECIDED) for order in group if order not in stay),
    )
