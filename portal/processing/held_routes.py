"""The held orders pages: every order that waits, one decision about one of them, and one about many."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal import clock
from portal.errors import BadInput, Conflict
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import Decision
from portal.people.permissions import Permission, needs
from portal.processing import deciding, held_orders, painting, remedies
from portal.processing.deciding import Choice
from portal.runs import service as runs
from portal.web.filters import count, plural
from portal.web.narrowing import Query
from portal.web.pages import go, page

Web = Request[Any, Any, Any]
NAMED = 10
"""How many orders are named before many are cancelled."""


@get("/held", opt=needs(Permission.READ))
async def held(request: Web, seller_id: NamedDependency[UUID]) -> Response[str]:
    """Every order that waits for a decision, those of one cause together; of one account where the address names it."""
    return await _held_page(request, seller_id)


async def _held_page(request: Web, seller_id: UUID, wrong: int = 0, mistake: BadInput | None = None) -> Response[str]:
    names = {str(account_id): name for account_id, name in await runs.accounts_of(seller_id)}
    everything = await held_orders.listed(seller_id)
    query = Query("/held", request.query_params)
    account = query.choice("account", names)
    groups = [group for group in everything if account in ("", str(group.account_id))]
    waiting = {account, *(str(group.account_id) for group in everything)}
    return page(
        request,
        whole="processing/held.html",
        status=mistake.status if mistake else 200,
        groups=groups,
        account=account,
        views=[(name, query.link(account=one), one == account) for one, name in names.items() if one in waiting],
        remedies=await remedies.of_groups(seller_id, groups),
        errors={f"{name}-{wrong}": sentence for name, sentence in mistake.fields.items()} if mistake else {},
        message=mistake.seller_message if mistake else "",
        painting=painting,
    )


@post("/held/{held_id:int}", status_code=200, opt=needs(Permission.SYNC))
async def decide(
    held_id: FromPath[int], request: Web, seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]
) -> Response[str] | Redirect:
    """One decision about one order. With the last one of an account its orders go on at once."""
    by = request.state.viewer.called
    form = {name: str(value) for name, value in (await request.form()).items()}
    typed = {name.removesuffix(f"-{held_id}"): value for name, value in form.items()}
    try:
        decided = await held_orders.decide(seller_id, held_id, _decision(form), typed, by=by)
    except BadInput as mistake:
        if not mistake.fields:
            raise
        return await _held_page(request, seller_id, held_id, mistake)
    after = "It goes on in its batch." if decided.joins else "It joins the account's next batch."
    if not decided.left:
        goes = await _go_on(seller_id, decided.account_id, deciding.Outcome(decided=1), jobs=jobs, by=by)
        after = goes.words or "It goes on now."
    return go("/held", notice=f"Order {decided.external_order_id} is decided. {after}")


@post("/held/decide", status_code=200, opt=needs(Permission.SYNC))
async def decide_many(request: Web, seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]) -> Response[str] | Redirect:
    """One decision about all orders of a cause, or about those that were ticked. Cancelling them is asked once more."""
    form = await request.form()
    choice, decision = _choice(form), _decision({"decision": str(form.get("all") or form.get("decision") or "")})
    meant = await deciding.meant(seller_id, choice, decision)
    if not meant:
        none = "These orders have been decided about already." if choice.all or choice.ids else "Tick the orders that you mean."
        return go("/held", notice=none, tone="info")
    if decision is Decision.DROP and not form.get("sure"):
        return page(request, whole="processing/cancelling.html", choice=choice, meant=meant, named=NAMED)
    by = request.state.viewer.called
    outcome = await deciding.decide(seller_id, meant, decision, by=by)
    goes = await _go_on(seller_id, choice.account_id, outcome, jobs=jobs, by=by)
    if outcome.refused:
        return page(request, whole="processing/decided.html", outcome=outcome, goes=goes)
    said = f"{plural(outcome.decided, 'order', 'orders')} decided."
    if goes.run_id is None:
        return go("/held", notice=f"{said} {goes.words}", tone="info")
    return go(f"/syncs/{goes.run_id}", notice=said)


class Goes(msgspec.Struct, frozen=True, kw_only=True):
    """Where the decided orders go on: in the run, or the sentence why not now."""

    run_id: UUID | None = None
    words: str = ""


async def _go_on(seller_id: UUID, account_id: UUID, outcome: deciding.Outcome, *, jobs: Jobs, by: str) -> Goes:
    """Let the decided orders go on at once, also where others of them were refused; with more to decide, all go on together."""
    if not outcome.decided:
        return Goes()
    if outcome.left:
        return Goes(words=f"{count(outcome.left)} more still wait.")
    try:
        started = await runs.start(seller_id, account_id, ScheduleTarget.FULL_PROCESSING, jobs=jobs, by=by)
    except Conflict as reason:
        return Goes(words=reason.seller_message)
    return Goes(run_id=started.run_id)


def _decision(form: Mapping[str, str]) -> Decision:
    try:
        return Decision(form.get("decision", ""))
    except ValueError:
        raise BadInput("We do not know this decision.") from None


def _choice(form: FormMultiDict) -> Choice:
    """Raises BadInput for what no page of ours sends."""
    batch = str(form.get("batch") or "")
    try:
        return Choice(
            account_id=UUID(str(form.get("account") or "")),
            code=str(form.get("code") or ""),
            until=clock.written_moment(str(form.get("until") or "")),
            offers=tuple(str(form.get("offers") or "").split(",")),
            batch_id=UUID(batch) if batch else None,
            ids=tuple(_number(str(one)) for one in form.getall("held", [])),
            all=bool(form.get("all")),
        )
    except ValueError:
        raise BadInput("We do not know which orders are meant.") from None


def _number(text: str) -> int:
    """An id of ours. ValueError for what is none."""
    if len(text) > 18 or not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


ROUTES = (held, decide, decide_many)
