"""Every route of the application, as somebody else's ids would be put into it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.routes import HTTPRoute

from portal.people.guarding import PUBLIC
from portal.people.permissions import OPT, Permission
from portal.people.service import open_session
from portal.web.security import CSRF_COOKIE, SESSION_COOKIE
from tests.browsing import LOOPBACK, Browser
from tests.walls.filling import Filled

PARAMETERS = {
    # A name in an address: the table whose key it is. A new name has to be said here, or the walk fails.
    "account_id": "marketplace_accounts",
    "aside_id": "set_asides",
    "batch_id": "batches",
    "document_id": "documents",
    "errand_id": "batch_errands",
    "held_id": "batch_orders",
    "invitation_id": "invitations",
    "invoice_id": "tax_invoices",
    "listing_id": "listings",
    "order_id": "orders",
    "payout_id": "marketplace_payouts",
    "print_id": "print_files",
    "request_id": "run_requests",
    "reset_id": "password_resets",
    "return_id": "order_returns",
    "run_id": "sync_runs",
    "session_id": "sessions",
    "upload_id": "payout_uploads",
    "user_id": "seller_users",
    "wizard_id": "connect_wizards",
}
WORDS = {
    "order": "403-7",
    "permission": "read",
    "until": "1",
    "sha256": "0" * 64,
    "key": "papers/nowhere.pdf",
    "slug": "amazon",
    "ticket": "00000000-0000-0000-0000-000000000000",
    "address": "portal.css",
}
"""What stands in an address and is no row's key."""

FORM: Mapping[str, str] = {
    # Something believable for every field that any form has, so that a form gets past its own checks.
    "form_token": "0123456789abcdef" * 2,
    "target": "ORDERS",
    "version": "1",
    "first_days": "30",
    "days": "7",
    "role": "VIEWER",
    "email": "nobody@example.in",
    "password": "correct horse battery",
    "name": "Second store",
    "business": "Walls",
    "agreed": "yes",
    "do": "pause",
    "for": "day",
    "code": "ERR",
    "reason": "other",
    "history": "keep",
    "marketplace": "AMAZON_IN",
    "method": "private_app",
    "back": "/home",
    "next": "/home",
    "from": "2026-11-01",
    "to": "2026-11-02",
    "interval": "60",
    "when": "interval",
    "text": "{}",
}

FORMS: Mapping[str, Mapping[str, str]] = {
    # Addresses whose field has a name of the others' and takes other words.
    "/accounts/{account_id}/problems/mute": {"for": "7", "code": "set_aside"},
    "/accounts/{account_id}/schedule/pause": {"for": "hour"},
    "/held/{held_id}": {"decision": "drop"},
    "/listings/{listing_id}/tax": {"hsn": "6103", "rate": "5%"},
    "/accounts/{account_id}/tax": {
        "legal_name": "Walls",
        "address": "1 Wall Street",
        "gstin": "27AAPFU0939F1ZV",
        "prefix": "WA",
        "default_hsn": "",
        "default_rate": "",
    },
    "/batches/{batch_id}/prints": {"kind": "picks", "order": ""},
}

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_CSRF = re.compile(r'name="_csrf_token" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address. `permission` is empty where the answer is the same for everybody."""

    method: str
    path: str
    permission: str
    handler: BaseRouteHandler

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names_a_row(self) -> bool:
        return any(name in PARAMETERS or name == "draft_id" for name in _PARAMETER.findall(self.path))

    def address(self, filled: Filled) -> str:
        """The address with this seller's keys in it. KeyError for a parameter that nobody has told us about."""
        return _PARAMETER.sub(lambda found: str(_value(filled, found[1])), self.path)


def _value(filled: Filled, name: str) -> Any:
    if name == "draft_id":
        return filled.draft_id
    return WORDS[name] if name in WORDS else filled.keys[PARAMETERS[name]]


def routes(app: Litestar) -> Iterator[Route]:
    """Every route we wrote; Litestar answers OPTIONS by itself."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute), f"{route.path} is no HTTP route, and nobody walks it"
        for handler in route.route_handlers:
            if not isinstance(handler, HTTPRouteHandler) or handler.http_methods == {"OPTIONS"}:
                continue
            for method in sorted(str(one) for one in handler.http_methods):
                permission = "" if handler.opt.get(PUBLIC) is True else str(handler.opt.get(OPT, Permission.MANAGE_TEAM))
                yield Route(method, route.path_format, permission, handler)


class Walker(Browser):
    """Somebody who asks for every address. Has a fresh session for each request: some addresses end it."""

    def __init__(self, app: Litestar, seller: UUID | None = None, user: UUID | None = None) -> None:
        super().__init__(app)
        self._seller, self._user = seller, user

    async def ask(self, route: Route, filled: Filled, *, form: Mapping[str, str] = FORM) -> httpx.Response:
        """The answer to `route` with the keys of `filled`, in the address and in every field and query that may name one."""
        await self.arrive()
        ids = {name: str(filled.keys[table]) for name, table in PARAMETERS.items()}
        ids |= {name.removesuffix("_id"): value for name, value in ids.items()} | {"draft_id": str(filled.draft_id)}
        # A part is asked for by htmx; without it, its address leads to the page it stands on before anything is looked up.
        headers = {"HX-Request": "true"} if route.path.startswith("/p/") else {}
        if route.method == "GET":
            return await self.http.get(route.address(filled), params=ids, headers=headers)
        return await self.http.post(
            route.address(filled), data={"_csrf_token": self.csrf, **ids, **form, **FORMS.get(route.path, {})}, headers=headers
        )

    async def arrive(self) -> None:
        """A new session, and a token for the next form."""
        if not self.csrf:
            self.csrf = _CSRF.findall((await self.http.get("/sign-in")).text)[0]
            self._token = self.http.cookies[CSRF_COOKIE]
        self.http.cookies.clear()
        self.http.cookies.set(CSRF_COOKIE, self._token, domain="127.0.0.1")
        if self._seller and self._user:
            self.http.cookies.set(SESSION_COOKIE, await open_session(self._seller, self._user), domain="127.0.0.1")


def leads(answer: httpx.Response) -> str:
    """Where a redirect leads, htmx's included, without our own name; empty when it is none."""
    where: str = answer.headers.get("location", "") or answer.headers.get("hx-redirect", "")
    return where.removeprefix(LOOPBACK)
