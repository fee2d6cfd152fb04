"""Which application speaks to Amazon: the seller's own, or the operator's on behalf of a seller who pressed Allow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.errors import Misconfigured
from portal.marketplaces.amazon_in.keys import AmazonKeys, PrivateAppKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What signs our token requests. `whose` is "seller" or "operator"."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    whose: str = "seller"


def application_of(keys: AmazonKeys, settings: Mapping[str, str]) -> Application:
    """The application these keys speak with. Misconfigured when it is the operator's and he has not entered it."""
    if isinstance(keys, PrivateAppKeys):
        return Application(client_id=keys.lwa_client_id, client_secret=keys.lwa_client_secret)
    return operator_application(settings)


def operator_application(settings: Mapping[str, str]) -> Application:
    """The operator's application, which only the worker knows whole. Misconfigured when a part is missing."""
    if not settings.get("CLIENT_ID") or not settings.get("CLIENT_SECRET"):
        raise _not_set_up()
    return Application(client_id=settings["CLIENT_ID"], client_secret=settings["CLIENT_SECRET"], whose="operator")


def operator_app_id(settings: Mapping[str, str]) -> str:
    """The name under which sellers see the operator's application: public, and all that the web needs. Misconfigured without one."""
    if not settings.get("APP_ID"):
        raise _not_set_up()
    return settings["APP_ID"]


def _not_set_up() -> Misconfigured:
    return Misconfigured(
        "Signing in with Amazon is not set up on this portal.",
        hint="Register a public application with Amazon and set PORTAL_AMAZON_IN_APP_ID, _CLIENT_ID and _CLIENT_SECRET.",
    )
