"""A step of the wizard as its row has it, and where a setup that is over leads."""

import secrets
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.response import Redirect

from portal.connecting import service
from portal.errors import Conflict
from portal.marketplaces.contract import Check, Marketplace, mask
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import demo_shop
from portal.people.permissions import Permission, needs
from portal.runs.painting import TARGETS
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
DAYS = (7, 30, 60, 90)


def ended(request: Request[Any, Any, Any], wizard: ConnectWizard) -> Response[str] | Redirect | None:
    """Where a setup that is over leads; None while it is open."""
    if wizard.state == WizardState.DONE:
        return go(f"/syncs/{wizard.first_run_id}" if wizard.first_run_id else f"/accounts/{wizard.account_id}")
    if wizard.state == WizardState.DISCARDED or service.expired(wizard):
        place = marketplace(wizard.marketplace_code)
        return page(request, whole="connecting/expired.html", status=410, place=place, timed_out=service.expired(wizard), secure=True)
    return None


async def step_page(
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
        demo_keys=settings.demo and bool(sandbox_keys(wizard)),
        token=secrets.token_hex(16),
        days=DAYS,
        **test_view(wizard, place),
    )


def test_view(wizard: ConnectWizard, place: Marketplace) -> dict[str, Any]:
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


def sandbox_keys(wizard: ConnectWizard) -> dict[str, str]:
    """The sandbox's own keys for the way to connect that was chosen; empty when it has none for this way."""
    place = marketplace(wizard.marketplace_code)
    known = place.sandbox_keys(demo_shop()) if place.sandbox_keys is not None else {}
    fields = place.method(wizard.method).fields()
    if not all(known.get(name) for name, one in fields.items() if one.required):
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
