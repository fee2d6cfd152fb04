"""Whole pages and their parts: one call renders either, with everything the shell around them needs."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect
from litestar.utils.scope.state import ScopeState

from portal import language
from portal.settings import Settings
from portal.web import speaking, tokens
from portal.web.assets import Assets
from portal.web.filters import FILTERS
from portal.web.packing import PACKED

NOTICE_COOKIE = "portal_notice"
PRIVATE = "private, no-cache"
SECRET = "no-store"


class Place(NamedTuple):
    """One link of the main navigation. The first four stand in the bar of a phone, the others under More."""

    href: str
    label: str
    icon: str = ""
    section: str = ""
    """Part of the address that makes this place current; empty means `href`."""


class NavLink(NamedTuple):
    """A place as the page shows it."""

    href: str
    label: str
    current: bool
    icon: str


class Viewer(Protocol):
    """Whoever is signed in, as the shell shows them."""

    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def seller_name(self) -> str: ...


class Notice(msgspec.Struct, frozen=True):
    """What a page says once, after the action that led to it."""

    text: str
    tone: str = "ok"


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """The one line under the header that asks for something. `hide_href` (a POST) only where the seller may put it off."""

    text: str
    tone: str = "bad"
    detail: str = ""
    href: str = ""
    action: str = ""
    hide_href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What pages share for the life of the process; kept at `app.state.shell`."""

    templates: Environment
    settings: Settings
    places: Sequence[Place]
    styles: str
    """The address of the style sheet, which whole pages announce before they begin."""
    version: str = ""
    help_href: str = "/help"


def environment(templates: Path, assets: Assets) -> Environment:
    """Jinja as every template may expect it: escaping on, unknown names are errors, filters, `asset()`, `drawing()`, `_()`.

    `_()` speaks the language of the request that is being answered (`portal.language`).
    """
    jinja = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.install_gettext_callables(language.gettext, language.plural, newstyle=True)  # type: ignore[attr-defined]  # of the i18n extension
    jinja.filters.update(FILTERS)
    jinja.globals["asset"] = assets.url
    jinja.globals["drawing"] = assets.drawing
    return jinja


def page(
    request: Request[Any, Any, Any],
    *,
    whole: str,
    part: str | None = None,
    status: int = 200,
    secure: bool = False,
    packed: bool = False,
    headers: Mapping[str, str] | None = None,
    at: str = "",
    **context: object,
) -> Response[str]:
    """The page `whole`; only its `part` when htmx asks. Both draw from the same context. `at` is its address, where that is not the request's.

    `secure` pages (wizard, re-authentication, settings) are stored nowhere, not even in the browser's back-forward memory. They
    go out unpacked (`portal.web.packing`), but for those `packed` ones that hold no secret; all others are packed.
    """
    name = part if part is not None and is_htmx(request) else whole
    around = shared(request, at=at)
    if secure:
        around["secure"] = True
        request.state[PACKED] = packed
    if headers and "Referrer-Policy" in headers:
        # What its address holds is for nobody else, so no form of the page may carry it along.
        around["here"] = "/home"
    body = shell_of(request).templates.get_template(name).render({**around, **context})
    # On a slow line the browser so asks for the styles while the page is still coming, and before it knows of any script.
    early = {} if is_htmx(request) else {"Link": f"<{shell_of(request).styles}>; rel=preload; as=style"}
    response = Response(
        body,
        media_type="text/html",
        status_code=status,
        headers={"Cache-Control": SECRET if secure else PRIVATE, "Vary": "HX-Request", **early, **(headers or {})},
    )
    if around["notice"] is not None and name == whole:
        response.delete_cookie(NOTICE_COOKIE)
    return response


def part(request: Request[Any, Any, Any], name: str, *, instead: str, status: int = 200, **context: Any) -> Response[Any]:
    """A part that is no page of its own (`/p/…`): for htmx the part, for anybody else a redirect to the page `instead`."""
    if not is_htmx(request):
        return Redirect(instead, status_code=303)
    return page(request, whole=name, status=status, **context)


def shared(request: Request[Any, Any, Any], *, at: str = "") -> dict[str, Any]:
    """The context every page gets.

    From `request.state`, where something put it: `viewer`, `banner`, `worker_silent_since`, `outages` (a sentence each), `places`
    (narrowed to the role).
    """
    shell, state = shell_of(request), request.state
    path = at or request.url.path
    places: Sequence[Place] = state.get("places", shell.places)
    viewer: Viewer | None = state.get("viewer")
    silent: datetime | None = state.get("worker_silent_since")
    banner: Banner | None = state.get("banner")
    return {
        "viewer": viewer,
        "nav": [_link(place, path) for place in places] if viewer else [],
        "banner": banner,
        "worker_silent_since": silent,
        "outages": state.get("outages", ()),
        "csrf": csrf_token(request),
        "settings": shell.settings,
        "version": shell.version,
        "help_href": shell.help_href,
        "lang": language.spoken().tag,
        "languages": language.LANGUAGES.values(),
        "here": speaking.here(request, path),
        "secure": False,
        "notice": _notice(request),
        "path": path,
    }


def go(path: str, *, notice: str = "", tone: str = "ok") -> Redirect:
    """303 to a page, after an action; the page says `notice` once. `path` is ours: anything a browser sent goes through `safe_next`."""
    cookies = []
    if notice:
        packed = base64.urlsafe_b64encode(msgspec.json.encode(Notice(notice, tone))).decode()
        cookies.append(Cookie(key=NOTICE_COOKIE, value=packed, max_age=60, httponly=True, samesite="lax"))
    return Redirect(path, status_code=303, cookies=cookies, headers={"Cache-Control": SECRET})


def is_htmx(request: Request[Any, Any, Any]) -> bool:
    """Whether htmx asks, and so wants a part to swap in."""
    return "hx-request" in request.headers


def shell_of(request: Request[Any, Any, Any]) -> Shell:
    shell = request.app.state.shell
    assert isinstance(shell, Shell)
    return shell


def csrf_token(request: Request[Any, Any, Any]) -> str:
    """What the hidden field of every form carries, another text at each call; empty where the response sets no token."""
    token = ScopeState.from_scope(request.scope).csrf_token
    # In the answer to a POST it is what the form has sent, mask and all.
    return tokens.masked(tokens.unmasked(token) or token) if isinstance(token, str) else ""


def _link(place: Place, path: str) -> NavLink:
    section = place.section or place.href
    return NavLink(place.href, language.gettext(place.label), path == section or path.startswith(f"{section}/"), place.icon)


def _notice(request: Request[Any, Any, Any]) -> Notice | None:
    packed = request.cookies.get(NOTICE_COOKIE)
    if not packed:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(packed), type=Notice)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        return None
