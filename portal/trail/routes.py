"""`/settings/audit`: who did what, when and from where. It can be read and taken away, never changed."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.response import Stream

from portal import clock
from portal.audit import chain, reading
from portal.audit import service as audit
from portal.people.permissions import Permission, needs
from portal.tables.audit import Action
from portal.trail import exporting, painting
from portal.web.narrowing import Query
from portal.web.pages import page

PATH = "/settings/audit"
LOOKED_AT = 1_000
"""How many of the latest entries every view of the page proves; a link proves all of them."""


async def _narrowed(request: Request[Any, Any, Any], seller_id: UUID) -> tuple[Query, reading.Filters, dict[str, str], list[str]]:
    names, actors = await reading.accounts(seller_id), await reading.actors(seller_id)
    query = Query(PATH, request.query_params)
    account = query.choice("account", names)
    filters = reading.Filters(
        actor=query.choice("who", actors),
        topic=query.choice("action", painting.TOPICS),
        account_id=UUID(account) if account else None,
        since=query.first_moment("from"),
        until=query.last_moment("to"),
    )
    return query, filters, names, actors


@get(PATH, opt=needs(Permission.SEE_AUDIT))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """One page, newest first, and whether the trail is whole."""
    query, filters, names, actors = await _narrowed(request, seller_id)
    everything = request.query_params.get("check") == "all"
    found = await reading.listed(seller_id, filters, query.cursor())
    return page(
        request,
        whole="trail/index.html",
        part="trail/_results.html",
        secure=True,
        packed=True,
        query=query,
        found=found,
        chips=query.chips({"who": ("Who", {}), "action": ("Action", painting.TOPICS), "account": ("Account", names), **query.day_chips()}),
        account_names=names,
        actor_choices=[(actor, actor) for actor in actors],
        topic_choices=list(painting.TOPICS.items()),
        painting=painting,
        verified=await chain.verify(seller_id, latest=None if everything else LOOKED_AT),
        csv_href=f"{PATH}.csv{query.link().removeprefix(PATH)}",
    )


@get(f"{PATH}.csv", opt=needs(Permission.SEE_AUDIT))
async def export(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Stream:
    """Everything that fits the filters, as a file. That it was taken is on the trail too."""
    query, filters, _, _ = await _narrowed(request, seller_id)
    narrowed = ", ".join(f"{name}: {value}" for name, value in query.kept.items())
    await audit.write(seller_id, Action.TRAIL_EXPORTED, narrowed or "All entries", actor=request.state.viewer.called)

    async def encoded() -> AsyncIterator[bytes]:
        async for line in exporting.lines(reading.everything(seller_id, filters)):
            yield line.encode()

    name = f"audit-{clock.ist_today():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Stream(encoded(), media_type="text/csv; charset=utf-8", headers=headers)


ROUTES = (index, export)
