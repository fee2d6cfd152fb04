"""Steps 1 to 3 of the wizard: a name and a method, what to have ready, the details themselves."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.connecting.routes.showing import SECURE, conflict, ended, sandbox_keys, step_page, token, version
from portal.errors import BadInput, Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.registry import marketplace
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard, TestState
from portal.vault import Vault
from portal.web.forms import clean
from portal.web.pages import go


# One path a step, because each step's POST has one of its own: a pattern would never be reached beside them.
@get([f"/connect/{{wizard_id:uuid}}/{step}" for step in range(1, 6)], opt=SECURE)
async def show(
    wizard_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    settings: NamedDependency[Settings],
) -> Response[str] | Redirect:
    """A step as the row has it. Going back is free; jumping ahead leads to the first step that is not done."""
    wizard = await service.get(seller_id, wizard_id)
    over = ended(request, wizard)
    if over is not None:
        return over
    step = int(request.url.path.rpartition("/")[2])
    reachable = wizard.step if wizard.test_state != TestState.PASSED or wizard.duplicate_of else service.CONFIRM
    if step > reachable:
        return go(f"/connect/{wizard_id}/{reachable}")
    return await step_page(request, wizard, step, settings, errors=_refused(wizard) if step == service.ENTER else None)


def _refused(wizard: ConnectWizard) -> dict[str, str]:
    """What the marketplace said about one of the details in the last test, by that field."""
    if wizard.test_state != TestState.FAILED or not wizard.error_field:
        return {}
    return {wizard.error_field: wizard.error_message}


@post("/connect/{wizard_id:uuid}/1", opt=SECURE)
async def take_choice(
    wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]
) -> Response[str] | Redirect:
    form = await request.form()
    name = clean(str(form.get("name", ""))).value
    wizard = await service.get(seller_id, wizard_id)
    method = str(form.get("method") or wizard.method)
    try:
        await service.choose(
            seller_id, wizard_id, name=name, method=method, version=version(form), settings=settings, form_token=token(form)
        )
    except BadInput as error:
        return await step_page(
            request, wizard, 1, settings, status=422, message=error.seller_message, errors=error.fields, typed={"name": name}
        )
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, 1, settings, error)
    return go(f"/connect/{wizard_id}/2")


@post("/connect/{wizard_id:uuid}/2", opt=SECURE)
async def take_ready(wizard_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Redirect:
    await service.prepared(seller_id, wizard_id)
    return go(f"/connect/{wizard_id}/3")


@post("/connect/{wizard_id:uuid}/3", opt=SECURE)
async def take_details(
    wizard_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
    jobs: NamedDependency[Jobs],
) -> Response[str] | Redirect:
    form = await request.form()
    if form.get("replace"):
        await service.replace_secret(seller_id, wizard_id, str(form["replace"]))
        return go(f"/connect/{wizard_id}/3")
    wizard = await service.get(seller_id, wizard_id)
    fields = marketplace(wizard.marketplace_code).method(wizard.method).fields()
    cleaned = {
        name: clean(str(form.get(name, "")), names=(one.label, name, *one.aliases), multiline=one.multiline) for name, one in fields.items()
    }
    try:
        await service.enter(
            seller_id,
            wizard_id,
            {name: one.value for name, one in cleaned.items()},
            version=version(form),
            vault=vault,
            jobs=jobs,
            form_token=token(form),
        )
    except BadInput as error:
        fresh = await service.get(seller_id, wizard_id)
        notes = {name: one.note for name, one in cleaned.items() if one.note}
        return await step_page(request, fresh, 3, settings, status=422, message=error.seller_message, errors=error.fields, notes=notes)
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, 3, settings, error)
    return go(f"/connect/{wizard_id}/4")


@post("/connect/{wizard_id:uuid}/sandbox-keys", opt=SECURE)
async def take_sandbox_keys(
    wizard_id: FromPath[UUID],
    seller_id: NamedDependency[UUID],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
    jobs: NamedDependency[Jobs],
) -> Redirect:
    """Only under the sandbox: its own keys, which open nothing else, with one click."""
    values = sandbox_keys(await service.get(seller_id, wizard_id))
    if not settings.demo or not values:
        raise NotFound
    await service.enter(seller_id, wizard_id, values, version=None, vault=vault, jobs=jobs)
    return go(f"/connect/{wizard_id}/4")
