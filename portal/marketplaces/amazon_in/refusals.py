"""What each of Amazon's answers means: statuses and bodies become the five errors here and nowhere else."""

from collections.abc import Callable
from typing import Literal

import httpx

from portal.marketplaces.amazon_in.wire.answers import NAME, Refused, Trouble, refusal, trouble
from portal.marketplaces.errors import KeysRejected, MarketplaceError, NotAllowed, Unreachable, WireChanged

ROLES = {
    # operation: the role an application needs in Seller Central
    "searchOrders": "Inventory and Order Tracking",
    "getOrder": "Inventory and Order Tracking",
    "searchListingsItems": "Product Listing",
    "getListingsItem": "Product Listing",
    "patchListingsItem": "Product Listing",
    "createFeed": "Product Listing (for stock) or Direct-to-Consumer Shipping (for labels)",
    "getReports": "Finance and Accounting",
    "createReport": "Inventory and Order Tracking",
    "listHandoverSlots": "Direct-to-Consumer Shipping",
    "createScheduledPackage": "Direct-to-Consumer Shipping",
    "getScheduledPackage": "Direct-to-Consumer Shipping",
    "createRestrictedDataToken": "Direct-to-Consumer Shipping",
}

STALE_TOKEN = ("has expired", "revoked, malformed or invalid")
"""What `details` says when the access token, not the permission, is the trouble."""


Field = Literal["refresh_token", "lwa_client_id", "lwa_client_secret"]

REJECTED: dict[str, tuple[Field, str]] = {
    # OAuth's code: the key to look at, what the seller reads
    "invalid_grant": (
        "refresh_token",
        (
            "Amazon access was removed. Someone withdrew our permission in Seller Central, or the yearly renewal was missed. "
            "Authorise your app again and replace the refresh token."
        ),
    ),
    "unauthorized_client": (
        "lwa_client_id",
        "This refresh token belongs to another Amazon app. Copy the client identifier, the client secret and the refresh token of one app.",
    ),
    "invalid_client": (
        "lwa_client_secret",
        (
            "Amazon does not accept the client secret. Your developer app has a newer one, or the client identifier is of another app. "
            "Replace the client secret."
        ),
    ),
}

THROUGH_THE_OPERATOR: dict[str, tuple[str, str]] = {
    # OAuth's code: whose matter it is when the operator's application asks, what the seller reads
    "invalid_grant": (
        "seller",
        (
            "Amazon access was removed. Someone withdrew our permission in Seller Central, or the yearly renewal was missed. "
            "Connect again and press Confirm on Amazon."
        ),
    ),
    "unauthorized_client": (
        "seller",
        "This permission belongs to another application. Connect again and press Confirm on Amazon.",
    ),
    "invalid_client": (
        "operator",
        "Amazon refuses the application of this portal. Your shop is fine; the operator of the portal has to repair it.",
    ),
}
TOO_LATE = "The permission from Amazon came too late or was used already. Start again and press Confirm within five minutes."

Scrub = Callable[[str], str]


class InvalidRequest(WireChanged):
    """400: Amazon finds fault with what we asked, not with who asks."""

    def __init__(self, operation: str, found: Trouble, request_id: str) -> None:
        super().__init__(
            NAME, f"our {operation} request", words=f"{found.code} {found.words}".strip(), http_status=400, request_id=request_id
        )
        self.complaint = found


class NoSuchThing(WireChanged):
    """404: Amazon does not know the id we asked for, or cannot do this with it now."""

    def __init__(self, operation: str, found: Trouble, request_id: str) -> None:
        super().__init__(
            NAME, f"our {operation} request", words=f"{found.code} {found.words}".strip(), http_status=404, request_id=request_id
        )
        self.complaint = found


def _is_page(response: httpx.Response) -> bool:
    return response.headers.get("content-type", "").startswith("text/html") or response.content.lstrip()[:1] == b"<"


def data(response: httpx.Response) -> bytes:
    """The body of a good answer. Unreachable when a web page or nothing at all came in its place."""
    if _is_page(response):
        raise Unreachable(NAME, reason="a web page instead of data", http_status=response.status_code)
    if not response.content.strip():
        raise Unreachable(NAME, reason="empty answer", http_status=response.status_code)
    return response.content


