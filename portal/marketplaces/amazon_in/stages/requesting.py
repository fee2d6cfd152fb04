"""Feeds that are started once: what was uploaded is on record before the feed is started, and a feed that appeared since is ours."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby

from portal import clock
from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, iso
from portal.marketplaces.amazon_in.refusals import InvalidRequest
from portal.marketplaces.amazon_in.stages.work import Work
from portal.marketplaces.amazon_in.wire.order_feeds import CONTENT_TYPE
from portal.marketplaces.amazon_in.wire.reports import created_feed, new_document, read_feeds
from portal.marketplaces.facts import BatchOrder, MarkedOrder, StageOutcome

MOST_IN_A_FEED = 50
"""Proposed: Amazon names no most. Feeds are rare (one in two minutes), and a file of fifty orders is quickly told apart."""
LOOK_BACK = timedelta(days=1)

UPLOADED, BEFORE, MESSAGE, FEED, REPORT, ASKED_AT, ALONE = (
    "feed_document",
    "feeds_before",
    "feed_message",
    "feed",
    "report",
    "asked_at",
    "alone",
)
CLEARED = dict.fromkeys((UPLOADED, BEFORE, MESSAGE, FEED, REPORT, ASKED_AT), "")
"""Marks of an order for which a feed has to be started anew."""

Write = Callable[[Sequence[BatchOrder]], bytes]


async def request(work: Work, kind: str, orders: Sequence[BatchOrder], write: Write) -> AsyncGenerator[StageOutcome, None]:
    """A feed of this kind for each of these orders that has none; `write` makes the document for some of them."""
    todo = [order for order in orders if not work.marks(order).get(FEED)]
    there: list[str] | None = None
    for uploaded, group in grouped(work, [order for order in todo if work.marks(order).get(UPLOADED)], UPLOADED):
        there = await _feeds_there(work, kind) if there is None else there
        before = work.marks(group[0])[BEFORE].split(",")
        unknown = [feed for feed in there if feed not in before]
        try:
            feed = unknown[0] if unknown else await _start(work, kind, uploaded)
        except InvalidRequest:
            # What was uploaded long ago is gone.
            yield work.outcome(marked=work.mark(group, **CLEARED))
            continue
        there.append(feed)
        yield work.outcome(marked=work.mark(group, **{FEED: feed, ASKED_AT: clock.now().isoformat()}))
    for group in _chunks(work, [order for order in todo if not work.marks(order).get(UPLOADED)]):
        there = await _feeds_there(work, kind) if there is None else there
        document = new_document(await work.client.create_feed_document({"contentType": CONTENT_TYPE}))
        await work.client.upload(document.url, write(group), CONTENT_TYPE)
        yield work.outcome(marked=_uploaded(work, group, document.feedDocumentId, there))
        there.append(feed := await _start(work, kind, document.feedDocumentId))
        yield work.outcome(marked=work.mark(group, **{FEED: feed, ASKED_AT: clock.now().isoformat()}))


def grouped(work: Work, orders: Sequence[BatchOrder], mark: str) -> Iterator[tuple[str, list[BatchOrder]]]:
    """Orders that share a mark, in their own order."""

    def value(order: BatchOrder) -> str:
        return work.marks(order)[mark]

    for found, group in groupby(sorted(orders, key=value), key=value):
        yield found, list(group)


def _chunks(work: Work, orders: Sequence[BatchOrder]) -> Iterator[list[BatchOrder]]:
    alone = [order for order in orders if work.marks(order).get(ALONE)]
    rest = [order for order in orders if order not in alone]
    for start in range(0, len(rest), MOST_IN_A_FEED):
        yield rest[start : start + MOST_IN_A_FEED]
    yield from ([order] for order in alone)


def _uploaded(work: Work, group: Sequence[BatchOrder], document: str, there: Sequence[str]) -> tuple[MarkedOrder, ...]:
    before = ",".join(there)
    return tuple(
        marked
        for number, order in enumerate(group, start=1)
        for marked in work.mark([order], **{UPLOADED: document, BEFORE: before, MESSAGE: str(number)})
    )


async def _feeds_there(work: Work, kind: str) -> list[str]:
    since = iso(clock.now() - LOOK_BACK)
    page = read_feeds(await work.client.feeds({"feedTypes": kind, "createdSince": since, "pageSize": "100"}))
    return [feed.feedId for feed in page.feeds]


async def _start(work: Work, kind: str, document: str) -> str:
    body = {"feedType": kind, "marketplaceIds": [MARKETPLACE_ID], "inputFeedDocumentId": document}
    return created_feed(await work.client.create_feed(body))
