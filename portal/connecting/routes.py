"""The wizard's pages: five plain forms, one question each, built from the marketplace's own description of its keys."""

import secrets
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.errors import BadInput, Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import Check, Marketplace, mask
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.marketplaces.sandbox import demo_shop
from portal.nudges import Ears
from portal.people.permissions import Permission, needs
from portal.runs.painting import TARGETS
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard, TestState, WizardMode, WizardState
from portal.vault import Vault
from portal.web.forms import FORM_TOKEN, clean
from portal.web.pages import go, is_htmx, page

SECURE = needs(Permission.CONNECT)
CHECK_WORDS = {
    Check.REACHED: "Can we reach %(marketplace)s",
    Check.ACCEPTED: "Are the details accepted",
    Check.PERMISSIONS: "Which data we may read",
    Check.SHOP: "Which shop is this",
}
LINE = {"waiting": ("Waiting", "neutral"), "checking": ("Checking", "info"), "ok": ("OK", "ok"), "problem": ("Problem", "bad")}
DAYS = (7, 30, 60, 90)
CONFIRM_PATIENCE_S = 4.0


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A setup that waits to be continued."""

    id: UUID
    name: str
    marketplace_name: str


async def unfinished(seller_id: NamedDependency[UUID]) -> list[Unfinished]:
    return [
        Unfinished(id=one.id, name=one.name, marketplace_name=marketplace(one.marketplace_code).name)
        for one in await service.unfinished(seller_id)
    ]


@get("/accounts/new", opt=SECURE)
async def choose_marketplace(request: Request[Any, Any, Any], settings: NamedDependency[Settings]) -> Response[str]:
    places = [(place, bool(place.open and service.methods(place, settings))) for place in MARKETPLACES]
    return page(request, whole="connecting/new.html", places=places, secure=True)


@post("/connect", opt=SECURE)
async def begin(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]) -> Redirect:
    form = await request.form()
    wizard = await service.begin(seller_id, request.state.viewer.user_id, str(form.get("marketplace", "")), settings=settings)
    return go(f"/connect/{wizard.id}/1")


@get("/accounts/{account_id:uuid}/reconnect", opt=SECURE)
async def explain_reconnect(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """What reconnecting keeps and asks for; the wizard begins with the button's POST."""
    account = await service.account(seller_id, account_id)
    return page(request, whole="connecting/reconnect.html", account=account, place=marketplace(account.marketplace_code), secure=True)