def token_is_stale(response: httpx.Response) -> bool:
    """Whether a fresh access token may help."""
    if response.status_code == 401:
        return True
    return response.status_code == 403 and any(mark in trouble(response.content).details for mark in STALE_TOKEN)


def refused(operation: str, response: httpx.Response, scrubbed: Scrub, whose: str = "seller") -> MarketplaceError:
    """The error for an answer that is neither good, nor 429, nor 5xx.

    A refused access token is never taken for a revoked authorisation: only signing in can tell that.
    """
    status = response.status_code
    request_id = response.headers.get("x-amzn-RequestId", "")
    found = trouble(response.content)
    found = Trouble(found.code, scrubbed(found.message), scrubbed(found.details))
    match status:
        case 401 | 403 if not found.code and _is_page(response):
            return Unreachable(NAME, reason="bot filter", http_status=status, request_id=request_id, blocked=True)
        case 401 | 403:
            return NotAllowed(
                NAME, _not_shared(operation, found, whose), reason=found.code, words=found.words, http_status=status, request_id=request_id
            )
        case 400:
            return InvalidRequest(operation, found, request_id)
        case 404:
            return NoSuchThing(operation, found, request_id)
        case _:
            return WireChanged(NAME, f"the {operation} answer", words=found.words, http_status=status, request_id=request_id)


def _not_shared(operation: str, found: Trouble, whose: str) -> str:
    if "not valid for region" in found.details:
        return "This portal asks the wrong Amazon region for your marketplace. Your details are fine; the operator must correct API_URL."
    role = ROLES.get(operation)
    if whose == "operator":
        return f"Amazon does not share this with this portal's application ({operation}). The operator can ask Amazon for the role. Other data keeps syncing."
    remedy = f"Add the role {role} to your app and authorise it again." if role else "Check the roles of your app in Seller Central."
    return f"Amazon does not share this with us ({operation}). {remedy} Other data keeps syncing."


def sign_in_refused(response: httpx.Response, scrubbed: Scrub, whose: str = "seller") -> MarketplaceError:
    """The error for a refused token request, by OAuth's own code; `whose` application asked."""
    found = refusal(response.content)
    if found is None or found.error not in REJECTED:
        return _odd_sign_in(response, scrubbed)
    if whose == "operator":
        matter, sentence = THROUGH_THE_OPERATOR[found.error]
        return _rejected(response, found, scrubbed, sentence, whose=matter)
    field, sentence = REJECTED[found.error]
    return _rejected(response, found, scrubbed, sentence, field=field)


def code_refused(response: httpx.Response, scrubbed: Scrub) -> MarketplaceError:
    """The error for a code that the operator's application could not turn into keys."""
    found = refusal(response.content)
    if found is None or found.error not in REJECTED:
        return _odd_sign_in(response, scrubbed)
    if found.error == "invalid_grant":
        return _rejected(response, found, scrubbed, TOO_LATE)
    # Only the operator's own application asks here, so whatever else is refused is his.
    return _rejected(response, found, scrubbed, THROUGH_THE_OPERATOR["invalid_client"][1], whose="operator")


def _rejected(
    response: httpx.Response, found: Refused, scrubbed: Scrub, sentence: str, *, field: Field | None = None, whose: str = "seller"
) -> KeysRejected:
    return KeysRejected(
        NAME,
        sentence,
        field=field,
        whose=whose,
        reason=found.error,
        words=scrubbed(found.error_description or ""),
        http_status=response.status_code,
        request_id=response.headers.get("x-amzn-RequestId", ""),
    )


def _odd_sign_in(response: httpx.Response, scrubbed: Scrub) -> MarketplaceError:
    """The error for an answer of the token address that refuses no key."""
    status = response.status_code
    request_id = response.headers.get("x-amzn-RequestId", "")
    found = refusal(response.content)
    if found is None:
        if _is_page(response):
            return Unreachable(NAME, reason="bot filter", http_status=status, request_id=request_id, blocked=True)
        return WireChanged(NAME, "the sign-in answer", http_status=status, request_id=request_id)
    words = scrubbed(found.error_description or "")
    if found.error in ("server_error", "temporarily_unavailable"):
        return Unreachable(NAME, reason=found.error, words=words, http_status=status, request_id=request_id)
    return WireChanged(NAME, "our sign-in request", words=f"{found.error} {words}", http_status=status, request_id=request_id)
