"""What /metrics tells: this process's own counters, and what all processes left in rows, read when it is asked for.

A scrape of any web process tells everything about workers and runs. A reading is a function that answers metric families from rows;
whoever keeps something new to watch adds one to READINGS.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta

import asyncpg
import psycopg
import psycopg_pool
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from portal import clock, db
from portal.jobs import Queues
from portal.runs.feeds import Feeds
from portal.settings import Settings
from portal.status import service as status

PATIENCE_S = 2.0
WINDOW = timedelta(hours=1)
UNREACHABLE = (OSError, TimeoutError, asyncpg.PostgresError, *db.LOST_CONNECTION, psycopg.Error, psycopg_pool.PoolTimeout)
"""What asking the database or the queue raises while it is away."""


class Figures(Collector):
    """The registry of this process, and how to bring it up to date."""

    def __init__(self, settings: Settings) -> None:
        self.registry = CollectorRegistry()
        self._settings = settings
        self._read: Sequence[Metric] = ()
        self.registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """What the last asking found; nothing before it."""
        return self._read

    async def text(self, feeds: Feeds, queues: Queues) -> bytes:
        """Everything, in Prometheus' text format. While the database is away, what this process knows by itself."""
        found: list[Metric] = [_streams(feeds), _connections()]
        up = 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                for reading in READINGS:
                    found += await reading(self._settings)
                found += await _queued(queues)
        except UNREACHABLE:
            up = 0
        self._read = [*found, GaugeMetricFamily("portal_database_up", "1 while the database answers.", value=up)]
        return generate_latest(self.registry)


def _streams(feeds: Feeds) -> Metric:
    return GaugeMetricFamily("portal_streams_open", "Open event streams of this process.", value=feeds.open)


def _connections() -> Metric:
    pool = db.pool()
    idle = pool.get_idle_size()
    states = {"idle": idle, "busy": pool.get_size() - idle, "most": pool.get_max_size()}
    return _gauge("portal_database_connections", "Connections of this process's pool.", "state", states)


async def _runs(_: Settings) -> list[Metric]:
    by_state = {row["state"]: row["runs"] for row in await db.door("door_runs_by_state")}
    oldest = {row["state"]: (clock.now() - row["since"]).total_seconds() for row in await db.door("door_oldest_runs")}
    return [
        _gauge("portal_runs", "Sync runs by state.", "state", by_state),
        _gauge("portal_oldest_run_seconds", "Since the oldest run of a state was asked for; absent where there is none.", "state", oldest),
    ]


async def _durations(_: Settings) -> list[Metric]:
    labels = ("marketplace", "target")
    taken = SummaryMetricFamily(
        "portal_run_seconds_last_hour", "Time from start to end of the runs that ended in the last hour.", labels=labels
    )
    quantile = GaugeMetricFamily("portal_run_seconds", "The same runs: half and 95 of 100 took no longer.", labels=(*labels, "quantile"))
    for row in await db.door("door_run_durations", clock.now() - WINDOW):
        of = [row["marketplace_code"], row["target"]]
        taken.add_metric(of, count_value=row["runs"], sum_value=row["seconds"])
        quantile.add_metric([*of, "0.5"], row["half"])
        quantile.add_metric([*of, "0.95"], row["most"])
    return [taken, quantile]


async def _lost(settings: Settings) -> list[Metric]:
    lost = await status.lost_anywhere(status.silent_since(settings.lease_s))
    return [GaugeMetricFamily("portal_runs_lost", "Live runs that nobody takes though their worker is silent. Has to be 0.", value=lost)]


async def _calls(_: Settings) -> list[Metric]:
    rows = await db.pool().fetch("SELECT marketplace_code, outcome, calls, seconds FROM marketplace_tallies")
    labels = ("marketplace", "outcome")
    calls = CounterMetricFamily(
        "portal_marketplace_calls", "Calls of all workers by how they ended: answered, refused, or a fault.", labels=labels
    )
    seconds = CounterMetricFamily("portal_marketplace_call_seconds", "The time of those calls.", labels=labels)
    for row in rows:
        calls.add_metric([row["marketplace_code"], row["outcome"]], row["calls"])
        seconds.add_metric([row["marketplace_code"], row["outcome"]], row["seconds"])
    return [calls, seconds]


async def _circuits(_: Settings) -> list[Metric]:
    rows = await db.pool().fetch("SELECT marketplace_code, host, opened_at IS NOT NULL AS open, faults FROM marketplace_circuits")
    labels = ("marketplace", "host")
    circuit = GaugeMetricFamily("portal_marketplace_circuit_open", "1 while all workers leave a silent host alone.", labels=labels)
    faults = GaugeMetricFamily(
        "portal_marketplace_faults_in_a_row", "Calls without an answer since the last one that had one.", labels=labels
    )
    for row in rows:
        circuit.add_metric([row["marketplace_code"], row["host"]], float(row["open"]))
        faults.add_metric([row["marketplace_code"], row["host"]], row["faults"])
    return [circuit, faults]


async def _refusals(_: Settings) -> list[Metric]:
    rows = await db.pool().fetch("SELECT marketplace_code, refusals FROM operator_refusals")
    about = "How often a marketplace has refused the portal's own application."
    return [_gauge("portal_operator_refusals", about, "marketplace", {row["marketplace_code"]: row["refusals"] for row in rows})]


async def _worker(_: Settings) -> list[Metric]:
    row = await db.pool().fetchrow(
        "SELECT max(seen_at) AS newest, count(*) FILTER (WHERE seen_at > now() - interval '1 minute') AS alive FROM worker_beats"
    )
    silence = (clock.now() - row["newest"]).total_seconds() if row["newest"] else -1
    return [
        GaugeMetricFamily("portal_worker_silence_seconds", "Since the last sign of life of any worker; -1: never.", value=silence),
        GaugeMetricFamily("portal_workers", "Workers heard of in the last minute.", value=row["alive"]),
    ]


async def _queued(queues: Queues) -> list[Metric]:
    depth = GaugeMetricFamily(
        "portal_queue_jobs", "Jobs of each queue: queued for now, active, or set for later.", labels=("queue", "state")
    )
    for name, queue in queues.all.items():
        queued, active, incomplete = [await queue.count(kind) for kind in ("queued", "active", "incomplete")]
        for state, jobs in {"queued": queued, "active": active, "later": max(0, incomplete - queued - active)}.items():
            depth.add_metric([name, state], jobs)
    return [depth]


Reading = Callable[[Settings], Awaitable[list[Metric]]]
READINGS: tuple[Reading, ...] = (_runs, _durations, _lost, _calls, _circuits, _refusals, _worker)


def _gauge(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=(label,))
    for key, value in values.items():
        family.add_metric([key], value)
    return family
