"""A step of the wizard as its row has it, and where a setup that is over leads."""

import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.response import Redirect

from portal.connecting import service
from portal.errors import Conflict
from portal.marketplaces.contract import Check, Marketplace, ScheduleTarget, mask
from portal.marketplaces.contract import Permission as KindAllowed
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import demo_shop
from portal.people.permissions import Permission, needs
from portal.runs.painting import TARGETS
from portal.scheduling import rules
from portal.scheduling import service as scheduling
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard, TestState, WizardMode, WizardState
from portal.web.forms import FORM_TOKEN
from portal.web.pages import go, page

SECURE = needs(Permission.CONNECT)
CHECK_WORDS = {
    Check.REACHED: "Can we reach %(marketplace)s",
    Check.ACCEPTED: "Are the details accepted",
    Check.PERMISSIONS: "Which data we may read",
    Check.SHOP: "Which shop is this",
}
LINE = {"waiting": ("Waiting", "neutral"), "checking": ("Checking", "info"), "ok": ("OK", "ok"), "problem": ("Problem", "bad")}
KIND: dict[bool | None, tuple[str, str]] = {True: ("Allowed", "ok"), False: ("Not allowed", "warn"), None: ("Not tried", "neutral")}
DAYS = (7, 30, 60, 90)


def ended(request: Request[Any, Any, Any], wizard: ConnectWizard) -> Response[str] | Redirect | None:
    """Where a setup that is over leads; None while it is open."""
    if wizard.state == WizardState.DONE:
        return go(f"/accounts/{wizard.account_id}")
    timed_out = service.timed_out(wizard)
    if wizard.state == WizardState.DISCARDED or timed_out:
        place = marketplace(wizard.marketplace_code)
        return page(
            request, whole="connecting/expired.html", status=410, place=place, timed_out=timed_out, wizard=wizard, secure=True, packed=True
        )
    return None


def made(wizard: ConnectWizard) -> Redirect:
    """From the last step to what it began: the first sync, or the account where there is none."""
    return go(f"/syncs/{wizard.first_run_id}" if wizard.first_run_id else f"/accounts/{wizard.account_id}")


def confirmable(wizard: ConnectWizard) -> bool:
    """Whether step 5 can make an account of it."""
    return wizard.test_state == TestState.PASSED and wizard.duplicate_of is None


def may_choose(wizard: ConnectWizard) -> bool:
    """Whether step 5 asks which of several shops it shall be."""
    return wizard.test_state != TestState.RUNNING and bool(service.shops_of(wizard))


async def step_page(
    request: Request[Any, Any, Any],
    wizard: ConnectWizard,
    step: int,
    settings: Settings,
    *,
    status: int = 200,
    message: str = "",
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    pasting: bool = False,
) -> Response[str]:
    place = marketplace(wizard.marketplace_code)
    method = place.method(wizard.method)
    return page(
        request,
        whole="connecting/away.html" if method.oauth and step == service.ENTER else f"connecting/step{step}.html",
        status=status,
        secure=True,
        packed=True,
        wizard=wizard,
        place=place,
        method=method,
        methods=service.methods(place, settings),
        fields=method.fields(),
        values=service.values_of(wizard) | (typed or {}),
        kept=await service.secrets_of(wizard),
        saved=await service.saved_secrets(wizard),
        message=message,
        errors=errors or {},
        notes=service.notes_of(wizard),
        swaps=service.swaps_of(wizard),
        pasting=pasting,
        reconnecting=wizard.mode == WizardMode.RECONNECT,
        demo_keys=settings.demo and bool(sandbox_keys(wizard)),
        token=secrets.token_hex(16),
        days=DAYS,
        first_reads=first_reads(wizard),
        by_itself=[
            (TARGETS[target], rules.sentence(rule)) for target, rule in scheduling.beginning(place, place.opened_by(method)).items()
        ],
        **await test_view(wizard, place),
    )


