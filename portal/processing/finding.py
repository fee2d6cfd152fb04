"""Batches as pages show them: the list, and one batch with its stages."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from portal import db
from portal.errors import NotFound
from portal.marketplaces.registry import marketplace
from portal.marketplaces.stages import Stage
from portal.processing import batches, errands, held_orders, papers, rules, standstill
from portal.processing.closing import Rule
from portal.processing.papers import Paper
from portal.processing.standstill import Standstill
from portal.tables.processing import BatchState, StageState

MOST_BATCHES = 100
MOST_ORDERS = 500


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the batches page. `standing` is the stage it stands at, empty once it is closed."""

    id: UUID
    number: int
    account_name: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    standstill: Standstill
    orders: int
    held: int
    done: int
    standing: str


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of a batch as its track shows it. `state` is ahead, running, waiting, stopped, done, or skipped: no order came so far."""

    position: int
    title: str
    phase: str
    gate: str
    state: str
    passed: int = 0
    held: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An order of a batch: where it stands, and our id of it."""

    external_order_id: str
    order_id: int | None
    state: str
    passed: int
    reason: str
    manifest: str
    documented: bool
    """Whether there are papers of it."""
    closable: bool
    """Whether its parcel stands on a manifest that only has to be closed."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page of one batch shows. `papers` counts documents by kind; `manifests` are those of the whole batch."""

    id: UUID
    number: int
    account_id: UUID
    account_name: str
    state: str
    run_id: UUID | None
    opened_at: datetime
    closed_at: datetime | None
    standstill: Standstill
    close_asked_by: str
    closing: bool
    """Whether the stage it stands at is the one that waits for the account's closing rule."""
    closes: bool
    """Whether its pipeline has a stage that the courier's cut-off matters to."""
    changeable: bool
    """Whether orders may still be taken out of its manifests."""
    errand: errands.Shown | None
    """What it waits for its people to do in the marketplace's panel."""
    rule: Rule
    tracks: tuple[Track, ...]
    orders: tuple[Moved, ...]
    counts: dict[str, int]
    """Orders by where they stand."""
    more_orders: int
    papers: dict[str, int]
    manifests: tuple[Paper, ...]
    held: tuple[held_orders.Group, ...]


async def listed(seller_id: UUID) -> list[Listed]:
    """The newest batches, those under way first."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            f"""SELECT b.*, run.*, a.name AS account_name, a.marketplace_code, inside.orders, inside.held, inside.done FROM batches b
               JOIN marketplace_accounts a ON a.id = b.marketplace_account_id {standstill.NEWEST_RUN}
               CROSS JOIN LATERAL (
                   SELECT count(*) AS orders, count(*) FILTER (WHERE o.state = 'held') AS held, count(*) FILTER (WHERE o.state = 'done') AS done
                   FROM batch_orders o WHERE o.batch_id = b.id) AS inside
               ORDER BY b.state DESC, b.opened_at DESC LIMIT $1""",  # noqa: S608 (our own words)
            MOST_BATCHES,
        )
        return [await _listed(row) for row in rows]


async def _listed(row: Any) -> Listed:
    stages = marketplace(row["marketplace_code"]).stages
    position = await batches.standing(row["id"], len(stages)) if row["state"] == "open" else None
    return Listed(
        id=row["id"],
        number=row["number"],
        account_name=row["account_name"],
        state=row["state"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        standstill=standstill.of(row),
        orders=row["orders"],
        held=row["held"],
        done=row["done"],
        standing=f"{position} of {len(stages)}: {stages[position - 1].title}" if position else "",
    )


async def show(seller_id: UUID, batch_id: UUID) -> Shown:
    """One batch. NotFound when it is not this seller's."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            f"""SELECT b.*, run.*, a.name AS account_name, a.marketplace_code FROM batches b
               JOIN marketplace_accounts a ON a.id = b.marketplace_account_id {standstill.NEWEST_RUN} WHERE b.id = $1""",  # noqa: S608
            batch_id,
        )
        if row is None:
            raise NotFound("batch")
        stages = marketplace(row["marketplace_code"]).stages
        position = await batches.standing(batch_id, len(stages)) if row["state"] == "open" else None
        closing = position is not None and stages[position - 1].closes
        known = {one["position"]: one for one in await held.fetch("SELECT * FROM stage_runs WHERE batch_id = $1", batch_id)}
        orders = await held.fetch(
            """SELECT o.external_order_id, o.state, o.passed, o.held_reason, o.marks ->> 'manifest' AS manifest, (
                   SELECT id FROM orders k WHERE k.marketplace_account_id = o.marketplace_account_id
                                             AND k.external_order_id = o.external_order_id) AS order_id,
                   EXISTS (SELECT FROM documents d WHERE d.batch_id = o.batch_id AND d.external_order_id = o.external_order_id) AS documented
               FROM batch_orders o WHERE o.batch_id = $1 ORDER BY o.id LIMIT $2""",
            batch_id,
            MOST_ORDERS,
        )
        counts = dict(await held.fetch("SELECT state, count(*) FROM batch_orders WHERE batch_id = $1 GROUP BY state", batch_id))
        kinds = await held.fetch("SELECT kind, count(*) AS papers FROM documents WHERE batch_id = $1 GROUP BY kind", batch_id)
        whole = await held.fetch("SELECT * FROM documents WHERE batch_id = $1 AND external_order_id = '' ORDER BY number", batch_id)
        return Shown(
            id=batch_id,
            number=row["number"],
            account_id=row["marketplace_account_id"],
            account_name=row["account_name"],
            state=row["state"],
            run_id=row["run_id"],
            opened_at=row["opened_at"],
            closed_at=row["closed_at"],
            standstill=standstill.of(row),
            close_asked_by=row["close_asked_by"] if row["close_asked_at"] else "",
            closing=closing,
            closes=any(stage.closes for stage in stages),
            changeable=closing and position not in known,
            errand=await errands.under_way(batch_id, position) if position else None,
            rule=await rules.of_account(row["marketplace_account_id"]),
            tracks=tuple(
                _track(number, stage, known.get(number), standstill.of(row), over=row["state"] == BatchState.CLOSED)
                for number, stage in enumerate(stages, start=1)
            ),
            orders=tuple(_moved(one, stages) for one in orders),
            counts=counts,
            more_orders=max(0, sum(counts.values()) - MOST_ORDERS),
            papers={one["kind"]: one["papers"] for one in kinds},
            manifests=tuple(papers.of_row(one) for one in whole),
            held=tuple(await held_orders.of_batch(batch_id)),
        )


def _track(position: int, stage: Stage, run: Any, still: Standstill, *, over: bool) -> Track:
    if run is None:
        return Track(position=position, title=stage.title, phase=stage.phase, gate=stage.gate, state="skipped" if over else "ahead")
    return Track(
        position=position,
        title=stage.title,
        phase=stage.phase,
        gate=stage.gate,
        state=run["state"] if run["state"] == StageState.DONE else still.stage,
        passed=run["passed_count"],
        held=run["held_count"],
        started_at=run["started_at"],
        ended_at=run["ended_at"],
    )


def _moved(row: Any, stages: tuple[Stage, ...]) -> Moved:
    ahead = stages[row["passed"]] if row["passed"] < len(stages) else None
    return Moved(
        external_order_id=row["external_order_id"],
        order_id=row["order_id"],
        state=row["state"],
        passed=row["passed"],
        reason=row["held_reason"] if row["state"] in ("held", "gone") else "",
        manifest=row["manifest"] or "",
        documented=row["documented"],
        closable=row["state"] == "in" and ahead is not None and ahead.closes,
    )
