"""What can go wrong out there: five names, whatever the marketplace calls it."""

from datetime import datetime
from typing import ClassVar

from portal.clock import said
from portal.errors import PortalError
from portal.marketplaces.scrubbing import scrub


class MarketplaceError(PortalError):
    """A fault of a marketplace, under the one name the rest of the portal knows.

    * MarketplaceError
      x KeysRejected    the marketplace refuses these keys      final: reconnect
      x NotAllowed      keys fine, this data is not shared      final: explain
      x Throttled       asked to slow down, until `retry_at`    again
      x Unreachable     no route, timeout, 5xx, bot filter      again
        * Resting       has not answered anybody for a while    again, at its next probe
      x WireChanged     their answer has a shape we cannot read final: tell us

    `words` are the marketplace's own, scrubbed and cut to 300 characters; `reason` is the marketplace's own code (`invalid_grant`).
    Neither may hold a secret: pass nothing that came from a request.
    """

    status: ClassVar[int] = 502

    def __init__(
        self,
        marketplace: str,
        seller_message: str,
        *,
        reason: str = "",
        words: str = "",
        http_status: int | None = None,
        request_id: str = "",
    ) -> None:
        words = scrub(words)[:300]
        detail = " ".join(part for part in (self.code, reason, f"HTTP {http_status}" if http_status else "", words) if part)
        super().__init__(seller_message, detail=f"{marketplace}: {detail}")
        self.marketplace = marketplace
        self.reason = reason
        self.words = words
        self.http_status = http_status
        self.request_id = request_id


class KeysRejected(MarketplaceError):
    """The credential itself is refused. `field` names the key to look at, where the marketplace tells.

    `whose` is "operator" when the refused secret belongs to the portal's own application: then no seller is asked to reconnect.
    """

    code = "keys_rejected"
    status = 422

    def __init__(
        self,
        marketplace: str,
        seller_message: str,
        *,
        field: str | None = None,
        whose: str = "seller",
        reason: str = "",
        words: str = "",
        http_status: int | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(marketplace, seller_message, reason=reason, words=words, http_status=http_status, request_id=request_id)
        self.field = field
        self.whose = whose


class NotAllowed(MarketplaceError):
    """The keys are good, but this data or action is not open to them."""

    code = "not_allowed"
    status = 403


class Throttled(MarketplaceError):
    """The marketplace, or our own budget for it (`own`), asks us to wait until `retry_at` (UTC)."""

    code = "throttled"
    status = 503
    retryable = True

    def __init__(
        self,
        marketplace: str,
        retry_at: datetime,
        *,
        own: bool = False,
        reason: str = "",
        words: str = "",
        http_status: int | None = None,
        request_id: str = "",
    ) -> None:
        cause = f"We have used all calls {marketplace} allows for now" if own else f"{marketplace} asked us to slow down"
        super().__init__(
            marketplace,
            f"{cause}. We go on at {said(retry_at)}. You need to do nothing.",
            reason=reason,
            words=words,
            http_status=http_status,
            request_id=request_id,
        )
        self.retry_at = retry_at


class Unreachable(MarketplaceError):
    """No answer we could use: no route, time-out, reset, 5xx, maintenance page.

    `blocked` is true when a bot filter refuses our server though the seller's details are fine. `retry_at` is when they asked
    to be called again (Retry-After), where they did.
    """

    code = "unreachable"
    status = 503
    retryable = True

    def __init__(
        self,
        marketplace: str,
        *,
        reason: str = "",
        words: str = "",
        http_status: int | None = None,
        request_id: str = "",
        blocked: bool = False,
        retry_at: datetime | None = None,
        seller_message: str = "",
    ) -> None:
        told = seller_message or (
            f"{marketplace} is blocking our server. Your details are fine."
            if blocked
            else f"{marketplace} is not answering. This is on {marketplace}'s side; nothing says your details are the cause. We try again by ourselves."
        )
        super().__init__(marketplace, told, reason=reason, words=words, http_status=http_status, request_id=request_id)
        self.blocked = blocked
        self.retry_at = retry_at


class Resting(Unreachable):
    """The marketplace has been silent `since` then, whoever called. Until `retry_at` nobody calls; then one call finds out."""

    retry_at: datetime

    def __init__(self, marketplace: str, *, since: datetime, retry_at: datetime) -> None:
        super().__init__(marketplace, reason="resting", retry_at=retry_at, seller_message=resting(marketplace, since, retry_at))
        self.since = since


def resting(marketplace: str, since: datetime, retry_at: datetime | None) -> str:
    """The one sentence about an outage, wherever it is told. Without `retry_at` nothing waits that would try again by itself."""
    again = f"at {said(retry_at)}" if retry_at else "with the next sync"
    return f"{marketplace} is not answering since {said(since)}. We try again {again}. Your details are not the cause."


class WireChanged(MarketplaceError):
    """An answer arrived whole or in part, but not in the shape we know. `what` names the part we tried to read."""

    code = "wire_changed"

    def __init__(self, marketplace: str, what: str, *, words: str = "", http_status: int | None = None, request_id: str = "") -> None:
        super().__init__(
            marketplace,
            f"{marketplace} sent data we cannot read yet ({what}). Nothing is lost; we were told automatically.",
            reason=what,
            words=words,
            http_status=http_status,
            request_id=request_id,
        )
        self.what = what
