"""Putting a problem out of sight for a while, and back."""

from typing import Any
from uuid import UUID

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.errors import BadInput
from portal.people.permissions import Permission, needs
from portal.runs import service
from portal.web.pages import go
from portal.web.security import safe_next

DAYS = {"1": 1, "7": 7, "change": None}


@post("/accounts/{account_id:uuid}/problems/mute", opt=needs(Permission.SYNC))
async def mute(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    """For a day, for a week, or until it changes. It goes on being counted, and comes back when its time is over."""
    form = await request.form()
    chosen = str(form.get("for") or "")
    if chosen not in DAYS:
        raise BadInput("Choose for how long.")
    await service.mute(seller_id, account_id, str(form.get("code") or ""), by=request.state.viewer.called, for_days=DAYS[chosen])
    return go(safe_next(str(form.get("back") or "")), notice="Muted. You find it at the end of the sync history.")


@post("/accounts/{account_id:uuid}/problems/unmute", opt=needs(Permission.SYNC))
async def unmute(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    form = await request.form()
    await service.unmute(seller_id, account_id, str(form.get("code") or ""))
    return go(safe_next(str(form.get("back") or "")), notice="Shown again.")


ROUTES = (mute, unmute)
