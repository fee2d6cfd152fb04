"""Syncs: start one by a click, watch it live, stop it, go on with it, read its history."""

import base64
import binascii
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, ServerSentEvent

from portal import clock
from portal.errors import BadInput
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.people.permissions import Permission, needs
from portal.runs import painting, service, streaming
from portal.runs.feeds import Feeds
from portal.tables.syncs import RunState
from portal.web import stream
from portal.web.pages import Notice, go, is_htmx, page

PAGE = 50


@post("/accounts/{account_id:uuid}/syncs", opt=needs(Permission.SYNC))
async def create(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]
) -> Response[str] | Redirect:
    """Start a sync, or join the one that is under way. The answer leads to the run's page; htmx gets that page at once."""
    form = await request.form()
    started = await service.start(
        seller_id, account_id, _target(str(form.get("target") or "ORDERS")), jobs=jobs, by=request.state.viewer.called
    )
    since = clock.in_ist(started.started_at).strftime("%-I:%M %p").lower()
    notice = f"This sync is already running since {since}. You joined it." if started.joined else ""
    href = f"/syncs/{started.run_id}"
    if not is_htmx(request):
        return go(href, notice=notice, tone="info")
    seen = await streaming.summary(seller_id, started.run_id)
    said = Notice(notice, "info") if notice else None
    return page(request, whole="runs/_arrived.html", at=href, headers={"HX-Push-Url": href}, arrived=True, **{**seen, "notice": said})


def _target(named: str) -> ScheduleTarget:
    try:
        return ScheduleTarget(named)
    except ValueError:
        raise BadInput("We do not know this kind of sync.") from None


@get("/syncs", opt=needs(Permission.READ))
async def index(
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    account: FromQuery[UUID | None] = None,
    result: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Response[str]:
    """The history, newest first."""
    known = result if result in set(RunState) else ""
    runs = await service.history(seller_id, account_id=account, state=known, before=_cursor(after), limit=PAGE + 1)
    shown, more = runs[:PAGE], len(runs) > PAGE
    older = f"/syncs?after={_encode(shown[-1].created_at, shown[-1].id)}" if more else ""
    if older and account:
        older += f"&account={account}"
    if older and known:
        older += f"&result={known}"
    return page(
        request,
        whole="runs/index.html",
        part="runs/_results.html",
        runs=shown,
        painting=painting,
        states=[(one, painting.WORDS[one][0]) for one in RunState],
        chosen=known,
        account=account,
        newer="/syncs" if after else "",
        older=older,
    )


def _encode(moment: datetime, identifier: UUID) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((moment, identifier))).decode().rstrip("=")


def _cursor(text: str) -> tuple[datetime, UUID] | None:
    """Where the page above ended; a cursor that cannot be read leads to the first page."""
    if not text:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=tuple[datetime, UUID])
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None


@get("/syncs/{run_id:uuid}", opt=needs(Permission.READ))
async def show(run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """One run: live while it works, a summary afterwards."""
    seen = await streaming.summary(seller_id, run_id)
    return page(request, whole="runs/show.html", arrived=False, **seen)


@get("/p/runs/{run_id:uuid}/panel", opt=needs(Permission.READ))
async def panel(
    run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], mode: FromQuery[str] = "live"
) -> Response[str] | Redirect:
    """The panel alone: for polling where no stream opens."""
    if "hx-request" not in request.headers:
        return go(f"/syncs/{run_id}")
    return page(request, whole="runs/_polled.html", **await streaming.summary(seller_id, run_id, "poll" if mode == "poll" else "live"))


@get("/p/runs/{run_id:uuid}/log", opt=needs(Permission.READ))
async def older_lines(
    run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], before: FromQuery[int] = 0
) -> Response[str] | Redirect:
    """Older lines of the log, to go above the ones shown."""
    if "hx-request" not in request.headers:
        return go(f"/syncs/{run_id}")
    events = await service.last_events(seller_id, run_id, before=before)
    return page(request, whole="runs/_older.html", run_id=run_id, events=events, first_seq=events[0].seq if events else 0)


@post("/p/runs/{run_id:uuid}/updates", status_code=200, opt=needs(Permission.READ))
async def updates(run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str] | Redirect:
    """Pause or resume the live updates of one page; the sync itself never notices."""
    if "hx-request" not in request.headers:
        return go(f"/syncs/{run_id}")
    form = await request.form()
    run = await service.get(seller_id, run_id)
    return page(
        request,
        whole="runs/_updates.html",
        run=painting.panel(run),
        paused=form.get("do") == "pause",
        seq=_whole_number(str(form.get("seq") or run.seq)),
    )


def _whole_number(text: str) -> int:
    return int(text) if text.isdigit() else 0


@get("/syncs/{run_id:uuid}/events", opt=needs(Permission.ANYONE))
async def events(
    run_id: FromPath[UUID], request: Request[Any, Any, Any], feeds: NamedDependency[Feeds], after: FromQuery[int] = 0
) -> ServerSentEvent:
    """The run's story from event `after` (or Last-Event-ID, whichever is later) to its end, as it happens.

    For readers only, like the page it stands on; whoever is none is told so in the stream itself, which ends then: htmx would ask
    again for ever after any other answer.
    """
    viewer = request.state.get("viewer")
    if not streaming.may_read(viewer):
        return stream.stream(streaming.signed_out(request, run_id))
    run = await service.get(viewer.seller_id, run_id)
    # A number that the run has not come to yet would leave everybody else waiting for it.
    beginning = min(run.seq, stream.resume_after(request.headers.get("last-event-id"), after))
    return stream.stream(streaming.follow(streaming.Reader(request, viewer), feeds, run_id, beginning))


@post("/syncs/{run_id:uuid}/cancel", opt=needs(Permission.SYNC))
async def cancel(run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    """Stop at the next page."""
    await service.request_cancel(seller_id, run_id, by=request.state.viewer.called)
    return go(f"/syncs/{run_id}")


@post("/syncs/{run_id:uuid}/retry", opt=needs(Permission.SYNC))
async def retry(
    run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]
) -> Redirect:
    """Go on where an ended run stopped, in a new run."""
    started = await service.retry(seller_id, run_id, jobs=jobs, by=request.state.viewer.called)
    return go(f"/syncs/{started.run_id}", notice="This sync is already running. You joined it." if started.joined else "", tone="info")


@get("/syncs/{run_id:uuid}/log.txt", opt=needs(Permission.READ))
async def log_text(run_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Response[str]:
    run = await service.get(seller_id, run_id)
    account = await service.account_of(seller_id, run_id)
    text = painting.as_text(run, list(await service.events(seller_id, run_id, limit=10_000)), account.name)
    return Response(text, media_type="text/plain; charset=utf-8", headers=_download(run.diagnostic_id, "txt"))


@get("/syncs/{run_id:uuid}/log.jsonl", opt=needs(Permission.READ))
async def log_lines(run_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Response[bytes]:
    run = await service.get(seller_id, run_id)
    lines = painting.as_json_lines(list(await service.events(seller_id, run_id, limit=10_000)))
    return Response(lines, media_type="application/x-ndjson", headers=_download(run.diagnostic_id, "jsonl"))


def _download(name: str, kind: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}


ROUTES = (create, index, show, panel, older_lines, updates, events, cancel, retry, log_text, log_lines)
