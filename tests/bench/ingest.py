"""Orders per second from a marketplace's HTTP answers to committed rows, through a real worker, beside a plain COPY of the same rows."""

import io
import time
from collections.abc import AsyncIterator
from statistics import fmean
from typing import Literal, NamedTuple

import msgspec

from tests.bench.figures import Busy, Figure, figure, peak_mb
from tests.bench.stage import Stage, staged

ORDERS, LINES, ROUNDS = 20_000, 2, 5
COPIES = 2
"""After each pass: a sync takes about as long as four, and a machine's speed changes meanwhile."""
TABLES = ("orders", "order_items", "shipments", "shipment_items")
MEMORY_AIM_MB = 200


class Taken(NamedTuple):
    """What one pass cost, per order: the time that went by, and the processor time of everything of ours that worked on it."""

    wall_us: float
    processor_us: float


async def measure() -> AsyncIterator[Figure]:
    """First sync, the same sync again, COPY, and the worker's memory. Each figure is the mean of its rounds.

    Not the best: a short pass finds a fast moment of the machine more easily than a long one.
    """
    async with staged(orders=ORDERS, lines=LINES) as stage:
        worker = await stage.start("worker")
        # Connecting brings the first sync with it; it fills the sandbox's own memory and is not counted.
        account = await stage.connected()
        first, again, copied, copied_binary = [], [], [], []
        for _ in range(ROUNDS):
            await empty(stage)
            first.append(await _synced(stage, worker.pid, account, new=ORDERS))
            copied += [await _copied(stage, "text") for _ in range(COPIES)]
            again.append(await _synced(stage, worker.pid, account, new=0))
            copied += [await _copied(stage, "text") for _ in range(COPIES)]
            copied_binary.append(await _copied(stage, "binary"))
        passes = (
            ("copy", copied, "the same rows: one plain COPY a table into fresh indexed tables"),
            ("copy_binary", copied_binary, "the same in COPY's binary form"),
            ("first_sync", first, f"{ORDERS} orders of {LINES} items, on tables the planner knows nothing about"),
            ("same_again", again, "nothing had changed"),
        )
        rates = {
            name: figure(f"ingest.{name}", 1e6 / fmean(one.wall_us for one in taken), "orders/s", note=note) for name, taken, note in passes
        }
        aims = {"first_sync": "ratio >= 0.25"}
        for name, one in rates.items():
            yield msgspec.structs.replace(one, aim=aims.get(name, "")).against(rates["copy"])
        # A busy machine stretches the time that goes by; the work stays about the same.
        works = [
            figure(
                f"ingest.{name}_work", fmean(one.processor_us for one in taken), "us/order", note="processor time of worker and database"
            )
            for name, taken, _ in passes
        ]
        for work in works:
            yield work.against(works[0])
        yield figure("ingest.worker_peak", peak_mb(worker.pid), "MB", aim=f"< {MEMORY_AIM_MB}")


async def empty(stage: Stage) -> None:
    """As on a new portal: no rows, and a planner that has never seen any."""
    await stage.owner.execute(f"TRUNCATE {', '.join(TABLES)}, sync_events RESTART IDENTITY CASCADE")
    await stage.owner.execute(
        """SELECT pg_clear_relation_stats('public', relname), pg_clear_attribute_stats('public', relname, attname, false)
           FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped WHERE relname = ANY($1)""",
        TABLES,
    )


async def _synced(stage: Stage, worker: int, account: str, *, new: int) -> Taken:
    """From the moment a worker took the run to the moment it had ended, with everything read."""
    await stage.owner.execute("DELETE FROM sync_cursors")
    backends = await stage.owner.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = 'portal-worker'")
    busy = Busy(worker, *(row["pid"] for row in backends))
    run_id = (await stage.portal("sync", account))["run_id"]
    await stage.idle()
    run = await stage.owner.fetchrow("SELECT * FROM sync_runs WHERE id = $1::text::uuid", run_id)
    assert run is not None
    assert (run["state"], run["new_count"], run["new_count"] + run["same_count"]) == ("succeeded", new, ORDERS), dict(run)
    return Taken((run["finished_at"] - run["started_at"]).total_seconds() * 1e6 / ORDERS, busy.so_far_s() * 1e6 / ORDERS)


async def _copied(stage: Stage, form: Literal["text", "binary"]) -> Taken:
    """COPY of what the sync has written, in one transaction, with the same indexes and the same durability."""
    rows: dict[str, bytes] = {}
    for table in TABLES:
        kept = io.BytesIO()
        await stage.owner.copy_from_query(f"SELECT * FROM {table}", output=kept, format=form)
        rows[table] = kept.getvalue()
        await stage.owner.execute(f"DROP TABLE IF EXISTS copied_{table}; CREATE TABLE copied_{table} (LIKE {table} INCLUDING INDEXES)")
    busy, started = Busy(stage.owner.get_server_pid()), time.perf_counter()
    async with stage.owner.transaction():
        for table in TABLES:
            await stage.owner.copy_to_table(f"copied_{table}", source=io.BytesIO(rows[table]), format=form)
    return Taken((time.perf_counter() - started) * 1e6 / ORDERS, busy.so_far_s() * 1e6 / ORDERS)
