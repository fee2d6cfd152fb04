"""From a commit to a reader's socket, with a thousand open streams on one web process while fifty runs emit events."""

from collections.abc import AsyncIterator
from dataclasses import replace

import psutil  # type: ignore[import-untyped]

from portal import db
from tests.bench.crowd import Size, gathered
from tests.bench.figures import Busy, Figure, figure, peak_mb, percentile
from tests.bench.stage import staged

SIZE = Size(streams=1000, runs=50, events=40)


async def measure() -> AsyncIterator[Figure]:
    """The delays, what the web process computed meanwhile, and its memory."""
    async with staged(orders=1) as stage:
        given = {**stage.environments.given, "PORTAL_STREAMS_PER_PERSON": str(SIZE.streams)}
        stage.environments = replace(stage.environments, given=given)
        child = await stage.start("web")
        await db.connect(stage.addresses.worker, max_size=10, name="bench")
        stage.closing.push_async_callback(db.disconnect)
        busy = Busy(child.pid)
        crowd = await gathered(psutil.Process(child.pid), stage.base, SIZE)
        delays = crowd.delays()
        note = f"{SIZE.streams} streams of {SIZE.runs} runs, {len(delays)} deliveries; the web computed {busy.so_far_s():.1f} s"
        yield figure("streams.half", percentile(delays, 0.5) * 1000, "ms", note=note)
        yield figure("streams.p99", percentile(delays, 0.99) * 1000, "ms", aim="< 1000", note=note)
        yield figure("streams.wrong", len(crowd.wrong()), "readers", aim="0", note="who missed an event, saw one twice or out of order")
        yield figure("streams.web_peak", peak_mb(child.pid), "MB", aim="< 400")
