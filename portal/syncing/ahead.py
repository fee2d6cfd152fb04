"""Reading one page ahead: while a page is being committed, the next one is fetched, understood and made ready."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

Page = TypeVar("Page")
Ready = TypeVar("Ready")


async def one_ahead(pages: AsyncIterator[Page], ready: Callable[[Page], Ready]) -> AsyncGenerator[Ready, None]:
    """What `ready` makes of each page, with the next one already on its way.

    A page fetched ahead and never asked for is dropped: whoever resumes does so from what was yielded. A fault of the page ahead
    is raised when its turn comes, after the page before it was kept.
    """

    async def step() -> tuple[Ready] | None:
        try:
            return (ready(await anext(pages)),)
        except StopAsyncIteration:
            return None

    coming = asyncio.ensure_future(step())
    try:
        while (got := await coming) is not None:
            coming = asyncio.ensure_future(step())
            yield got[0]
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await _closed(pages)


async def in_turn(pages: AsyncIterator[Page], ready: Callable[[Page], Ready]) -> AsyncGenerator[Ready, None]:
    """What `ready` makes of each page, the next one only asked for when this one is kept: for what changes something out there."""
    try:
        async for page in pages:
            yield ready(page)
    finally:
        await _closed(pages)


async def _closed(pages: AsyncIterator[Page]) -> None:
    """End a generator now and not when it is collected, so that its open requests end too."""
    if isinstance(pages, AsyncGenerator):
        await pages.aclose()
