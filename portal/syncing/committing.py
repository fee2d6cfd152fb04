"""Pages of a run, committed in their order: while one is written, moves the cursor and commits, the facts of the next are written.

Each page has a transaction of its own, and that of the next page goes no further than its facts until the page before is committed. Where
both could want the same row, the next page writes when the one before has written: it may wait for the other and never the other way
round. When the page before fails, so does the next, and nothing of either is kept.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

from portal.marketplaces.contract import Page
from portal.runs import service as runs
from portal.syncing import targets

A_PAGES_TRANSACTION = {
    # Every row of a page is found by a unique key. Tables that were empty when the statements were planned must not be read through.
    "enable_seqscan": "off",
    # Plans for these very values are no better, and take longer to make than a small page takes to write.
    "plan_cache_mode": "force_generic_plan",
}
A_READ_PAGES_TRANSACTION = {
    **A_PAGES_TRANSACTION,
    # A crash of the database may take back the newest pages, never half a page: the cursor goes back with its facts, and they are read again.
    "synchronous_commit": "off",
}
EARLY = 1_000
"""Rows that a run has read before its statements' plans are kept: in tables smaller than that every index looks as good as the unique key."""

Ready = tuple[Page[Any], Callable[[], targets.Write]]
"""A page, and what makes its facts ready to be written."""
Committed = tuple[Page[Any], runs.Recorded]


class _UnderWay(NamedTuple):
    """A page's commit, begun. `written`: its facts are, or it has ended in another way."""

    page: Page[Any]
    written: asyncio.Event
    task: asyncio.Task[runs.Recorded]

    async def committed(self) -> runs.Recorded:
        """What was recorded; raises what the commit failed with. Who waits and is cancelled leaves it alone."""
        await asyncio.wait({self.task})
        return self.task.result()

    async def drop(self) -> None:
        """Roll it back, if it is not through yet."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Commits:
    """The commits of one run.

    `aside`: rows of its account wait to become readable, so every page is looked through for them. `side_by_side`: a page writes
    nothing but what its facts name, so that two pages that name nothing in common cannot meet.
    """

    def __init__(self, run: runs.Taken, *, aside: bool, side_by_side: bool) -> None:
        self._run = run
        self._aside = aside
        self._side_by_side = side_by_side
        self._stopping = False
        self._begun_with = 0

    def stop(self) -> None:
        """Begin no further page. One that is under way is still committed."""
        self._stopping = True

    async def in_turn(self, pages: AsyncIterator[Ready]) -> AsyncGenerator[Committed, None]:
        """Each page once it is committed for good; only then the next one is asked for, which may do something that nobody can take back."""
        async for page, make_ready in pages:
            yield page, await self._begun(page, make_ready, None, A_PAGES_TRANSACTION).committed()
            if self._stopping:
                return

    async def overlapping(self, pages: AsyncIterator[Ready]) -> AsyncGenerator[Committed, None]:
        """Each page as soon as it is committed, with the next one under way beside it and the one after that on its way here.

        What is under way when this is closed is rolled back, and what was on its way is dropped. A page that cannot be read raises
        when its turn comes, after the page before it was committed.
        """
        before: _UnderWay | None = None
        this: _UnderWay | None = None
        coming = asyncio.ensure_future(anext(pages, None))
        try:
            while before is not None or not self._stopping:
                if before is None:
                    await asyncio.wait({coming})
                elif not self._stopping:
                    await asyncio.wait({coming, before.task}, return_when=asyncio.FIRST_COMPLETED)
                if before is not None and (before.task.done() or self._stopping or not _brings(coming)):
                    yield before.page, await before.committed()
                    before = None
                    continue
                ready = coming.result()
                if ready is None:
                    return
                # The next one is asked for first: its answer is on its way here while this one is made ready.
                coming = asyncio.ensure_future(anext(pages, None))
                this = self._begun(*ready, before, A_READ_PAGES_TRANSACTION)
                if before is not None:
                    yield before.page, await before.committed()
                before, this = this, None
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            for one in (this, before):
                if one is not None:
                    await one.drop()

    def _begun(
        self, page: Page[Any], make_ready: Callable[[], targets.Write], before: _UnderWay | None, settings: Mapping[str, str]
    ) -> _UnderWay:
        self._begun_with += len(page.facts)
        written = asyncio.Event()
        task = asyncio.create_task(self._commit(page, make_ready, before, settings, written))
        task.add_done_callback(lambda _: written.set())
        return _UnderWay(page, written, task)

    async def _commit(
        self,
        page: Page[Any],
        make_ready: Callable[[], targets.Write],
        before: _UnderWay | None,
        settings: Mapping[str, str],
        written: asyncio.Event,
    ) -> runs.Recorded:
        run = self._run
        write = make_ready()
        early = self._begun_with < EARLY
        async with runs.recording(run, settings) as (held, made):
            if before is not None:
                await self._room(before, page)
            kept = await write()
            written.set()
            if early:
                await held.execute("DISCARD PLANS")
            if before is not None:
                await before.committed()
            if self._aside:
                await runs.resolve(run, [*page.readable, *targets.named(run.target, page.facts)])
            aside = await runs.keep_aside(run, page.set_aside)
            self._aside = self._aside or aside > 0
            return await runs.record(
                run, new=kept.new, changed=kept.changed, same=kept.same, set_aside=aside, cursor=page.cursor, total=page.total, made=made
            )

    async def _room(self, before: _UnderWay, page: Page[Any]) -> None:
        """Wait until this page may be written."""
        if not targets.apart(self._run.target, before.page.facts, page.facts):
            # No statement sees what another transaction has not committed, and this one has to.
            await before.committed()
        elif not self._side_by_side:
            await before.written.wait()


def _brings(coming: asyncio.Future[Ready | None]) -> bool:
    """Whether there is a page, and neither an end nor a fault."""
    return coming.exception() is None and coming.result() is not None
