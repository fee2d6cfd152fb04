"""Rows set aside: why, what they look like, and reading them again."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.errors import BadInput
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.people.permissions import Permission, needs
from portal.runs import painting, service
from portal.web.narrowing import Query
from portal.web.pages import go, page
from portal.web.security import safe_next

VIEWS = ("resolved",)


@get("/set-asides", opt=needs(Permission.READ))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """By reason with a retry of each, then the rows one by one; what has been settled in a view of its own."""
    names = {str(account_id): name for account_id, name in await service.accounts_of(seller_id)}
    query = Query("/set-asides", request.query_params)
    resolved = query.choice("view", VIEWS) == "resolved"
    account, run = query.choice("account", names), _uuid(query.text("run"))
    filters = service.AsideFilters(
        account_id=UUID(account) if account else None,
        run_id=run,
        target=query.choice("type", painting.TARGETS),
        # A reason may be longer than what is typed into a filter, so it comes whole.
        reason=request.query_params.get("reason", "").replace("\0", ""),
        resolved=resolved,
    )
    if filters.reason:
        query.kept["reason"] = filters.reason
    return page(
        request,
        whole="runs/asides.html",
        part="runs/_asides.html",
        query=query,
        found=await service.listed(seller_id, filters, query.cursor()),
        groups=[] if resolved else await service.grouped(seller_id, filters),
        resolved=resolved,
        chips=query.chips(
            {"account": ("Account", names), "type": ("Type", painting.TARGETS), "reason": ("Reason", {}), "run": ("Sync", {})}
        ),
        account_names=names,
        painting=painting,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


@post("/set-asides/{aside_id:uuid}/retry", opt=needs(Permission.SYNC))
async def retry_one(
    aside_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]
) -> Redirect:
    """Read this row again, by itself where the marketplace can be asked for it."""
    form = await request.form()
    asked = await service.ask_for_one(seller_id, aside_id, jobs=jobs, by=request.state.viewer.called)
    return _answer(asked, str(form.get("back") or ""))


@post("/set-asides/retry", opt=needs(Permission.SYNC))
async def retry_all(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]) -> Redirect:
    """Read all rows of one account again that share a reason."""
    form = await request.form()
    account, target = _uuid(str(form.get("account") or "")), str(form.get("target") or "")
    if account is None or target not in painting.TARGETS:
        raise BadInput("We do not know which rows are meant.")
    asked = await service.ask_for_all(
        seller_id, account, ScheduleTarget(target), str(form.get("reason") or ""), jobs=jobs, by=request.state.viewer.called
    )
    return _answer(asked, str(form.get("back") or ""))


def _answer(asked: service.Asked, back: str) -> Redirect:
    if asked.run is not None:
        return go(f"/syncs/{asked.run.run_id}")
    return go(safe_next(back, "/set-asides"), notice="A sync is under way. These rows are next in line, right after it.", tone="info")


ROUTES = (index, retry_one, retry_all)
