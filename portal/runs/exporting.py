"""A run's log to take away: for people as text in Indian time, for support as JSON lines in UTC. Only what is named here ever leaves."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec

from portal import __version__, clock
from portal.runs import painting, service
from portal.runs.service import Attention, CallShown, Line
from portal.tables.accounts import MarketplaceAccount
from portal.tables.syncs import SyncRun

AT_ONCE = 500
"""Lines held in memory at a time: a log may have any length."""

LINE_FIELDS = ("seq", "kind", "level", "message", "detail")
CALL_FIELDS = ("operation", "method", "path", "status", "attempt", "request_id", "fault")
CLEARED = "The lines of this sync are gone, because it ended long ago. What it came to is above."


async def text(run: SyncRun, account: MarketplaceAccount, place: str, attention: Attention) -> AsyncIterator[str]:
    """The log for people, times to the second in IST, the exchanges indented below their line."""
    yield (
        f"{run.diagnostic_id}  {painting.TARGETS[run.target]}  {account.name} ({place})  {painting.words(run.state, attention)[0]}\n"
        f"{run.new_count} new, {run.changed_count} changed, {run.same_count} same, {run.set_aside_count} set aside  portal {__version__}\n"
    )
    if run.log_cleared_at:
        yield f"{CLEARED}\n"
    async for line in _lines(run):
        detail = f"  [{line.detail}]" if line.detail else ""
        yield f"{_ist(line.occurred_at)}  {line.level:<7}  {line.message}{detail}\n"
        for call in line.calls:
            yield f"{_ist(call.occurred_at)}           {call.words}\n"


async def json_lines(run: SyncRun, account: MarketplaceAccount, place: str) -> AsyncIterator[bytes]:
    """The log for support: a head, then one object a line."""
    encoder = msgspec.json.Encoder()
    head = {
        "diagnostic_id": run.diagnostic_id,
        "request_id": run.request_id,
        "run_id": run.id,
        "account": account.name,
        "marketplace": place,
        "target": run.target,
        "trigger": run.trigger,
        "state": run.state,
        "error_code": run.error_code,
        "attempts": run.attempt,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "log_cleared_at": run.log_cleared_at,
        "version": __version__,
    }
    yield encoder.encode(head) + b"\n"
    async for line in _lines(run):
        told: dict[str, Any] = {"at": line.occurred_at, **{name: getattr(line, name) for name in LINE_FIELDS}}
        told["calls"] = [_call(call) for call in line.calls]
        yield encoder.encode(told) + b"\n"


def _call(call: CallShown) -> dict[str, Any]:
    return {"at": call.occurred_at, "ms": round(call.duration_ms), **{name: getattr(call, name) for name in CALL_FIELDS}}


async def _lines(run: SyncRun) -> AsyncIterator[Line]:
    after = 0
    while found := await service.events(run.seller_id, _id(run), after, limit=AT_ONCE, every_call=True):
        for line in found:
            yield line
        after = found[-1].seq


def _id(run: SyncRun) -> UUID:
    return UUID(str(run.id))


def _ist(moment: Any) -> str:
    return f"{clock.in_ist(moment):%Y-%m-%d %H:%M:%S} IST"
