"""What an answer other than 200 means: the one place where Meesho's statuses and codes become our five errors."""

from collections.abc import Iterable
from typing import TypedDict

import msgspec

from portal.marketplaces.errors import KeysRejected, MarketplaceError, NotAllowed, Unreachable, WireChanged
from portal.marketplaces.meesho.wire.rows import NAME, UNREADABLE, text

OUT_OF_TIME = "TIMESTAMP_OUT_OF_RANGE"
AGAIN_ONCE = frozenset({OUT_OF_TIME, "NONCE_REUSED", "INVALID_API_KEY", "SIGNATURE_MISMATCH"})
"""Refusals of the one request: a second one with a fresh signature must be refused the same way before we believe it."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One refusal as Meesho words it. `code` is empty when the answer is not in Meesho's envelope."""

    status: int
    code: str = ""
    message: str = ""
    request_id: str = ""
    page: bool = False
    """An HTML page came instead of JSON: something between us and Meesho answered."""


class _Error(msgspec.Struct):
    code: str
    message: str = ""


class _Envelope(msgspec.Struct):
    error: _Error
    request_id: str = ""


def read(status: int, content_type: str, body: bytes, *, secrets: Iterable[str] = ()) -> Refusal:
    """The refusal in an answer, whatever its shape. Should Meesho's words repeat one of the `secrets`, it is taken out of them."""
    if "html" in content_type or body.lstrip()[:1] == b"<":
        return Refusal(status=status, page=True)
    try:
        told = msgspec.json.decode(body, type=_Envelope)
    except UNREADABLE:
        return Refusal(status=status)
    message = told.error.message
    for secret in secrets:
        message = message.replace(secret, "…")
    return Refusal(
        status=status,
        code=text(told.error.code, 60),
        message=text(message, 300),
        request_id=text(told.request_id, 120),
    )


def error(refusal: Refusal, *, what: str, skew_s: float = 0.0) -> MarketplaceError:
    """The error to raise. `what` names the data that was asked for; `skew_s` is how far Meesho's clock is from ours."""
    if refusal.page or 300 <= refusal.status < 400:
        return Unreachable(
            NAME,
            reason=f"html_{refusal.status}" if refusal.page else f"http_{refusal.status}",
            http_status=refusal.status,
            blocked=refusal.status == 403,
        )
    known = {
        "INVALID_API_KEY": _unknown_key,
        "SIGNATURE_MISMATCH": _wrong_signature,
        OUT_OF_TIME: _out_of_time,
        "NONCE_REUSED": _again_later,
        "SUPPLIER_NOT_ENABLED": _not_enabled,
    }
    if refusal.code in known:
        return known[refusal.code](refusal, skew_s)
    if refusal.status == 401 and refusal.code:
        return KeysRejected(NAME, "Meesho no longer accepts these keys. Ask Meesho for new ones.", **_told(refusal))
    if refusal.status == 403 and refusal.code:
        return NotAllowed(
            NAME, f"Meesho does not share {what} with these keys. Ask your account manager at Meesho to open it.", **_told(refusal)
        )
    return WireChanged(
        NAME, f"answer {refusal.status} for {what}", words=refusal.code, http_status=refusal.status, request_id=refusal.request_id
    )


class _Told(TypedDict):
    reason: str
    words: str
    http_status: int
    request_id: str


def _told(refusal: Refusal) -> _Told:
    return {"reason": refusal.code, "words": refusal.message, "http_status": refusal.status, "request_id": refusal.request_id}


def _unknown_key(refusal: Refusal, _: float) -> MarketplaceError:
    return KeysRejected(
        NAME,
        "Meesho does not know this API key. Copy it again from Meesho's message, or ask for a new one.",
        field="api_key",
        **_told(refusal),
    )


def _wrong_signature(refusal: Refusal, skew_s: float) -> MarketplaceError:
    sentence = "Meesho did not accept the signature: the API secret does not belong to this API key. Copy both again from the same message."
    if abs(skew_s) > 60:
        clocks = f"Our clock and Meesho's also differ by {_minutes(skew_s)}."
        sentence = f"{sentence} {clocks}"
    return KeysRejected(NAME, sentence, field="api_secret", **_told(refusal))


def _out_of_time(refusal: Refusal, skew_s: float) -> MarketplaceError:
    return Unreachable(
        NAME,
        seller_message=f"Meesho refused a request because our clock and theirs differ by {_minutes(skew_s)}. Your details are not the cause. We try again by ourselves.",
        **_told(refusal),
    )


def _again_later(refusal: Refusal, _: float) -> MarketplaceError:
    return Unreachable(NAME, **_told(refusal))


def _not_enabled(refusal: Refusal, _: float) -> MarketplaceError:
    return NotAllowed(
        NAME,
        "Meesho has not switched on the connection for this shop yet. Send Meesho the integration request; it takes about 48 hours.",
        **_told(refusal),
    )


def _minutes(seconds: float) -> str:
    minutes = max(1, round(abs(seconds) / 60))
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
