"""Which application speaks to Flipkart: the seller's own, or the operator's on behalf of a seller who pressed Allow."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.errors import Misconfigured
from portal.marketplaces.errors import KeysRejected
from portal.marketplaces.flipkart.keys import FlipkartKeys, FlipkartSelfAccessKeys
from portal.marketplaces.flipkart.wire.decoding import MARKETPLACE
from portal.marketplaces.flipkart.wire.refusals import Refusal

SCOPE = "Seller_Api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application's id and secret, with the renewal token of the seller it acts for (empty: the application's own seller)."""

    app_id: str
    app_secret: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    whose: str = "seller"

    @property
    def grant(self) -> dict[str, str]:
        """The query of the token address."""
        if self.refresh_token:
            return {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        return {"grant_type": "client_credentials", "scope": SCOPE}

    @property
    def fingerprint(self) -> str:
        """Names this credential without telling it: another secret has another fingerprint."""
        return hashlib.sha256("\n".join((self.app_id, self.app_secret, self.refresh_token)).encode()).hexdigest()[:16]

    def refused(self, refusal: Refusal, http_status: int) -> KeysRejected:
        """Which part of the credential Flipkart refuses, and whose it is."""
        unknown_app = refusal.words.startswith("No client with requested id")
        wrong_secret = refusal.words.startswith("Bad credentials")
        told: dict[str, Any] = {"reason": refusal.code, "words": refusal.words, "http_status": http_status}
        if self.whose == "operator":
            if unknown_app or wrong_secret or refusal.code in {"invalid_client", "unauthorized_client"}:
                return KeysRejected(
                    MARKETPLACE,
                    "Flipkart refuses the application of this portal. Your shop is fine; the operator of the portal has to repair it.",
                    whose="operator",
                    **told,
                )
            return KeysRejected(
                MARKETPLACE,
                "Flipkart has ended our access to this shop. Connect it again and press Allow.",
                field="refresh_token",
                **told,
            )
        if unknown_app:
            return KeysRejected(
                MARKETPLACE,
                "Flipkart has no application with this ID. Compare it with Developer Access in your Seller Dashboard.",
                field="app_id",
                **told,
            )
        if wrong_secret:
            return KeysRejected(
                MARKETPLACE,
                "Flipkart knows this Application ID, but the secret does not belong to it. Copy the secret again.",
                field="app_secret",
                **told,
            )
        return KeysRejected(
            MARKETPLACE,
            "Flipkart does not accept this application any more. Look in Developer Access whether it still exists.",
            **told,
        )


def application_of(keys: FlipkartKeys, settings: Mapping[str, str]) -> Application:
    """The application these keys speak with. Misconfigured when it is the operator's and he has not entered it."""
    if isinstance(keys, FlipkartSelfAccessKeys):
        return Application(app_id=keys.app_id, app_secret=keys.app_secret)
    return operator_application(settings, refresh_token=keys.refresh_token)


def operator_application(settings: Mapping[str, str], *, refresh_token: str = "") -> Application:
    """The operator's application. Misconfigured when its id or secret is missing."""
    if not settings.get("APP_SECRET"):
        raise _not_set_up()
    return Application(app_id=operator_id(settings), app_secret=settings["APP_SECRET"], refresh_token=refresh_token, whose="operator")


def operator_id(settings: Mapping[str, str]) -> str:
    """The operator's application by its public id: all that the web process knows of it. Misconfigured when it is missing."""
    if not settings.get("APP_ID"):
        raise _not_set_up()
    return settings["APP_ID"]


def _not_set_up() -> Misconfigured:
    return Misconfigured(
        "Signing in with Flipkart is not set up on this portal.",
        hint="Register an application with Flipkart and set PORTAL_FLIPKART_APP_ID and PORTAL_FLIPKART_APP_SECRET.",
    )
