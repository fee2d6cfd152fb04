"""Steps 4 and 5 of the wizard: the live test, and making it an account."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.connecting.routes.showing import SECURE, test_view
from portal.jobs import Jobs
from portal.marketplaces.registry import marketplace
from portal.nudges import Ears
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
    return page(request, whole="connecting/_test.html", secure=True, wizard=wizard, place=place, **test_view(wizard, place))


@post("/connect/{wizard_id:uuid}/4", opt=SECURE)
async def test_again(wizard_id: FromPath[UUID], seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]) -> Redirect:
    await service.test_again(seller_id, wizard_id, jobs=jobs)
    return go(f"/connect/{wizard_id}/4")


@post("/connect/{wizard_id:uuid}/5", opt=SECURE)
async def confirm(
    wizard_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    jobs: NamedDependency[Jobs],
    ears: NamedDependency[Ears],
) -> Redirect:
    """Make it an account. Usually the worker is done before the answer is due; otherwise the page says what it waits for."""
    form = await request.form()
    chosen = str(form.get("first_days", "30"))
    async with ears.about(service.topic(wizard_id)) as nudged:
        await service.confirm(seller_id, wizard_id, first_days=int(chosen) if chosen.isdigit() else 30, jobs=jobs)
        wizard = await service.get(seller_id, wizard_id)
        while wizard.state != WizardState.DONE and await nudged.wait(silence_s=CONFIRM_PATIENCE_S):
            wizard = await service.get(seller_id, wizard_id)
    return go(f"/connect/{wizard_id}" if wizard.state == WizardState.DONE else f"/connect/{wizard_id}/5")
