"""A crowd in front of one web process: so many open streams, so many runs that emit events, and what each reader saw of them."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from uuid import UUID

import psutil  # type: ignore[import-untyped]

from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.people.service import open_session
from portal.runs import service as runs
from portal.runs.service import Taken
from tests.factories import make_account, make_seller, make_user
from tests.watching import Watcher

LEASE = timedelta(hours=1)
AT_ONCE = 40
"""How many streams are being opened at a time."""


class Nowhere(Jobs):
    """Nobody works on these runs but the test itself."""

    def __init__(self) -> None:
        pass

    async def sync(self, *_: object, **__: object) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`restless` of the streams drop at random moments and come back, `drops` times each."""

    streams: int
    runs: int
    events: int
    restless: int = 0
    drops: int = 3
    every_s: float = 0.5
    """How far apart the events of one run are, on average."""


@dataclass(kw_only=True)
class Crowd:
    """What happened. `told_at` is when (perf_counter) each event of each run had been committed."""

    web: psutil.Process
    size: Size
    watchers: dict[UUID, list[Watcher]] = field(default_factory=dict)
    restless: list[Watcher] = field(default_factory=list)
    told_at: dict[tuple[UUID, int], float] = field(default_factory=dict)
    last: dict[UUID, int] = field(default_factory=dict)

    def delays(self) -> list[float]:
        """Seconds from commit to reader, for every event and every reader that never left."""
        away = set(map(id, self.restless))
        return [
            watcher.at[seq] - told
            for (run_id, seq), told in self.told_at.items()
            for watcher in self.watchers[run_id]
            if id(watcher) not in away and seq in watcher.at
        ]

    def wrong(self) -> list[str]:
        """Every reader that missed an event, saw one twice, or saw them out of order."""
        return [
            f"{run_id}: {watcher.lines} instead of 1 to {self.last[run_id]}"
            for run_id, watchers in self.watchers.items()
            for watcher in watchers
            if watcher.lines != list(range(1, self.last[run_id] + 1))
        ]

    def memory_mb(self) -> float:
        """What the web process holds now."""
        return float(self.web.memory_info().rss) / 2**20


async def gathered(web: psutil.Process, base: str, size: Size, *, seed: int = 1) -> Crowd:
    """Open all streams, let the runs emit, and wait until everybody has seen every event; then end the runs and wait for everybody's end.

    The pool of this process has to be open.
    """
    dice = random.Random(seed)
    crowd = Crowd(web=web, size=size)
    seller = await make_seller()
    token = await open_session(seller, await make_user(seller))
    taken = [await _at_work(seller, number) for number in range(size.runs)]
    for number in range(size.streams):
        run = taken[number % size.runs]
        crowd.watchers.setdefault(run.id, []).append(Watcher(base, run.id, token))
    everybody = [watcher for watchers in crowd.watchers.values() for watcher in watchers]
    crowd.restless = dice.sample(everybody, size.restless)
    await _opened(everybody)
    await asyncio.gather(
        *(_emits(crowd, run, random.Random(f"{seed}/{run.id}")) for run in taken),
        *(_comes_and_goes(crowd, watcher, random.Random(f"{seed}/{number}")) for number, watcher in enumerate(crowd.restless)),
    )
    await _everybody(crowd)
    for run in taken:
        await runs.finish(run, watermark=None)
    for watcher in everybody:
        await watcher.ended()
        assert watcher.ending, "a stream ended before its run"
    return crowd


async def _at_work(seller: UUID, number: int) -> Taken:
    account = await make_account(seller, external=f"A{number:05d}", name=f"Store {number}")
    started = await runs.start(seller, account.id, ScheduleTarget.ORDERS, jobs=Nowhere())
    taken = await runs.take(seller, started.run_id, lease=LEASE)
    assert taken is not None
    return taken


async def _opened(everybody: Sequence[Watcher]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def opened(watcher: Watcher) -> None:
        async with room:
            await watcher.open()
            assert watcher.status == 200
            await watcher.sees(2)

    await asyncio.gather(*map(opened, everybody))


async def _emits(crowd: Crowd, run: Taken, dice: random.Random) -> None:
    """Events at random moments. They are what is measured, so nothing is waited for in between."""
    for number in range(crowd.size.events):
        await asyncio.sleep(dice.uniform(0, 2 * crowd.size.every_s))
        await runs.note(run, f"Note {number}")
        crowd.told_at[run.id, 3 + number] = perf_counter()
    crowd.last[run.id] = 2 + crowd.size.events


async def _comes_and_goes(crowd: Crowd, watcher: Watcher, dice: random.Random) -> None:
    length = crowd.size.events * crowd.size.every_s
    for _ in range(crowd.size.drops):
        await asyncio.sleep(dice.uniform(0, length / crowd.size.drops))
        watcher.drop()
        await asyncio.sleep(dice.uniform(0, 1))
        await watcher.open()


async def _everybody(crowd: Crowd) -> None:
    for run_id, watchers in crowd.watchers.items():
        for watcher in watchers:
            await watcher.sees(crowd.last[run_id])
