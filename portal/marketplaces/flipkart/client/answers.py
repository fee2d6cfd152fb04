"""What Flipkart's answers mean before anything is read of them: a body, or the error that its status stands for."""

import httpx

from portal.marketplaces.errors import NotAllowed, Unreachable, WireChanged
from portal.marketplaces.flipkart.wire.decoding import MARKETPLACE
from portal.marketplaces.flipkart.wire.refusals import is_page, read_refusal
from portal.marketplaces.http import Quota

NOUNS = {
    # kind of work: what a refusal is about
    "shipments": "orders",
    "returns": "returns",
    "listings": "listings",
    "inventory": "stock",
    "packing": "packing and dispatch",
    "papers": "labels, invoices and manifests",
    "token": "any data",
}

REFUSALS = {"invalid_grant", "invalid_token", "invalid_client", "unauthorized", "unauthorized_client"}


def is_refusal(response: httpx.Response) -> bool:
    """Whether the token address refuses the credential. OAuth servers say so with 401, some with 400 and a code."""
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return True
    return response.status_code == httpx.codes.BAD_REQUEST and read_refusal(response.content).code in REFUSALS


def body_of(response: httpx.Response, quota: Quota) -> bytes:
    """The body of a good answer; every other status becomes its error here and nowhere else (401 apart)."""
    status = response.status_code
    page = is_page(response.headers.get("content-type", ""), response.content)
    if status in (200, 202) and not page:
        if not response.content.strip():
            raise Unreachable(MARKETPLACE, reason="empty answer", http_status=status)
        return response.content
    if status == httpx.codes.FORBIDDEN and page:
        raise Unreachable(MARKETPLACE, reason="bot filter", http_status=status, blocked=True)
    refusal = read_refusal(response.content)
    noun = NOUNS[quota.operation]
    if status == httpx.codes.FORBIDDEN:
        raise NotAllowed(
            MARKETPLACE,
            f"Flipkart does not share {noun} with this application. Your other data goes on being read.",
            reason=refusal.code,
            words=refusal.words,
            http_status=status,
        )
    if page or 300 <= status < 400:
        raise Unreachable(MARKETPLACE, reason="a web page instead of data", http_status=status)
    raise WireChanged(MARKETPLACE, f"{noun} request refused", words=f"{refusal.code} {refusal.words}".strip(), http_status=status)
