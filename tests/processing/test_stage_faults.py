"""Every fault of a sandbox at every stage: the batch waits, stops or holds an order, says so, and goes on as if nothing had been."""

import asyncio
from pathlib import Path

import pytest

from portal.marketplaces.facts import Decision
from portal.marketplaces.sandbox import Fault
from portal.postgres import Addresses
from portal.processing import batches, finding, held_orders
from portal.processing.perform import StageWaits
from portal.tables.syncs import FINISHED, RunState, SyncRun
from portal.vault import Vault
from tests.contract.endings import LASTING, PASSING, told
from tests.contract.stalls import Tap
from tests.processing.floor import Floor, Pipeline, floor
from tests.processing.pipelines import every_stage
from tests.processing.pipelines.ajio import PIPELINE as AJIO
from tests.workshop import seen

pytestmark = pytest.mark.anyio

ORDERS = 4
OF_READING = {Fault.REPEATED_PAGE}
"""Lasts, but only where pages are read does a run end of it."""
UNNOTICED = {Fault.EXPIRED_TOKEN, Fault.CLOCK_SKEW}
"""Mended within the call: the batch goes on as if nothing had been."""
EVERYWHERE = {Fault.REVOKED, Fault.FORBIDDEN, Fault.SLOW_DOWN, Fault.OUTAGE, Fault.TIMEOUT, Fault.RESET}
"""What any call can meet: a stage that calls at all meets them."""
PATIENCE_S = {Fault.TIMEOUT: 0.3}
SECONDS = {Fault.TIMEOUT: 20.0, Fault.SLOW_DOWN: 120.0}
SAMPLE = [
    (AJIO, 1, (Fault.FORBIDDEN, Fault.CHANGED)),
    (AJIO, 4, (Fault.REVOKED, Fault.OUTAGE)),
    (AJIO, 7, (Fault.TRUNCATED, Fault.LOGIN_PAGE)),
    (AJIO, 11, (Fault.SLOW_DOWN, Fault.RESET)),
]


@pytest.mark.parametrize(("pipeline", "position", "faults"), SAMPLE, ids=lambda one: str(one) if isinstance(one, int) else None)
async def test_a_sample_of_faults_at_stages(
    pipeline: Pipeline, position: int, faults: tuple[Fault, ...], connected: Addresses, keys: Vault, tmp_path: Path
) -> None:
    await proven(pipeline, position, faults, connected, keys, tmp_path)


@pytest.mark.soak
@every_stage
async def test_every_fault_at_every_stage(pipeline: Pipeline, position: int, connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    await proven(pipeline, position, tuple(Fault), connected, keys, tmp_path)


async def proven(pipeline: Pipeline, position: int, faults: tuple[Fault, ...], connected: Addresses, keys: Vault, folder: Path) -> None:
    async with floor(pipeline, connected, keys, folder, orders=0) as works:
        for fault in faults:
            pipeline.add(works.world, ORDERS)
            where = f"{pipeline.code} {pipeline.place.stages[position - 1].code} {fault}"
            async with asyncio.timeout(60):
                run, struck = await broken_at(works, position, fault)
                if struck and fault in LASTING and fault not in OF_READING:
                    await stands_truly(works, run, position, fault, where)
                elif struck:
                    passes_by(run, fault, where)
                await well_again(works)
                await settled(works, where)
            await pipeline.agrees(works, {})


async def broken_at(works: Floor, position: int, fault: Fault) -> tuple[SyncRun, bool]:
    """The run as the fault leaves it, and whether a call of that stage has met it."""
    begin, over = batches.begin, False
    served: list[int] = []

    async def begun(account: object, batch_id: object, at: int, stage: object) -> None:
        nonlocal over
        await begin(account, batch_id, at, stage)  # type: ignore[arg-type]
        if at == position and not over:
            served.append(len(works.faults.served))
            works.wrong(fault, times=0 if fault in LASTING else 1, seconds=SECONDS.get(fault, 0.0))
        elif at > position:
            over = True
            served.append(len(works.faults.served))
            works.faults.ordered.clear()

    works.faults.struck.clear()
    works.transport = tap = Tap()
    tap.patience_s = PATIENCE_S.get(fault)
    run_id = await works.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "begin", begun)
        while True:
            run = await works.work(run_id)
            if run.state != RunState.WAITING or works.faults.struck:
                break
            await works.rows("UPDATE sync_runs SET resume_at = now() - interval '1 second' WHERE id = $1", run_id)
    works.transport = None
    await tap.ended()
    struck = bool(works.faults.struck)
    assert struck or fault not in EVERYWHERE or served[0] == (served[1:] or [len(works.faults.served)])[0], "a call met nothing"
    return run, struck


async def stands_truly(works: Floor, run: SyncRun, position: int, fault: Fault, where: str) -> None:
    """The run ends as such a fault does, and the batch says that it stands, where and why."""
    assert (run.state, run.error_code) == LASTING[fault], f"{where}: {run.error_message or run.partial_reason}"
    told(run, where)
    rows = await works.rows("SELECT id FROM batches WHERE state = 'open'")
    assert len(rows) == 1, where
    shown = await finding.show(works.seller, rows[0]["id"])
    assert run.error_message == shown.standstill.words, where
    states = [track.state for track in shown.tracks]
    here = "stopped" if run.state in FINISHED else "waiting"
    assert states == ["done"] * (position - 1) + [here] + ["ahead"] * (len(states) - position), where
    orders = await works.rows("SELECT passed, state FROM batch_orders WHERE batch_id = $1", rows[0]["id"])
    for track in shown.tracks[1:]:
        assert track.passed == sum(row["passed"] >= track.position for row in orders), f"{where}: {track.title}"


def passes_by(run: SyncRun, fault: Fault, where: str) -> None:
    """A fault that was met once ends no run, and where it keeps one waiting or orders held, that is said."""
    assert fault in PASSING or fault in OF_READING or fault is Fault.OTHER_SHOP, where
    told(run, where)
    if fault in UNNOTICED:
        assert (run.state, run.error_code) in {(RunState.SUCCEEDED, ""), (RunState.WAITING, StageWaits.code)}, (
            f"{where}: {run.error_message}"
        )
    elif fault in PASSING:
        assert run.state != RunState.FAILED, f"{where}: {run.error_message}"


async def well_again(works: Floor) -> None:
    """The fault is gone, and nobody waits for its consequences any longer."""
    works.faults.ordered.clear()
    for statement in (
        "UPDATE call_budgets SET due = now() - interval '1 hour'",
        "DELETE FROM marketplace_circuits",
        "UPDATE marketplace_accounts SET needs_reconnect = false",
    ):
        await seen(works.addresses, statement)


async def settled(works: Floor, where: str) -> None:
    """Every order ends where it should have ended, with a person trying again whatever was held."""
    for _ in range(4):
        run = await works.through()
        waiting = [one for group in await held_orders.listed(works.seller) for one in group.orders]
        if run.state == RunState.SUCCEEDED and not waiting:
            return
        assert run.state in {RunState.SUCCEEDED, RunState.PARTIAL}, f"{where}: {run.error_message}"
        for one in waiting:
            assert one.reason[:1].isupper() or one.reason[:1].isdigit(), where
            await held_orders.decide(works.seller, one.id, Decision.RETRY, {}, by="Asha")
    raise AssertionError(f"{where}: {run.state} {run.partial_reason}, {[one.reason for one in waiting]}")
