"""Steps 4 and 5 of the wizard: the live test, and making it an account."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.connecting.routes.showing import SECURE, conflict, made, step_page, test_view, token, version
from portal.errors import BadInput, Conflict
from portal.jobs import Jobs
from portal.marketplaces.registry import marketplace
from portal.nudges import Ears
from portal.settings import Settings
from portal.tables.wizards import WizardState
from portal.web.pages import go, is_htmx, page

CONFIRM_PATIENCE_S = 4.0


@get("/p/connect/{wizard_id:uuid}/test", opt=SECURE)
async def test_part(
    wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]
) -> Response[str] | Redirect:
    """The test's lines alone, asked for every second until it has ended."""
    if not is_htmx(request):
        return go(f"/connect/{wizard_id}/4")
    wizard = await service.get(seller_id, wizard_id)
    place = marketplace(wizard.marketplace_code)
    return page(
        request,
        whole="connecting/_test.html",
        secure=True,
        packed=True,
        wizard=wizard,
        place=place,
        method=place.method(wizard.method),
        **await test_view(wizard, place),
    )


@post("/connect/{wizard_id:uuid}/4", opt=SECURE)
async def test_again(
    wizard_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    jobs: NamedDependency[Jobs],
    settings: NamedDependency[Settings],
) -> Response[str] | Redirect:
    try:
        await service.test_again(seller_id, wizard_id, jobs=jobs)
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, service.TEST, settings, error)
    return go(f"/connect/{wizard_id}/4")


@post("/connect/{wizard_id:uuid}/shop", opt=SECURE)
async def choose_shop(
    wizard_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    jobs: NamedDependency[Jobs],
    settings: NamedDependency[Settings],
) -> Response[str] | Redirect:
    """Of several shops that the details open, the one to connect. The test then goes on with it."""
    form = await request.form()
    try:
        await service.choose_shop(seller_id, wizard_id, str(form.get("shop", "")), version=version(form), jobs=jobs, form_token=token(form))
    except BadInput as error:
        fresh = await service.get(seller_id, wizard_id)
        return await step_page(request, fresh, service.CONFIRM, settings, status=422, message=error.seller_message, errors=error.fields)
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, service.CONFIRM, settings, error)
    return go(f"/connect/{wizard_id}/4")


@post("/connect/{wizard_id:uuid}/5", opt=SECURE)
async def confirm(
    wizard_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    jobs: NamedDependency[Jobs],
    ears: NamedDependency[Ears],
    settings: NamedDependency[Settings],
) -> Response[str] | Redirect:
    """Make it an account. Usually the worker is done before the answer is due; otherwise the page says what it waits for."""
    form = await request.form()
    days = str(form.get("first_days", "30"))
    # A page without the choice, as on a reconnect, reads orders.
    targets = [str(one) for one in form.getall("first_targets", [])] if form.get("choose") else ["ORDERS"]
    try:
        async with ears.about(service.topic(wizard_id)) as nudged:
            await service.confirm(
                seller_id,
                wizard_id,
                first_days=int(days) if days.isdigit() else 30,
                jobs=jobs,
                first_targets=targets,
                ships_from=str(form.get("ships_from", "")),
            )
            wizard = await service.get(seller_id, wizard_id)
            while wizard.state != WizardState.DONE and await nudged.wait(silence_s=CONFIRM_PATIENCE_S):
                wizard = await service.get(seller_id, wizard_id)
    except BadInput as error:
        fresh = await service.get(seller_id, wizard_id)
        return await step_page(request, fresh, service.CONFIRM, settings, status=422, message=error.seller_message, errors=error.fields)
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, service.CONFIRM, settings, error)
    return made(wizard) if wizard.state == WizardState.DONE else go(f"/connect/{wizard_id}/5")


@post("/connect/{wizard_id:uuid}/untested", opt=SECURE)
async def save_untested(
    wizard_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    jobs: NamedDependency[Jobs],
    ears: NamedDependency[Ears],
    settings: NamedDependency[Settings],
) -> Response[str] | Redirect:
    """The marketplace is away: keep the details, and test them when it is back."""
    try:
        async with ears.about(service.topic(wizard_id)) as nudged:
            await service.save_untested(seller_id, wizard_id, jobs=jobs)
            while (wizard := await service.get(seller_id, wizard_id)).state == WizardState.CONFIRMING:
                if not await nudged.wait(silence_s=CONFIRM_PATIENCE_S):
                    break
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, service.TEST, settings, error)
    return made(wizard) if wizard.state == WizardState.DONE else go(f"/connect/{wizard_id}/{wizard.step}")
