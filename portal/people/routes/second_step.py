"""Turning the second step on and off, and the recovery codes: each shown once, in answer to the POST that made them."""

from typing import Any

import segno
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from portal.errors import BadInput, PortalError
from portal.people import service
from portal.people.guarding import recently_authenticated
from portal.people.permissions import Permission, needs
from portal.people.routes.browsers import Form, Web, with_session
from portal.people.routes.devices import DEVICES
from portal.people.service import TooManyTries, Viewer, second_step
from portal.people.service.second_step import WrongCode
from portal.settings import Settings
from portal.vault import Vault
from portal.web.pages import go, page
from portal.web.security import session_cookie

STEP = f"{DEVICES}/second-step"
OPT = needs(Permission.SELF)


@post(f"{STEP}/begin", opt=OPT, guards=[recently_authenticated])
async def begin(viewer: NamedDependency[Viewer], vault: NamedDependency[Vault]) -> Redirect:
    """Makes a secret for the app; signing in stays as it is until a code of the app has been typed."""
    await second_step.begin(viewer, vault)
    return go(STEP)


@get(STEP, opt=OPT, guards=[recently_authenticated])
async def enrol(request: Web, viewer: NamedDependency[Viewer], vault: NamedDependency[Vault]) -> Response[Any]:
    """The secret as a picture and as text, and a field for the first code."""
    return await _enrol_page(request, viewer, vault)


@post(STEP, opt=OPT, guards=[recently_authenticated])
async def confirm(
    request: Web,
    data: URLEncodedBody[Form],
    viewer: NamedDependency[Viewer],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
) -> Response[Any]:
    """The first code turns it on and shows the recovery codes. Other browsers are signed out."""
    try:
        codes, token = await second_step.confirm(viewer, data.get("code", ""), vault)
    except (WrongCode, TooManyTries) as error:
        return await _enrol_page(request, viewer, vault, error)
    answer = _codes_page(request, codes)
    answer.cookies.append(session_cookie(token, settings, max_age=int(service.ABSOLUTE.total_seconds())))
    return answer


@post(f"{STEP}/codes", opt=OPT, guards=[recently_authenticated])
async def renew_codes(request: Web, viewer: NamedDependency[Viewer], vault: NamedDependency[Vault]) -> Response[Any]:
    """Ten new recovery codes; the old ones end."""
    return _codes_page(request, await second_step.renew_codes(viewer, vault))


@post(f"{STEP}/off", opt=OPT, guards=[recently_authenticated])
async def turn_off(viewer: NamedDependency[Viewer], settings: NamedDependency[Settings]) -> Redirect:
    token = await second_step.turn_off(viewer)
    return with_session(go(DEVICES, notice="The second step is off."), token, settings)


async def _enrol_page(request: Web, viewer: Viewer, vault: Vault, error: PortalError | None = None) -> Response[Any]:
    found = await second_step.enrolment(viewer, vault)
    if found is None:
        return go(DEVICES)
    return page(
        request,
        whole="people/second_step.html",
        secure=True,
        status=error.status if error else 200,
        picture=segno.make(found.uri, micro=False).svg_data_uri(scale=4, border=4, light="white"),
        secret=" ".join(found.secret[at : at + 4] for at in range(0, len(found.secret), 4)),
        errors=error.fields if isinstance(error, BadInput) else {},
        message=error.seller_message if error else "",
    )


def _codes_page(request: Web, codes: list[str]) -> Response[str]:
    return page(request, whole="people/recovery_codes.html", secure=True, codes=codes)


HANDLERS = (begin, enrol, confirm, renew_codes, turn_off)
