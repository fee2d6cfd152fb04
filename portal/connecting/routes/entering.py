"""Steps 1 to 3 of the wizard: a name and a method, what to have ready, the details themselves."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.connecting.routes.showing import SECURE, confirmable, conflict, ended, made, may_choose, sandbox_keys, step_page, token, version
from portal.errors import BadInput, Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.methods import KeyField
from portal.marketplaces.registry import marketplace
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard, TestState, WizardState
from portal.vault import Vault
from portal.web.forms import clean
from portal.web.pages import go
from portal.web.pasting import Pasted, paste_block


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
    step = int(request.url.path.rpartition("/")[2])
    if step == service.CONFIRM and wizard.state == WizardState.DONE:
        return made(wizard)
    over = ended(request, wizard)
    if over is not None:
        return over
    reachable = service.CONFIRM if confirmable(wizard) or may_choose(wizard) else wizard.step
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
async def take_ready(
    wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]
) -> Response[str] | Redirect:
    try:
        await service.prepared(seller_id, wizard_id)
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, 2, settings, error)
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
    """What was typed, to be kept and tested; or one kept secret to be typed again, with the open boxes as they are."""
    form = await request.form()
    wizard = await service.get(seller_id, wizard_id)
    fields = marketplace(wizard.marketplace_code).method(wizard.method).fields()
    cleaned = {
        name: clean(str(form.get(name, "")), names=(one.label, name, *one.aliases), multiline=one.multiline) for name, one in fields.items()
    }
    typed = {name: one.value for name, one in cleaned.items()}
    try:
        if form.get("replace"):
            await service.replace_secret(seller_id, wizard_id, str(form["replace"]), typed=typed)
            return go(f"/connect/{wizard_id}/3#{form['replace']}")
        await service.enter(
            seller_id,
            wizard_id,
            typed,
            version=version(form),
            vault=vault,
            jobs=jobs,
            form_token=token(form),
            remarks={name: one.note for name, one in cleaned.items()},
        )
    except BadInput as error:
        fresh = await service.get(seller_id, wizard_id)
        return await step_page(request, fresh, 3, settings, status=422, message=error.seller_message, errors=error.fields)
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, 3, settings, error)
    return go(f"/connect/{wizard_id}/4")


@post("/connect/{wizard_id:uuid}/paste", opt=SECURE)
async def take_block(
    wizard_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
) -> Response[str] | Redirect:
    """Everything at once: a mail, `name: value` lines or JSON. Its values go to their boxes; the text itself is kept nowhere."""
    form = await request.form()
    wizard = await service.get(seller_id, wizard_id)
    fields = marketplace(wizard.marketplace_code).method(wizard.method).fields()
    try:
        block = paste_block(str(form.get("block", "")), {name: (one.label, *one.aliases) for name, one in fields.items()})
        await service.fill(seller_id, wizard_id, block.found, vault=vault)
    except BadInput as error:
        fresh = await service.get(seller_id, wizard_id)
        errors = error.fields or {"block": error.seller_message}
        message = error.seller_message if error.fields else ""
        return ended(request, fresh) or await step_page(
            request, fresh, 3, settings, status=422, message=message, errors=errors, pasting=not error.fields
        )
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, 3, settings, error)
    return go(f"/connect/{wizard_id}/3", notice=_found(fields, block))


def _found(fields: Mapping[str, KeyField], block: Pasted) -> str:
    """What a pasted block held and what it did not, by label."""
    said = f"We found {_listed(fields, block.found)}."
    missing = [name for name in block.missing if fields[name].required]
    return f"{said} Still missing: {_listed(fields, missing)}." if missing else f"{said} Now press Test and continue."


def _listed(fields: Mapping[str, KeyField], names: Iterable[str]) -> str:
    return ", ".join(fields[name].label for name in fields if name in names)


@post("/connect/{wizard_id:uuid}/swap", opt=SECURE)
async def take_swap(
    wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]
) -> Response[str] | Redirect:
    try:
        await service.swap(seller_id, wizard_id)
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, 3, settings, error)
    return go(f"/connect/{wizard_id}/3", notice="Swapped. Now press Test and continue.")


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
