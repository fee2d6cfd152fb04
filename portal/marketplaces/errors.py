"""What can go wrong out there: five names, whatever the marketplace calls it."""

from datetime import datetime
from typing import ClassVar

from portal.clock import in_ist
from portal.errors import PortalError
from portal.marketplaces.scrubbing import scrub


class MarketplaceError(PortalError):
    """A fault of a marketplace, under the one name the rest of the portal knows.

    * MarketplaceError
      x KeysRejected    the marketplace refuses these keys      final: reconnect
      x NotAllowed      keys fine, this data is not shared      final: explain
      x Throttled       asked to slow down, until `retry_at`    again
      x Unreachable     no route, timeout, 5xx, bot filter      again
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
    """The marketplace, or our own budget for it, asks us to wait until `retry_at` (UTC)."""

    code = "throttled"
    status = 503
    retryable = True

    def __init__(
        self,
        marketplace: str,
        retry_at: datetime,
        *,
        reason: str = "",
        words: str = "",
        http_status: int | None = None,
        request_id: str = "",
    ) -> None:
        at = in_ist(retry_at).strftime("%-I:%M %p").lower()
        super().__init__(
            marketplace,
            f"{marketplace} asked us to slow down. We go on at {at}. You need to do nothing.",
            reason=reason,
            words=words,
            http_status=http_status,
            request_id=request_id,
        )
        self.retry_at = retry_at


class Unreachable(MarketplaceError):
    """No answer we could use: no route, time-out, reset, 5xx, maintenance page.

    `blocked` is true when a bot filter refuses our server though the seller's details are fine.
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
        seller_message: str = "",
    ) -> None:
        told = seller_message or (
            f"{marketplace} is blocking our server. Your details are fine."
            if blocked
            else f"{marketplace} is not answering. This is on {marketplace}'s side; nothing says your details are the cause. We try again by ourselves."
        )
        super().__init__(marketplace, told, reason=reason, words=words, http_status=http_status, request_id=request_id)
        self.blocked = blocked


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
