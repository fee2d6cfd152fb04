"""The four values of a seller-panel session: read, checked, and turned into what a call needs.

Their names and contents are this project's proposal; AJIO publishes none. Errors name the value and never repeat a part of it.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any

import msgspec

from portal.errors import BadInput
from portal.marketplaces.ajio.keys import PanelSessionKeys

PANEL_DOMAIN = "ajio.com"
COOKIE_DOMAINS = (PANEL_DOMAIN, "relianceretail.com")
TENANT = "AJIO"
BIGGEST_COOKIES = 64 * 1024
GUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", re.IGNORECASE)
COOKIE_NAME = re.compile(r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")
COOKIE_VALUE = re.compile(r"^[\x21-\x3a\x3c-\x7e ]*$")
FILTER_COOKIES = frozenset({"_abck", "ak_bmsc", "bm_sv", "bm_sz"})
"""Cookies of the bot filter before the panel. It renews them with every answer and none of them says who is signed in."""
TOKEN = re.compile(r"^[\x21-\x7e]{20,8192}$")


class Cookie(msgspec.Struct, frozen=True, rename="camel"):
    """A cookie as browsers hand it to extensions. Its value never shows in a repr."""

    name: str
    value: str
    domain: str = f".{PANEL_DOMAIN}"
    path: str = "/"
    secure: bool = True
    http_only: bool = False
    same_site: str | None = None
    expires: float | None = None

    def __repr__(self) -> str:
        return f"Cookie({self.name}=…)"

    @property
    def host(self) -> str:
        return self.domain.lstrip(".").lower()


class Pob(msgspec.Struct, frozen=True):
    id: str
    store_name: str = ""


class SellerContext(msgspec.Struct, frozen=True):
    """Who was signed in when the session was captured, and the POBs that login saw."""

    user_id: str
    pobs: tuple[Pob, ...]
    tenant: str = TENANT
    username: str = ""
    user_agent: str = ""
    captured_at: str = ""
    source: str = ""

    def pob(self, wanted: str) -> Pob:
        """The POB with this id; the first one when it is not here, for the caller to compare."""
        return next((one for one in self.pobs if one.id == wanted), self.pobs[0])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PanelSession:
    """All that a call to the panel carries."""

    cookies: tuple[Cookie, ...]
    access_token: str
    context: SellerContext

    @property
    def cookie_header(self) -> str:
        """The cookies meant for the panel's own host; those of the sign-in host stay at home."""
        return "; ".join(f"{one.name}={one.value}" for one in self.cookies if belongs(one.host, PANEL_DOMAIN))

    @property
    def expires_at(self) -> datetime | None:
        """When the access token says it ends; None for tokens that say nothing."""
        return token_end(self.access_token)

    def secrets(self) -> tuple[str, ...]:
        """Every value that must not show anywhere."""
        return tuple(value for value in (self.access_token, *(one.value for one in self.cookies)) if len(value) >= 6)


def renewed(session: PanelSession, set_cookies: Iterable[str]) -> PanelSession:
    """The session after an answer with these Set-Cookie headers. Only cookies it had are replaced, none is added or taken away."""
    values: dict[str, str] = {}
    for header in set_cookies:
        read: SimpleCookie = SimpleCookie()
        try:
            read.load(header)
        except CookieError:
            continue
        values |= {name: one.value for name, one in read.items() if one.value and one["max-age"] != "0"}
    cookies = tuple(
        msgspec.structs.replace(one, value=values[one.name])
        if one.name in values and belongs(one.host, PANEL_DOMAIN) and COOKIE_VALUE.match(values[one.name])
        else one
        for one in session.cookies
    )
    return session if cookies == session.cookies else replace(session, cookies=cookies)


def signs_in_anew(before: PanelSession, after: PanelSession) -> bool:
    """Whether a cookie has changed that a later session could not do without."""
    lasting = [tuple(one for one in session.cookies if one.name not in FILTER_COOKIES) for session in (before, after)]
    return lasting[0] != lasting[1]


def cookies_text(session: PanelSession) -> str:
    """The session's cookies as they are saved."""
    return msgspec.json.encode(session.cookies).decode()


def panel_session(keys: PanelSessionKeys) -> PanelSession:
    """The session these keys describe. Raises BadInput with the field and its sentence."""
    session = PanelSession(
        cookies=cookies_of(keys.session_cookies or ""),
        access_token=token_of(keys.access_token or "", "access_token"),
        context=context_of(keys.seller_context or ""),
    )
    if not session.cookies and not session.access_token:
        raise _bad("session_cookies", "Add the panel session or the access token. Without one of them AJIO does not know who calls.")
    return session


