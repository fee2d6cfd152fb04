"""What Flipkart says when it says no: five shapes of error bodies, none of which may carry a secret further."""

import re

import msgspec

SHOWN = re.compile(r"^[^:<>{}]*")
"""Of an OAuth description only what stands before a colon is kept: behind it Flipkart repeats the id or token it was given."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is Flipkart's own (`invalid_token`), `words` a description safe to show; both may be empty."""

    code: str = ""
    words: str = ""


class _OAuth(msgspec.Struct):
    error: str
    error_description: str | None = None


class _Complaint(msgspec.Struct):
    code: str | int | None = None
    description: str | None = None
    message: str | None = None


class _Complaints(msgspec.Struct):
    errors: list[_Complaint]


def is_page(content_type: str, body: bytes) -> bool:
    """Whether this is a web page (a gateway, a login form, a bot filter) and no answer of the API."""
    return "html" in content_type.lower() or body.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))


def read_refusal(body: bytes) -> Refusal:
    """The code and the words of an error body; empty ones when it is a page, a bare text or nothing we know."""
    try:
        oauth = msgspec.json.decode(body, type=_OAuth)
        shown = SHOWN.match(oauth.error_description or "")
        return Refusal(code=oauth.error[:60], words=(shown.group() if shown else "").strip()[:200])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        first = next(iter(msgspec.json.decode(body, type=_Complaints).errors), _Complaint())
        return Refusal(code=str(first.code or "")[:60], words=(first.description or first.message or "")[:200])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    # A bare word such as DEPENDENT_SYSTEM_CALL_FAILED.
    text = body[:200].decode("ascii", "ignore").strip()
    return Refusal(code=text) if re.fullmatch(r"[A-Z][A-Z0-9_]{2,59}", text) else Refusal()