async def test_view(wizard: ConnectWizard, place: Marketplace) -> dict[str, Any]:
    """The four lines of the test, each kind of data below the third, and what it found."""
    states = service.checks_of(wizard)
    permissions = service.permissions_of(wizard)
    return {
        "lines": [(check, CHECK_WORDS[check] % {"marketplace": place.name}, *LINE[states.get(check, "waiting")]) for check in Check],
        "kinds": _kinds(wizard, place, permissions),
        "running": wizard.test_state == TestState.RUNNING,
        "passed": confirmable(wizard),
        "choosing": wizard.test_state == TestState.CHOOSING,
        "duplicate": wizard.duplicate_of,
        "may_wait": service.may_wait(wizard),
        "comes_back": await service.comes_back(wizard),
        "permissions": permissions,
        "closed": [TARGETS[one.target].lower() for one in permissions if one.allowed is False],
        "proof": service.first_proof_of(wizard),
        "target_words": TARGETS,
        "locations": service.locations_of(wizard),
        "shops": await _shops(wizard) if may_choose(wizard) else [],
        "found_id": mask(wizard.found_account_id),
        "remarks": [
            (one.label, said) for name, one in place.method(wizard.method).fields().items() if (said := service.notes_of(wizard).get(name))
        ],
    }


async def _shops(wizard: ConnectWizard) -> list[tuple[str, str, str, str]]:
    """The shops to choose from: id, name, id as a page shows it, and as which account it is connected already."""
    known = await service.connected_as(wizard)
    return [(one.id, one.name or mask(one.id), mask(one.id), known.get(one.id, "")) for one in service.shops_of(wizard)]


def _kinds(wizard: ConnectWizard, place: Marketplace, permissions: Sequence[KindAllowed]) -> list[tuple[str, str, str]]:
    """Words, state and tone of each kind of data: always the same rows, so that nothing moves while the test goes on."""
    known = {one.target: one for one in permissions}
    trying = wizard.test_state == TestState.RUNNING and service.checks_of(wizard).get(Check.PERMISSIONS) != "ok"
    rows = []
    for target in ScheduleTarget:
        if target in known:
            rows.append((TARGETS[target], *KIND[known[target].allowed]))
        elif target in place.supported_targets:
            rows.append((TARGETS[target], *(LINE["waiting"] if trying else KIND[None])))
    return rows


def first_reads(wizard: ConnectWizard) -> list[tuple[str, str]]:
    """What a first sync can read with these keys: target and words. Stock is no part of it; that goes out only after a review."""
    closed = {one.target for one in service.permissions_of(wizard) if one.allowed is False}
    place = marketplace(wizard.marketplace_code)
    known = place.opened_by(place.method(wizard.method)) - closed
    return [(target, TARGETS[target]) for target in service.FIRST_READS if target in known]


def sandbox_keys(wizard: ConnectWizard) -> dict[str, str]:
    """The sandbox's own keys for the way to connect that was chosen; empty when it has none for this way."""
    place = marketplace(wizard.marketplace_code)
    method = place.method(wizard.method)
    keys_of = method.sandbox_keys or place.sandbox_keys
    known = keys_of(demo_shop(place.demo_locations)) if keys_of is not None else {}
    fields = method.fields()
    if method.oauth or not all(known.get(name) for name, one in fields.items() if one.required):
        return {}
    return {name: known.get(name, "") for name in fields}


async def conflict(
    request: Request[Any, Any, Any], seller_id: UUID, wizard_id: UUID, step: int, settings: Settings, error: Conflict
) -> Response[str] | Redirect:
    """Another tab was quicker, or the setup is over: show how it stands, lose nothing."""
    wizard = await service.get(seller_id, wizard_id)
    return ended(request, wizard) or await step_page(
        request, wizard, min(step, wizard.step), settings, status=409, message=error.seller_message
    )


def token(form: Any) -> str:
    """The number of the form this came from; a form without one is simply never taken for a repetition."""
    return str(form.get(FORM_TOKEN) or "")[:64]


def version(form: Any) -> int | None:
    sent = str(form.get("version", ""))
    return int(sent) if sent.isdigit() and len(sent) < 10 else None
