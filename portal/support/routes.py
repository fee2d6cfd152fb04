"""`/settings/support`: what the file for support holds, and the button that makes it."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from portal import clock
from portal.audit import service as audit
from portal.people.guarding import keeps, recently_authenticated
from portal.people.permissions import Permission, needs
from portal.settings import Settings
from portal.support import service
from portal.tables.audit import Action
from portal.web.pages import page

PATH = "/settings/support"
OPT = needs(Permission.HELP_SUPPORT)


@get(PATH, opt=OPT, guards=[recently_authenticated])
async def show(request: Request[Any, Any, Any]) -> Response[str]:
    """What is in the file and what is not, before anybody makes it."""
    return page(request, whole="support/show.html", secure=True, runs=service.RUNS)


@post(f"{PATH}/bundle", status_code=200, opt={**OPT, **keeps()}, guards=[recently_authenticated])
async def bundle(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]) -> Response[bytes]:
    """The file itself. That it was made is on the trail."""
    found = await service.gathered(seller_id, settings)
    told = f"{len(found['runs'])} syncs, {len(found['exchanges'])} exchanges"
    await audit.write(seller_id, Action.SUPPORT_BUNDLED, told, actor=request.state.viewer.called)
    name = f"support-{clock.in_ist(clock.now()):%Y-%m-%d-%H%M}.zip"
    return Response(
        service.zipped(found),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


ROUTES = (show, bundle)
