"""What the pages of people read from a browser and put into it."""

import hmac
from typing import Any

from litestar import Request
from litestar.datastructures import Cookie, State
from litestar.response import Redirect

from portal.people import service
from portal.people.devices import device, masked
from portal.people.service import Visit
from portal.people.service.entering import folded
from portal.settings import Settings
from portal.vault import Vault
from portal.web.security import session_cookie

Form = dict[str, str]
Web = Request[Any, Any, State]

KNOWN_COOKIE = "portal_known"
"""Says which account has been used in this browser. It opens nothing: guesses from here are counted apart from those of strangers."""

YEAR_S = 365 * 86_400


def visit_of(request: Web, email: str, vault: Vault) -> Visit:
    """From where somebody asks for the account of `email`."""
    address = address_of(request)
    given, mark = request.cookies.get(KNOWN_COOKIE, ""), _mark(email, vault)
    return Visit(
        device=device(request.headers.get("user-agent", "")),
        address=address,
        masked_address=masked(address),
        known=bool(mark) and hmac.compare_digest(given.encode(), mark.encode()),
    )


def address_of(request: Web) -> str:
    """Where the request comes from, in full: for counting, never for keeping."""
    return request.client.host if request.client else ""


def with_session(response: Redirect, token: str, settings: Settings) -> Redirect:
    """The same answer, which also signs the browser in under `token`."""
    response.cookies.append(session_cookie(token, settings, max_age=int(service.ABSOLUTE.total_seconds())))
    return response


def with_half(response: Redirect, token: str, settings: Settings) -> Redirect:
    """The same answer, which also lets the browser come back with a code."""
    response.cookies.append(session_cookie(token, settings, max_age=int(service.HALF_WAY.total_seconds())))
    return response


def remembered(response: Redirect, email: str, vault: Vault, settings: Settings) -> Redirect:
    """The same answer, after which this browser counts as one that `email` uses."""
    mark = _mark(email, vault)
    response.cookies.append(
        Cookie(key=KNOWN_COOKIE, value=mark, path="/", max_age=YEAR_S, httponly=True, samesite="lax", secure=settings.secure_cookies)
    )
    return response


def _mark(email: str, vault: Vault) -> str:
    secret = vault.derived("browsers an account knows")
    return hmac.digest(secret.encode(), folded(email).encode(), "sha256").hex() if secret else ""
