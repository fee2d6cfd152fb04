"""A run's log: narrowed, searched, older lines, and to take away."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Stream

from portal.audit import service as audit
from portal.marketplaces.registry import marketplace
from portal.people.permissions import Permission, needs
from portal.runs import exporting, painting, service
from portal.tables.accounts import MarketplaceAccount
from portal.tables.audit import Action
from portal.tables.syncs import SyncRun
from portal.web.narrowing import Query
from portal.web.pages import go, is_htmx, page

LINES = 100


@get("/syncs/{run_id:uuid}/log", opt=needs(Permission.READ))
async def log(
    run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], before: FromQuery[int] = 0
) -> Response[str]:
    """The newest lines that fit, oldest of them first; `before` a number leads to older ones."""
    run = await service.get(seller_id, run_id)
    query = Query(f"/syncs/{run_id}/log", request.query_params)
    level, search = query.choice("level", painting.LEVELS), query.text("search")
    found = await service.last_events(seller_id, run_id, before=before or None, limit=LINES + 1, level=level, search=search)
    shown = found[-LINES:]
    return page(
        request,
        whole="runs/log.html",
        part="runs/_log.html",
        run=painting.panel(run, await service.attention(seller_id, run_id)),
        row=run,
        account=await service.account_of(seller_id, run_id),
        query=query,
        lines=shown,
        older=query.link(before=str(shown[0].seq)) if len(found) > LINES else "",
        newest=query.link() if before else "",
        levels=painting.LEVELS,
    )


@get("/p/runs/{run_id:uuid}/log", opt=needs(Permission.READ))
async def older_lines(
    run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], before: FromQuery[int] = 0
) -> Response[str] | Redirect:
    """Older lines of the panel's log, to go above the ones shown."""
    if not is_htmx(request):
        return go(f"/syncs/{run_id}/log?before={before}" if before else f"/syncs/{run_id}/log")
    await service.get(seller_id, run_id)
    events = await service.last_events(seller_id, run_id, before=before)
    return page(request, whole="runs/_older.html", run_id=run_id, events=events, first_seq=events[0].seq if events else 0)


@get("/syncs/{run_id:uuid}/log.txt", opt=needs(Permission.READ))
async def log_text(run_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Stream:
    run, account, place = await _whose(seller_id, run_id)
    await audit.write(seller_id, Action.LOG_DOWNLOADED, f"{run.diagnostic_id} as text", account_id=run.marketplace_account_id)
    return Stream(
        exporting.text(run, account, place, await service.attention(seller_id, run_id)),
        media_type="text/plain; charset=utf-8",
        headers=_download(run.diagnostic_id, "txt"),
    )


@get("/syncs/{run_id:uuid}/log.jsonl", opt=needs(Permission.READ))
async def log_lines(run_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Stream:
    run, account, place = await _whose(seller_id, run_id)
    await audit.write(seller_id, Action.LOG_DOWNLOADED, f"{run.diagnostic_id} for support", account_id=run.marketplace_account_id)
    return Stream(
        exporting.json_lines(run, account, place), media_type="application/x-ndjson", headers=_download(run.diagnostic_id, "jsonl")
    )


async def _whose(seller_id: UUID, run_id: UUID) -> tuple[SyncRun, MarketplaceAccount, str]:
    account = await service.account_of(seller_id, run_id)
    return await service.get(seller_id, run_id), account, marketplace(account.marketplace_code).name


def _download(name: str, kind: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.{kind}"', "Cache-Control": "private, no-store"}


ROUTES = (log, older_lines, log_text, log_lines)
