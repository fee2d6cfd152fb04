"""Syncs: start one by a click, watch it live, stop it, go on with it, read its history."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, ServerSentEvent

from portal import clock
from portal.errors import BadInput
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.people.permissions import Permission, needs
from portal.runs import aside_routes, log_routes, painting, problem_routes, service, streaming
from portal.runs.feeds import Feeds
from portal.runs.folding import folded
from portal.web import stream
from portal.web.narrowing import Query
from portal.web.pages import Notice, go, is_htmx, page


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
    if started.next_in_line:
        notice = f"Older days are being read since {since}. What is new stands next in line and follows."
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


RECENT = {"today": "Today", "yesterday": "Yesterday", "week": "Last 7 days"}


@get("/syncs", opt=needs(Permission.READ))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """The history, newest first, with what is wrong now above it."""
    names = {str(account_id): name for account_id, name in await service.accounts_of(seller_id)}
    starters = _starters(await service.askers(seller_id))
    states = painting.RESULTS
    query = Query("/syncs", request.query_params)
    filters = _filters(query, names, starters, states)
    found = await service.search(seller_id, filters, query.cursor())
    labels: dict[str, tuple[str, Mapping[str, str]]] = {
        "account": ("Account", names),
        "result": ("Result", states),
        "type": ("Type", painting.TARGETS),
        "by": ("Started by", starters),
        "when": ("When", RECENT),
        "search": ("Diagnostic id", {}),
    }
    return page(
        request,
        whole="runs/index.html",
        part="runs/_results.html",
        query=query,
        found=found,
        folds=folded(found.rows),
        chips=query.chips({**labels, **query.day_chips()}),
        painting=painting,
        account_names=names,
        starters=starters,
        states=states,
        recent=RECENT,
        problems=await service.problems(seller_id),
    )


def _starters(people: Sequence[str]) -> dict[str, str]:
    """What a sync can be started by: the occasions, then everybody who ever did."""
    occasions = {name: words for name, words in painting.TRIGGERS.items() if name not in ("manual", "retry")}
    return occasions | {f"{service.BY_NAME}{name}": name for name in people}


def _filters(query: Query, names: Mapping[str, str], starters: Mapping[str, str], states: Mapping[str, str]) -> service.Filters:
    account = query.choice("account", names)
    recent = query.choice("when", RECENT)
    first, last = _span(recent)
    return service.Filters(
        account_id=UUID(account) if account else None,
        state=query.choice("result", states),
        target=query.choice("type", painting.TARGETS),
        started_by=query.choice("by", starters),
        search=query.text("search"),
        created_from=query.first_moment("from") or first,
        created_to=query.last_moment("to") or last,
    )


def _span(recent: str) -> tuple[datetime | None, datetime | None]:
    """Beginning and end of the Indian days that a word means."""
    today = clock.ist_today()
    if recent == "yesterday":
        return clock.ist_day(today - timedelta(days=1))
    back = {"today": 0, "week": 6}.get(recent)
    return (clock.ist_day(today - timedelta(days=back))[0], None) if back is not None else (None, None)


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


ROUTES = (create, index, show, panel, updates, events, cancel, retry, *log_routes.ROUTES, *aside_routes.ROUTES, *problem_routes.ROUTES)
