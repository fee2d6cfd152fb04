"""A setup whose details somebody else has to send: what to write to them, and when to be reminded."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal import clock
from portal.connecting import service
from portal.connecting.routes.showing import SECURE, conflict, ended
from portal.errors import Conflict
from portal.marketplaces.registry import marketplace
from portal.settings import Settings
from portal.tables.wizards import WizardMode
from portal.web.pages import go, page

REMIND_IN = (1, 2, 5, 10)
"""Days a seller may choose from."""


@post("/connect/{wizard_id:uuid}/waiting", opt=SECURE)
async def wait(
    wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]
) -> Response[str] | Redirect:
    """`I do not have these yet`; with `days`, another day for the reminder."""
    form = await request.form()
    days = str(form.get("days", ""))
    try:
        if days.isdigit():
            chosen = min(int(days), max(REMIND_IN))
            await service.remind_in(seller_id, wizard_id, days=chosen)
            return go(f"/connect/{wizard_id}/waiting", notice="Changed. We remind you that day.")
        await service.wait(seller_id, wizard_id)
    except Conflict as error:
        return await conflict(request, seller_id, wizard_id, service.ENTER, settings, error)
    return go(f"/connect/{wizard_id}/waiting")


@get("/connect/{wizard_id:uuid}/waiting", opt=SECURE)
async def show_waiting(
    wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]
) -> Response[str] | Redirect:
    wizard = await service.get(seller_id, wizard_id)
    over = ended(request, wizard)
    if over is not None:
        return over
    if not wizard.waiting_for_details:
        return go(f"/connect/{wizard_id}/{wizard.step}")
    place = marketplace(wizard.marketplace_code)
    text = service.request_text(place, place.method(wizard.method))
    return page(
        request,
        whole="connecting/waiting.html",
        secure=True,
        packed=True,
        wizard=wizard,
        place=place,
        text=text,
        chat=f"https://wa.me/?text={quote(text)}",
        mail=f"mailto:?subject={quote(f'Details to connect our {place.name} shop')}&body={quote(text)}",
        reminders=[day for day in await service.reminders_of(wizard) if day > clock.now()],
        remind_in=REMIND_IN,
        mails=settings.mails_go_out or settings.shows_mails,
        reconnecting=wizard.mode == WizardMode.RECONNECT,
    )
