"""What an answer of AJIO means: a document, or one of the portal's five errors. The only place that decides it."""

from collections.abc import Iterable
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from portal.marketplaces.ajio.session import belongs
from portal.marketplaces.ajio.wire.body import MARKETPLACE, decoded
from portal.marketplaces.contract import mask
from portal.marketplaces.errors import KeysRejected, NotAllowed, Unreachable, WireChanged


class Door(Enum):
    """Which way a call went in; each refuses in its own words."""

    PARTNER = "partner_api"
    PANEL = "portal_session"


SIGN_IN_HOSTS = ("relianceretail.com",)
SIGN_IN_MARKS = (b'type="password"', b"type='password'", b"relianceretail.com", b"oauth/authorize")
PASS_WORDS = {
    # The panel says "Invalid Request" when a session is over; at the partner API the same words mean what they say.
    Door.PARTNER: ("invalid token", "token expired", "expired token", "unauthorized"),
    Door.PANEL: ("invalid token", "invalid request", "token expired", "expired token", "unauthorized"),
}
DENIED_WORDS = ("not permitted", "not allowed", "access denied", "forbidden", "permission")
LOCKED_WORDS = ("login locked", "account locked", "user locked")


class PassRefused(Exception):
    """This call's pass was refused. `verdict` is what to raise when a second call is refused as well."""

    def __init__(self, verdict: KeysRejected) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def answered(response: httpx.Response, what: str, door: Door, *, hush: Iterable[str] = ()) -> dict[str, Any]:
    """The answer's document. `what` names the data in words; `hush` are secrets that must not survive in AJIO's own words.

    Raises PassRefused when another pass may help, else KeysRejected, NotAllowed, Unreachable or WireChanged.
    """
    status = response.status_code
    if response.is_redirect:
        raise _redirected(response, what, door)
    if _is_html(response):
        raise _page(response, door)
    said = _said(response.content, hush)
    plain = said.lower()
    if any(mark in plain for mark in LOCKED_WORDS):
        raise login_locked(said, status)
    if status == 401 or (any(mark in plain for mark in PASS_WORDS[door]) and _failed(response)):
        raise PassRefused(pass_over(door, said, status))
    if status == 403 or (any(mark in plain for mark in DENIED_WORDS) and _failed(response)):
        raise NotAllowed(MARKETPLACE, _not_shared(what), reason="forbidden", words=said, http_status=status)
    if not response.is_success:
        raise WireChanged(MARKETPLACE, what, words=said, http_status=status)
    if not response.content.strip():
        raise Unreachable(MARKETPLACE, reason="empty_answer", http_status=status)
    document = decoded(response.content, what)
    if document.get("success") is False:
        raise WireChanged(MARKETPLACE, what, words=said, http_status=status)
    return document


def paper(response: httpx.Response, what: str, *, hush: Iterable[str]) -> bytes:
    """A PDF's bytes. Anything else in its place is judged like an answer; WireChanged when that finds nothing wrong."""
    if response.is_success and response.content.startswith(b"%PDF"):
        return response.content
    answered(response, what, Door.PARTNER, hush=hush)
    raise WireChanged(MARKETPLACE, what, http_status=response.status_code)


def signed_in(response: httpx.Response, *, hush: Iterable[str]) -> dict[str, Any]:
    """The answer to a sign-in. Like `answered`, except that every plain refusal means these details are wrong."""
    if not _is_html(response) and not response.is_redirect and _failed(response):
        said = _said(response.content, hush)
        if response.status_code in (400, 401) or response.is_success:
            if any(mark in said.lower() for mark in LOCKED_WORDS):
                raise login_locked(said, response.status_code)
            raise PassRefused(details_refused(said, response.status_code))
    return answered(response, "sign-in", Door.PARTNER, hush=hush)


def details_refused(said: str, status: int) -> KeysRejected:
    return KeysRejected(
        MARKETPLACE,
        "AJIO does not accept this POB ID with this API password. "
        "This happens when the POB password is reset or another tool changes it. Enter the new API password.",
        field="api_password",
        reason="login_refused",
        words=said,
        http_status=status,
    )


def pass_over(door: Door, said: str, status: int) -> KeysRejected:
    if door is Door.PARTNER:
        return KeysRejected(
            MARKETPLACE,
            "AJIO stopped accepting the saved details. This happens when the POB password is reset or another tool changes it.",
            field="api_password",
            reason="token_refused",
            words=said,
            http_status=status,
        )
    return session_over("token_refused", said, status)


def session_over(reason: str, said: str, status: int) -> KeysRejected:
    return KeysRejected(
        MARKETPLACE,
        "Your AJIO panel session has ended. Capture it again, or switch to POB ID and API password, which last longer.",
        field="session_cookies",
        reason=reason,
        words=said,
        http_status=status,
    )


def login_locked(said: str, status: int) -> KeysRejected:
    return KeysRejected(
        MARKETPLACE,
        "AJIO has locked this login after too many attempts. Unlock it on seller.ajio.com, then check again. We do not try again by ourselves.",
        reason="login_locked",
        words=said,
        http_status=status,
    )


def pob_missing(pob_id: str) -> KeysRejected:
    return KeysRejected(
        MARKETPLACE,
        f"This AJIO login no longer sees POB {mask(pob_id)}. It was closed, or the session belongs to another login.",
        field="seller_context",
        reason="pob_mismatch",
    )


def _not_shared(what: str) -> str:
    return f"AJIO does not share {what} with this POB. Other data keeps syncing. Ask your AJIO account manager to open it."


def _redirected(response: httpx.Response, what: str, door: Door) -> Exception:
    target = urlsplit(response.headers.get("location", ""))
    leads_to_sign_in = belongs((target.hostname or "").lower(), *SIGN_IN_HOSTS) or "/auth/" in target.path or "login" in target.path.lower()
    if door is Door.PANEL and leads_to_sign_in:
        return PassRefused(session_over("sent_to_sign_in", "", response.status_code))
    return WireChanged(MARKETPLACE, what, http_status=response.status_code)


def _is_html(response: httpx.Response) -> bool:
    return "html" in response.headers.get("content-type", "").lower() or response.content[:64].lstrip().startswith(b"<")


def _page(response: httpx.Response, door: Door) -> Exception:
    """A page where data should be: the bot filter's, the sign-in form, or some notice."""
    status = response.status_code
    if status == 403:
        return Unreachable(MARKETPLACE, reason="bot_filter", http_status=status, blocked=True)
    if door is Door.PANEL and (status == 401 or any(mark in response.content.lower() for mark in SIGN_IN_MARKS)):
        return PassRefused(session_over("sign_in_page", "", status))
    if status == 401:
        return PassRefused(pass_over(door, "", status))
    return Unreachable(MARKETPLACE, reason="page_instead_of_data", http_status=status)


def _failed(response: httpx.Response) -> bool:
    """Whether the answer reports a failure, by its status or by its own `success`."""
    return not response.is_success or _peek(response.content).get("success") is False


def _said(body: bytes, hush: Iterable[str]) -> str:
    """AJIO's own sentence, without any secret it may echo."""
    document = _peek(body)
    found = next(
        (document[name] for name in ("errorMessage", "error_message", "message", "error") if isinstance(document.get(name), str)), ""
    )
    for secret in hush:
        found = found.replace(secret, "…")
    return " ".join(found.split())[:300]


def _peek(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body[:1_000_000])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
