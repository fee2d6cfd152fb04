"""Errors are types, and each carries a sentence the seller can act on."""

from typing import ClassVar


class PortalError(Exception):
    """Something a person should hear about.

    * PortalError
      x NotFound           no such thing, or it is somebody else's
      x NotPermitted       the person's role does not allow it
      x BadInput           a form or a file says something we cannot take; `fields` tells where
      x Conflict           the thing is no longer in the state the person saw
      x Misconfigured      the operator has to change a setting
      x SecretUnreadable   a sealed value does not open here
      x MarketplaceError   see portal.marketplaces.errors

    `seller_message` is one or two sentences for the person; `str(error)` may say more for the log and never holds a secret.
    `code` is stable and goes into rows, JSON answers and the log.
    """

    code: str = "failed"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, seller_message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(detail or seller_message)
        self.seller_message = seller_message
        self.detail = detail
        self.hint = hint


class NotFound(PortalError):
    code = "not_found"
    status = 404

    def __init__(self, what: str = "page") -> None:
        super().__init__(f"We cannot find this {what}. It may have been removed, or the address has a mistake.")


class NotPermitted(PortalError):
    code = "not_permitted"
    status = 403


class BadInput(PortalError):
    """`fields` maps a field's name to the sentence that belongs beside it."""

    code = "bad_input"
    status = 422

    def __init__(self, seller_message: str, *, fields: dict[str, str] | None = None, detail: str = "", hint: str = "") -> None:
        super().__init__(seller_message, detail=detail, hint=hint)
        self.fields = fields or {}


class Conflict(PortalError):
    code = "conflict"
    status = 409


class Misconfigured(PortalError):
    """For the operator: always with a hint, shown on the command line before anything starts."""

    code = "misconfigured"
    status = 500


class SecretUnreadable(PortalError):
    """A ciphertext was moved, altered, or sealed for a key this process does not hold."""

    code = "secret_unreadable"
    status = 500


class BuyersUnreadable(SecretUnreadable):
    """The data key of a seller's buyers was moved or altered. No new credential replaces it."""

    code = "buyers_unreadable"
