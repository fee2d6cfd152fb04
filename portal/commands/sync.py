"""`sync`, `runs`, `cancel`, `retry`: what the buttons do, for scripts and for people without a browser."""

import argparse
import asyncio
import time
from typing import Any
from uuid import UUID

from portal import db
from portal.commands.session import answer, opened, somebody_works
from portal.errors import NotFound
from portal.marketplaces.contract import ScheduleTarget
from portal.runs import painting
from portal.runs import service as runs
from portal.runs.service import Attention, Listed
from portal.tables.syncs import FINISHED, RunState, SyncRun, Trigger

EXIT = {
    RunState.SUCCEEDED: 0,
    RunState.PARTIAL: 3,
    RunState.FAILED: 4,
    RunState.CANCELLED: 4,
    RunState.WAITING: 5,
    # Not finished when the patience ran out: the same as waiting, for a script.
    RunState.QUEUED: 5,
    RunState.RUNNING: 5,
    RunState.CANCELLING: 5,
}


def add_parsers(commands: Any) -> None:
    sync = commands.add_parser("sync", help="join or start a run")
    sync.add_argument("account", type=UUID)
    sync.add_argument("--target", default="ORDERS", type=str.upper, choices=[str(target) for target in ScheduleTarget])
    sync.add_argument("--wait", action="store_true", help="until it has ended, or waits for the marketplace")
    sync.add_argument("--timeout", type=float, default=3600.0, metavar="SECONDS")
    sync.add_argument("--json", action="store_true")
    sync.set_defaults(run=lambda chosen: asyncio.run(_sync(chosen)))
    history = commands.add_parser("runs", help="the newest runs of a seller or an account")
    history.add_argument("--seller", type=UUID)
    history.add_argument("--account", type=UUID)
    history.add_argument("--limit", type=int, default=20)
    history.add_argument("--json", action="store_true")
    history.set_defaults(run=lambda chosen: asyncio.run(_runs(chosen)))
    for name, act, help_text in (("cancel", _cancel, "stop a run at its next page"), ("retry", _retry, "go on where an ended run stopped")):
        one = commands.add_parser(name, help=help_text)
        one.add_argument("run_id", type=UUID, metavar="RUN")
        one.add_argument("--json", action="store_true")
        one.set_defaults(run=lambda chosen, act=act: asyncio.run(act(chosen)))


def facts_of(run: SyncRun) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "state": run.state,
        "new": run.new_count,
        "changed": run.changed_count,
        "same": run.same_count,
        "set_aside": run.set_aside_count,
        "error": run.error_code or None,
        "message": run.error_message or run.partial_reason,
    }


def sentence_of(run: SyncRun) -> str:
    counts = f"{run.new_count} new, {run.changed_count} changed, {run.same_count} same, {run.set_aside_count} set aside"
    return " ".join(part for part in (f"Run {run.id} is {run.state}: {counts}.", run.error_message or run.partial_reason) if part)


async def _sync(chosen: argparse.Namespace) -> int:
    async with opened() as session:
        if chosen.wait:
            await somebody_works()
        seller_id = await _seller("door_seller_of_account", chosen.account, "account")
        started = await runs.start(
            seller_id, chosen.account, ScheduleTarget(chosen.target), jobs=session.jobs, trigger=Trigger.CLI, by="command line"
        )
        run = await _settled(seller_id, started.run_id, chosen.timeout) if chosen.wait else await runs.get(seller_id, started.run_id)
    answer(chosen.json, {**facts_of(run), "joined": started.joined}, sentence_of(run))
    return EXIT[RunState(run.state)] if chosen.wait else 0


async def _settled(seller_id: UUID, run_id: UUID, patience_s: float) -> SyncRun:
    deadline = time.monotonic() + patience_s
    while True:
        run = await runs.get(seller_id, run_id)
        if run.state in FINISHED or run.state == RunState.WAITING or time.monotonic() > deadline:
            return run
        await asyncio.sleep(0.1)


async def _runs(chosen: argparse.Namespace) -> int:
    async with opened():
        seller_id = chosen.seller
        if chosen.account is not None:
            seller_id = await _seller("door_seller_of_account", chosen.account, "account")
        if seller_id is None:
            raise NotFound("seller: name one with --seller or an account with --account")
        found = await runs.history(seller_id, account_id=chosen.account, limit=min(max(chosen.limit, 1), 500))
    lines = [
        f"{one.created_at:%Y-%m-%d %H:%M:%S}Z  {_called(one):<15} {one.target:<15} {one.account_name}  {one.new} new  {one.id}"
        for one in found
    ]
    shown = [
        {
            "run_id": one.id,
            "account_id": one.account_id,
            "target": one.target,
            "trigger": one.trigger,
            "state": one.state,
            "waits_for_you": one.attention in (Attention.HELD, Attention.CLOSING),
            "new": one.new,
            "changed": one.changed,
            "same": one.same,
            "set_aside": one.set_aside,
            "reason": one.reason,
            "created_at": one.created_at.isoformat(),
            "finished_at": one.finished_at.isoformat() if one.finished_at else None,
        }
        for one in found
    ]
    answer(chosen.json, {"runs": shown}, "\n".join(lines) or "No runs yet.")
    return 0


def _called(run: Listed) -> str:
    """What a run came to, in a word: the state, or what pages say of one that ended for a person to act."""
    return painting.words(run.state, run.attention)[0].lower() if run.attention else run.state


async def _cancel(chosen: argparse.Namespace) -> int:
    async with opened():
        seller_id = await _seller("door_seller_of_run", chosen.run_id, "run")
        await runs.request_cancel(seller_id, chosen.run_id, by="command line")
        run = await runs.get(seller_id, chosen.run_id)
    answer(chosen.json, facts_of(run), sentence_of(run))
    return 0


async def _retry(chosen: argparse.Namespace) -> int:
    async with opened() as session:
        seller_id = await _seller("door_seller_of_run", chosen.run_id, "run")
        started = await runs.retry(seller_id, chosen.run_id, jobs=session.jobs, by="command line")
        run = await runs.get(seller_id, started.run_id)
    answer(chosen.json, {**facts_of(run), "joined": started.joined}, sentence_of(run))
    return 0


async def _seller(door: Any, identifier: UUID, what: str) -> UUID:
    seller_id = await db.seller_of(door, identifier)
    if seller_id is None:
        raise NotFound(what)
    return seller_id
