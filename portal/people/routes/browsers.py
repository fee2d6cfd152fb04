"""What the pages of people read from a browser and put into it."""

from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.response import Redirect

from portal.people import service
from portal.people.devices import device
from portal.settings import Settings
from portal.web.security import session_cookie

Form = dict[str, str]
Web = Request[Any, Any, State]


def device_of(request: Web) -> str:
    """`Chrome on Android`."""
    return device(request.headers.get("user-agent", ""))


def address_of(request: Web) -> str:
    """Where the request comes from, in full: for counting, never for keeping."""
    return request.client.host if request.client else ""


def with_session(response: Redirect, token: str, settings: Settings) -> Redirect:
    """The same answer, which also signs the browser in under `token`."""
    response.cookies.append(session_cookie(token, settings, max_age=int(service.ABSOLUTE.total_seconds())))
    return response