def cookies_of(text: str) -> tuple[Cookie, ...]:
    """Cookies from the extension's list or from `a=b; c=d`. Raises BadInput; empty text gives none."""
    text = text.strip()
    if len(text.encode()) > BIGGEST_COOKIES:
        raise _bad("session_cookies", "These cookies are larger than 64 KB. Copy only those of seller.ajio.com.")
    if not text:
        return ()
    return checked_cookies(_listed_cookies(text) if text.startswith("[") else _paired_cookies(text))


def _listed_cookies(text: str) -> list[Any]:
    try:
        return msgspec.json.decode(text.encode(), type=list[Any])
    except (msgspec.DecodeError, RecursionError):
        raise _bad("session_cookies", "The cookie list is cut off or is not a list. Capture it again.") from None


def _paired_cookies(text: str) -> list[Any]:
    pairs = [part.strip() for part in text.removeprefix("Cookie:").replace("\n", ";").split(";") if part.strip()]
    if not all("=" in pair for pair in pairs):
        raise _bad("session_cookies", "Write cookies as name=value, with semicolons between them.")
    return [{"name": name.strip(), "value": value.strip()} for name, _, value in (pair.partition("=") for pair in pairs)]


def checked_cookies(rows: list[Any]) -> tuple[Cookie, ...]:
    """The rows as cookies of AJIO and its sign-in host only. Raises BadInput."""
    try:
        cookies = msgspec.convert(rows, tuple[Cookie, ...])
    except msgspec.ValidationError:
        raise _bad("session_cookies", "One cookie of the list has no name or no value. Capture the session again.") from None
    if any(not belongs(one.host, *COOKIE_DOMAINS) for one in cookies):
        raise _bad("session_cookies", "These cookies are from another site. Only those of ajio.com and relianceretail.com belong here.")
    if any(not COOKIE_NAME.match(one.name) or not COOKIE_VALUE.match(one.value) for one in cookies):
        raise _bad("session_cookies", "One cookie holds a character that cookies cannot have. Capture the session again.")
    return cookies


def belongs(host: str, *domains: str) -> bool:
    """Whether the host is one of the domains or below it; `notajio.com` is neither."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def token_of(text: str, field: str) -> str:
    """A token without the blanks around it. Raises BadInput; empty text stays empty."""
    text = text.strip().removeprefix("Bearer ").strip()
    if text and not TOKEN.match(text):
        raise _bad(field, "A token is one line of 20 to 8192 characters without spaces. This one looks cut off.")
    return text


def context_of(text: str) -> SellerContext:
    """The seller entry. Raises BadInput."""
    try:
        return checked_context(msgspec.json.decode(text.encode()))
    except (msgspec.DecodeError, RecursionError):
        raise _bad("seller_context", "The seller entry is cut off. Copy it whole, from the first curly bracket to the last.") from None


def checked_context(held: Any) -> SellerContext:
    """The seller entry of an already read message. Raises BadInput."""
    try:
        context = msgspec.convert(held, SellerContext)
    except msgspec.ValidationError:
        raise _bad("seller_context", "The seller entry needs user_id and the list of POBs. Capture it again.") from None
    if not GUID.match(context.user_id):
        raise _bad("seller_context", "user_id in the seller entry is not an AJIO seller number. Capture it again.")
    if context.tenant != TENANT:
        raise _bad("seller_context", "This seller entry belongs to another marketplace of the same group.")
    if not context.pobs or any(not one.id.strip() or len(one.id) > 40 for one in context.pobs):
        raise _bad("seller_context", "The seller entry names no POB. Sign in with a login that sees at least one.")
    if not context.user_agent.isascii() or not (context.user_agent or "-").isprintable():
        raise _bad("seller_context", "user_agent in the seller entry holds characters that no browser sends.")
    return context


def token_end(token: str) -> datetime | None:
    """`exp` of a JWT, unverified: a hint for the page, never a reason to refuse."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        ends = claims.get("exp") if isinstance(claims, Mapping) else None
        return datetime.fromtimestamp(ends, UTC) if isinstance(ends, int) else None
    except (ValueError, OverflowError, OSError, RecursionError):
        return None


def _bad(field: str, sentence: str) -> BadInput:
    return BadInput(sentence, fields={field: sentence})
