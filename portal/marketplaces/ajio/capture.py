"""What the browser extension sends: one message with the four values of a panel session.

The shape is this project's proposal. The route around it checks the pairing code's age and single use; everything that can be
said of the message alone is said here.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from portal.errors import BadInput
from portal.marketplaces.ajio.session import BIGGEST_COOKIES, Cookie, checked_context, checked_cookies, cookies_of, token_of

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


def read_capture(body: bytes, *, origin: str = ORIGIN) -> Capture:
    """The four values of a capture message. Raises BadInput with a sentence, and the field where there is one.

    `origin` is the panel's address; a message from anywhere else is refused, also from a look-alike or over plain http.
    """
    message = _message(body)
    if message.origin != origin:
        raise BadInput("This was not captured on AJIO's seller panel. Open seller.ajio.com, sign in, and capture again.")
    if not PAIRING_CODE.match(message.pairing_code):
        raise BadInput("The pairing code has the form ABCD-1234.", fields={"pairing_code": "The pairing code has the form ABCD-1234."})
    blobs = message.blobs
    cookies = _cookies(blobs.session_cookies)
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


def _cookies(held: Any) -> tuple[Cookie, ...]:
    """Cookies as a list, or typed as `a=b; c=d`."""
    if held is None:
        return ()
    if isinstance(held, str):
        return cookies_of(held)
    if not isinstance(held, list):
        raise BadInput("The cookies are neither a list nor name=value pairs.", fields={"session_cookies": "Capture the session again."})
    if len(msgspec.json.encode(held)) > BIGGEST_COOKIES:
        raise BadInput("These cookies are larger than 64 KB. Copy only those of seller.ajio.com.")
    return checked_cookies(held)
