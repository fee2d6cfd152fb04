"""Payout files that nobody decided about: deleted when their hour is over, for as long as the process that has them runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog
from anyio import to_thread

from portal import clock
from portal.payouts import uploads

log = structlog.get_logger()

HELD_FOR = timedelta(hours=1)
SWEEP_S = 300.0


def sweep(data_dir: Path) -> int:
    """Delete files that nobody decided about for an hour. Answers how many. Harmless beside others."""
    oldest, gone = (clock.now() - HELD_FOR).timestamp(), 0
    for path in (data_dir / uploads.FOLDER).glob("*"):
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
                gone += 1
        except FileNotFoundError:
            continue
    return gone


@asynccontextmanager
async def swept(data_dir: Path, *, every_s: float = SWEEP_S) -> AsyncIterator[None]:
    """While this block lasts, undecided files are deleted when their hour is over. For the process that has the files."""
    task = asyncio.create_task(_sweep_always(data_dir, every_s), name="uploads")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep_always(data_dir: Path, every_s: float) -> None:
    while True:
        try:
            await to_thread.run_sync(sweep, data_dir)
        except OSError as error:
            log.warning("uploads_not_swept", reason=type(error).__name__)
        await asyncio.sleep(every_s)
