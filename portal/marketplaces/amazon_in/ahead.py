"""Reading one page ahead: while the caller keeps a page, the next one is on its way."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

Position = TypeVar("Position")
Got = TypeVar("Got")


async def read_ahead(start: Position, fetch: Callable[[Position], Awaitable[tuple[Got, Position | None]]]) -> AsyncGenerator[Got, None]:
    """What `fetch` got, page after page. It also says where to go on; None ends.

    A page fetched ahead and never asked for is dropped: whoever resumes does so from what was yielded. A fault of the page ahead
    is raised when its turn comes, after the page before it was kept.
    """
    coming: asyncio.Future[tuple[Got, Position | None]] | None = asyncio.ensure_future(fetch(start))
    try:
        while coming is not None:
            got, following = await coming
            coming = None if following is None else asyncio.ensure_future(fetch(following))
            yield got
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
