"""Reading returns: those of customers and those of couriers, week by week."""

from collections.abc import AsyncIterator

from portal.marketplaces.contract import Page, SyncContext
from portal.marketplaces.facts import ReturnFact
from portal.marketplaces.flipkart.client import FlipkartClient
from portal.marketplaces.flipkart.reading import REPEATED, ReturnSearch, Walk, return_searches
from portal.marketplaces.flipkart.wire.returns import read_returns


async def read(client: FlipkartClient, ctx: SyncContext) -> AsyncIterator[Page[ReturnFact]]:
    """Every return that changed in the run's span."""

    async def first(search: ReturnSearch) -> bytes:
        return await client.returns(search.source, *search.window)

    walk = Walk(ctx, return_searches)
    while not walk.over:
        source = walk.search.source
        found = read_returns(await walk.page(first, client.next_returns), source)
        if not walk.take(found.content, found.next_url, client.answered_at or ctx.now):
            yield Page(facts=(), cursor=None, cut=REPEATED)
            return
        if found.facts or found.set_aside or walk.over:
            yield walk.passed(found.facts, found.set_aside, ctx.now)
