"""What the browser extension sends: one message with the four values of a panel session.

The shape is this project's proposal. The route around it checks the pairing code's age and single use; everything that can be
said of the message alone is said here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from portal.errors import BadInput
from portal.marketplaces.ajio.client.panel import PANEL_URL
from portal.marketplaces.ajio.session import (
    BIGGEST_COOKIES,
    PANEL_DOMAIN,
    Cookie,
    belongs,
    checked_context,
    checked_cookies,
    cookies_of,
    token_of,
)
from portal.marketplaces.capturing import Captured

ORIGIN = "https://seller.ajio.com"
BIGGEST_MESSAGE = 256 * 1024
VERSION = 1
PAIRING_CODE = re.compile(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$")


class Blobs(msgspec.Struct, frozen=True):
    session_cookies: Any = None
    access_token: str | None = None
    refresh_token: str | None = None
    seller_context: Any = None

    def __repr__(self) -> str:
        return "Blobs(…)"


class Message(msgspec.Struct, frozen=True):
    version: int
    pairing_code: str
    captured_at: datetime
    origin: str
    blobs: Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A message that passed every check. The four values are texts ready for their columns; absent ones are empty."""

    pairing_code: str = field(repr=False)
    captured_at: datetime
    session_cookies: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    seller_context: str = field(repr=False)

    def values(self) -> dict[str, str]:
        """Field name to value, as the connect form names them."""
        return {
            "session_cookies": self.session_cookies,
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "seller_context": self.seller_context,
        }


def panel_address(settings: Mapping[str, str]) -> str:
    """Where sellers sign in: AJIO's panel, or the one that the settings name in its place."""
    return settings.get("PORTAL_URL", PANEL_URL).rstrip("/")


def read_message(settings: Mapping[str, str], body: bytes) -> Captured:
    """What the extension captured in the panel that these settings name. Raises BadInput as `read_capture`."""
    panel = urlsplit(panel_address(settings))
    elsewhere = "" if belongs(panel.hostname or "", PANEL_DOMAIN) else panel.hostname or ""
    found = read_capture(body, origin=f"{panel.scheme}://{panel.netloc}", sandbox_host=elsewhere)
    return Captured(pairing_code=found.pairing_code, values=found.values())


def read_capture(body: bytes, *, origin: str = ORIGIN, sandbox_host: str = "") -> Capture:
    """The four values of a capture message. Raises BadInput with a sentence, and the field where there is one.

    `origin` is the panel's address; a message from anywhere else is refused, also from a look-alike or over plain http. Cookies of
    `sandbox_host`, which is empty for the real panel, stand for those of AJIO's own.
    """
    message = _message(body)
    if message.origin != origin:
        raise BadInput("This was not captured on AJIO's seller panel. Open seller.ajio.com, sign in, and capture again.")
    if not PAIRING_CODE.match(message.pairing_code):
        raise BadInput("The pairing code has the form ABCD-1234.", fields={"pairing_code": "The pairing code has the form ABCD-1234."})
    blobs = message.blobs
    cookies = _cookies(blobs.session_cookies, sandbox_host)
    access_token = token_of(blobs.access_token or "", "access_token")
    if not cookies and not access_token:
        raise BadInput("The message holds neither cookies nor a token. Sign in to the seller panel first, then capture again.")
    context = checked_context(blobs.seller_context)
    return Capture(
        pairing_code=message.pairing_code,
        captured_at=message.captured_at,
        session_cookies=msgspec.json.encode(cookies).decode() if cookies else "",
        access_token=access_token,
        refresh_token=token_of(blobs.refresh_token or "", "refresh_token"),
        seller_context=msgspec.json.encode(context).decode(),
    )


def _message(body: bytes) -> Message:
    if len(body) > BIGGEST_MESSAGE:
        raise BadInput("The message is larger than 256 KB. A panel session is much smaller; capture it again.")
    try:
        message = msgspec.json.decode(body, type=Message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("The message is cut off or is not from our extension. Capture the session again.") from None
    if message.version != VERSION:
        raise BadInput("This message comes from another version of the extension. Update the extension, then capture again.")
    if message.captured_at.tzinfo is None:
        raise BadInput("The message does not say in which time zone it was captured. Update the extension, then capture again.")
    return message


def _cookies(held: Any, sandbox_host: str) -> tuple[Cookie, ...]:
    """Cookies as a list, or typed as `a=b; c=d`."""
    if held is None:
        return ()
    if isinstance(held, str):
        return cookies_of(held)
    if not isinstance(held, list):
        raise BadInput("The cookies are neither a list nor name=value pairs.", fields={"session_cookies": "Capture the session again."})
    if len(msgspec.json.encode(held)) > BIGGEST_COOKIES:
        raise BadInput("These cookies are larger than 64 KB. Copy only those of seller.ajio.com.")
    return checked_cookies([_at_home(one, sandbox_host) for one in held] if sandbox_host else held)


def _at_home(cookie: Any, sandbox_host: str) -> Any:
    """A sandbox panel's cookie as AJIO's panel would have set it."""
    if isinstance(cookie, dict) and cookie.get("domain") == sandbox_host:
        return {**cookie, "domain": f".{PANEL_DOMAIN}", "path": "/"}
    return cookie