@post("/accounts/{account_id:uuid}/reconnect", opt=SECURE)
async def reconnect(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    wizard = await service.begin_reconnect(seller_id, request.state.viewer.user_id, account_id)
    return go(f"/connect/{wizard.id}/3")


@get("/connect/{wizard_id:uuid}", opt=SECURE)
async def resume(wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str] | Redirect:
    wizard = await service.get(seller_id, wizard_id)
    return _ended(request, wizard) or go(f"/connect/{wizard_id}/{wizard.step}")


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
    ended = _ended(request, wizard)
    if ended is not None:
        return ended
    step = int(request.url.path.rpartition("/")[2])
    reachable = wizard.step if wizard.test_state != TestState.PASSED or wizard.duplicate_of else service.CONFIRM
    if step > reachable:
        return go(f"/connect/{wizard_id}/{reachable}")
    return await _page(request, wizard, step, settings, errors=_refused(wizard) if step == service.ENTER else None)


def _refused(wizard: ConnectWizard) -> dict[str, str]:
    """What the marketplace said about one of the details in the last test, by that field."""
    if wizard.test_state != TestState.FAILED or not wizard.error_field:
        return {}
    return {wizard.error_field: wizard.error_message}


def _ended(request: Request[Any, Any, Any], wizard: ConnectWizard) -> Response[str] | Redirect | None:
    """Where a setup that is over leads; None while it is open."""
    if wizard.state == WizardState.DONE:
        return go(f"/syncs/{wizard.first_run_id}" if wizard.first_run_id else f"/accounts/{wizard.account_id}")
    if wizard.state == WizardState.DISCARDED or service.expired(wizard):
        place = marketplace(wizard.marketplace_code)
        return page(request, whole="connecting/expired.html", status=410, place=place, timed_out=service.expired(wizard), secure=True)
    return None


async def _page(
    request: Request[Any, Any, Any],
    wizard: ConnectWizard,
    step: int,
    settings: Settings,
    *,
    status: int = 200,
    message: str = "",
    errors: dict[str, str] | None = None,
    notes: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
) -> Response[str]:
    place = marketplace(wizard.marketplace_code)
    method = place.method(wizard.method)
    return page(
        request,
        whole=f"connecting/step{step}.html",
        status=status,
        secure=True,
        wizard=wizard,
        place=place,
        method=method,
        methods=service.methods(place, settings),
        fields=method.fields(),
        values=service.values_of(wizard) | (typed or {}),
        kept=await service.secrets_of(wizard),
        message=message,
        errors=errors or {},
        notes=notes or {},
        reconnecting=wizard.mode == WizardMode.RECONNECT,
        demo_keys=settings.demo and bool(_sandbox_keys(wizard)),
        token=secrets.token_hex(16),
        days=DAYS,
        **_test_view(wizard, place),
    )


def _test_view(wizard: ConnectWizard, place: Marketplace) -> dict[str, Any]:
    """The four lines of the test and what it found."""
    states = service.checks_of(wizard)
    return {
        "lines": [(CHECK_WORDS[check] % {"marketplace": place.name}, *LINE[states.get(check, "waiting")]) for check in Check],
        "running": wizard.test_state == TestState.RUNNING,
        "passed": wizard.test_state == TestState.PASSED and wizard.duplicate_of is None,
        "duplicate": wizard.duplicate_of,
        "permissions": service.permissions_of(wizard),
        "target_words": TARGETS,
        "found_id": mask(wizard.found_account_id),
    }


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
            seller_id, wizard_id, name=name, method=method, version=_version(form), settings=settings, form_token=_token(form)
        )
    except BadInput as error:
        return await _page(
            request, wizard, 1, settings, status=422, message=error.seller_message, errors=error.fields, typed={"name": name}
        )
    except Conflict as error:
        return await _conflict(request, seller_id, wizard_id, 1, settings, error)
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
            version=_version(form),
            vault=vault,
            jobs=jobs,
            form_token=_token(form),
        )
    except BadInput as error:
        fresh = await service.get(seller_id, wizard_id)
        notes = {name: one.note for name, one in cleaned.items() if one.note}
        return await _page(request, fresh, 3, settings, status=422, message=error.seller_message, errors=error.fields, notes=notes)
    except Conflict as error:
        return await _conflict(request, seller_id, wizard_id, 3, settings, error)
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
    values = _sandbox_keys(await service.get(seller_id, wizard_id))
    if not settings.demo or not values:
        raise NotFound
    await service.enter(seller_id, wizard_id, values, version=None, vault=vault, jobs=jobs)
    return go(f"/connect/{wizard_id}/4")


def _sandbox_keys(wizard: ConnectWizard) -> dict[str, str]:
    """The sandbox's own keys for the way to connect that was chosen; empty when it has none for this way."""
    place = marketplace(wizard.marketplace_code)
    known = place.sandbox_keys(demo_shop()) if place.sandbox_keys is not None else {}
    fields = place.method(wizard.method).fields()
    if not all(known.get(name) for name, one in fields.items() if one.required):
        return {}
    return {name: known.get(name, "") for name in fields}


async def _conflict(
    request: Request[Any, Any, Any], seller_id: UUID, wizard_id: UUID, step: int, settings: Settings, error: Conflict
) -> Response[str] | Redirect:
    """Another tab was quicker, or the setup is over: show how it stands, lose nothing."""
    wizard = await service.get(seller_id, wizard_id)
    return _ended(request, wizard) or await _page(
        request, wizard, min(step, wizard.step), settings, status=409, message=error.seller_message
    )


def _token(form: Any) -> str:
    """The number of the form this came from; a form without one is simply never taken for a repetition."""
    return str(form.get(FORM_TOKEN) or "")[:64]


def _version(form: Any) -> int | None:
    sent = str(form.get("version", ""))
    return int(sent) if sent.isdigit() and len(sent) < 10 else None


@get("/p/connect/{wizard_id:uuid}/test", opt=SECURE)
async def test_part(
    wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]
) -> Response[str] | Redirect:
    """The test's lines alone, asked for every second until it has ended."""
    if not is_htmx(request):
        return go(f"/connect/{wizard_id}/4")
    wizard = await service.get(seller_id, wizard_id)
    place = marketplace(wizard.marketplace_code)
    return page(request, whole="connecting/_test.html", secure=True, wizard=wizard, place=place, **_test_view(wizard, place))


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


@post("/connect/{wizard_id:uuid}/discard", opt=SECURE)
async def discard(wizard_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Redirect:
    await service.discard(seller_id, wizard_id)
    return go("/accounts", notice="Discarded. Nothing was saved.")


ROUTES = (
    choose_marketplace,
    begin,
    explain_reconnect,
    reconnect,
    resume,
    show,
    take_choice,
    take_ready,
    take_details,
    take_sandbox_keys,
    test_part,
    test_again,
    confirm,
    discard,
)
