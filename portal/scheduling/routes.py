"""The schedule of an account: its sentences, the editor with its preview, pause and resume; days to read again."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from portal import clock, db
from portal.errors import BadInput, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import QUARTER_HOUR, ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.people.permissions import Permission, needs
from portal.runs import service as runs
from portal.scheduling import forms, painting, rules, service
from portal.tables.accounts import MarketplaceAccount
from portal.tables.syncs import Purpose
from portal.web.pages import go, is_htmx, page

Web = Request[Any, Any, Any]
Form = Mapping[str, str]


async def _account(seller_id: UUID, account_id: UUID) -> MarketplaceAccount:
    async with db.transaction(seller_id):
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).first()
    if account is None:
        raise NotFound("account")
    return account


async def _sent(request: Web) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}


@get("/accounts/{account_id:uuid}/schedule", opt=needs(Permission.READ))
async def show(account_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID], target: FromQuery[str] = "") -> Response[str]:
    """Every sentence of an account; with a target, the editor of that one."""
    account = await _account(seller_id, account_id)
    if not target:
        return page(request, whole="scheduling/index.html", account=account, lines=painting.painted(await service.lines(account)))
    line = service.line_of(await service.lines(account), forms.target_of({"target": target}))
    return _editor(request, account, line.target, forms.typed(line.rule), painting.preview(line.rule))


def _editor(
    request: Web,
    account: MarketplaceAccount,
    target: ScheduleTarget,
    typed: Form,
    seen: painting.Preview,
    mistake: BadInput | None = None,
) -> Response[str]:
    place = marketplace(account.marketplace_code)
    least = place.least_interval(target)
    return page(
        request,
        whole="scheduling/edit.html",
        status=mistake.status if mistake else 200,
        account=account,
        target=target,
        job=painting.JOBS[target],
        typed=typed,
        preview=seen,
        intervals=painting.INTERVALS,
        weekdays=painting.WEEKDAYS,
        most_times=rules.MOST_TIMES,
        limit=rules.limit_words(least, place.name) if least > QUARTER_HOUR else "",
        errors=mistake.fields if mistake else {},
        message=mistake.seller_message if mistake else "",
    )


@get("/p/schedule/preview", opt=needs(Permission.READ))
async def preview(request: Web, seller_id: NamedDependency[UUID], account: FromQuery[UUID]) -> Response[str] | Redirect:
    """What the form's rule means, before it is saved."""
    if not is_htmx(request):
        return go(f"/accounts/{account}/schedule")
    shown = await _account(seller_id, account)
    form = dict(request.query_params.items())
    return page(request, whole="scheduling/_preview.html", preview=_previewed(shown, forms.target_of(form), form))


def _previewed(account: MarketplaceAccount, target: ScheduleTarget, form: Form) -> painting.Preview:
    try:
        rule = forms.rule_of(form)
        place = marketplace(account.marketplace_code)
        rules.check(rule, least=place.least_interval(target), marketplace_name=place.name)
    except BadInput as mistake:
        return painting.Preview(mistakes=tuple(dict.fromkeys(mistake.fields.values())))
    return painting.preview(rule)


@post("/accounts/{account_id:uuid}/schedule", status_code=200, opt=needs(Permission.SCHEDULE))
async def save(account_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Response[str] | Redirect:
    """Keep the rule, or only say what it means (without scripts)."""
    account, form = await _account(seller_id, account_id), await _sent(request)
    target = forms.target_of(form)
    if form.get("do") == "preview":
        return _editor(request, account, target, form, _previewed(account, target, form))
    try:
        slot = await service.save(seller_id, account_id, target, forms.rule_of(form), by=request.state.viewer.called)
    except BadInput as mistake:
        return _editor(request, account, target, form, painting.Preview(), mistake)
    hold = service.hold_of(account)
    after = hold.words if hold else f"Next run {rules.slot_words(slot)}."
    return go(f"/accounts/{account_id}/schedule", notice=f"Saved. {after}")


@post("/accounts/{account_id:uuid}/schedule/pause", opt=needs(Permission.SCHEDULE))
async def pause(account_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Redirect:
    """For an hour, until tomorrow at seven, or until somebody turns it on."""
    form = await _sent(request)
    ends = {"hour": clock.now() + timedelta(hours=1), "morning": service.tomorrow_morning(), "off": None}
    if form.get("for") not in ends:
        raise BadInput("Choose how long to pause.")
    line = await service.pause(seller_id, account_id, forms.target_of(form), until=ends[form["for"]], by=request.state.viewer.called)
    return go(f"/accounts/{account_id}/schedule", notice=painting.coming(line))


@post("/accounts/{account_id:uuid}/schedule/resume", opt=needs(Permission.SCHEDULE))
async def resume(account_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Redirect:
    line = await service.resume(seller_id, account_id, forms.target_of(await _sent(request)), by=request.state.viewer.called)
    return go(f"/accounts/{account_id}/schedule", notice=f"On again. {painting.coming(line)}")


@get("/accounts/{account_id:uuid}/backfill", opt=needs(Permission.READ))
async def backfill_form(account_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Response[str]:
    """The form of its own: what the account's page shows, for whoever comes back to it with a mistake."""
    return await _backfill(request, await _account(seller_id, account_id))


async def _backfill(request: Web, account: MarketplaceAccount, typed: Form | None = None, mistake: BadInput | None = None) -> Response[str]:
    parts = await painting.of_account(account)
    return page(
        request,
        whole="scheduling/backfill.html",
        status=mistake.status if mistake else 200,
        account=account,
        typed=typed or parts["days_back"],
        errors=mistake.fields if mistake else {},
        message=mistake.seller_message if mistake else "",
        **parts,
    )


@post("/accounts/{account_id:uuid}/backfill", opt=needs(Permission.SYNC))
async def backfill(
    account_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]
) -> Response[str] | Redirect:
    """Read some days again. It never joins a live sync: it follows it."""
    account, form = await _account(seller_id, account_id), await _sent(request)
    try:
        days = forms.days_of(form)
    except BadInput as mistake:
        return await _backfill(request, account, form, mistake)
    asked = await runs.ask(
        seller_id,
        account_id,
        days.target,
        Purpose.BACKFILL,
        jobs=jobs,
        by=request.state.viewer.called,
        first_day=days.first,
        until=days.until,
    )
    if asked.run_id is None:
        return go(f"/accounts/{account_id}", notice="It stands next in line and starts when the present sync has ended.", tone="info")
    return go(f"/syncs/{asked.run_id}")


@post("/requests/{request_id:uuid}/withdraw", opt=needs(Permission.SYNC))
async def withdraw(request_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Redirect:
    """Take it out of the line; what was read is kept."""
    account_id = await runs.withdraw(seller_id, request_id, by=request.state.viewer.called)
    return go(f"/accounts/{account_id}", notice="Cancelled. Everything read so far is kept.")


ROUTES = (show, preview, save, pause, resume, backfill_form, backfill, withdraw)
