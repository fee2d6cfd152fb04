"""Flipkart's authorization code: the page where a seller presses Allow, and the code's exchange."""

from collections.abc import Mapping

from portal.marketplaces.flipkart import client
from portal.marketplaces.flipkart.keys import FlipkartThirdPartyKeys
from portal.marketplaces.handoff import Arrival, Brought, Granted
from portal.marketplaces.http import Outside


class FlipkartHandoff:
    """The operator's third-party application. Flipkart names no shop in the address it sends sellers back to."""

    def is_set_up(self, settings: Mapping[str, str]) -> bool:
        return bool(settings.get("APP_ID"))

    def consent_address(self, settings: Mapping[str, str], *, redirect_uri: str, state: str) -> str:
        return client.consent_address(settings, redirect_uri=redirect_uri, state=state)

    def brought(self, query: Mapping[str, str]) -> Brought:
        return Brought(code=query.get("code", ""))

    def arrival(self, settings: Mapping[str, str], query: Mapping[str, str]) -> Arrival | None:
        return None  # Flipkart sends nobody by itself

    async def keys_for(self, outside: Outside, granted: Granted) -> FlipkartThirdPartyKeys:
        return await client.keys_for_code(outside, code=granted.code, state=granted.state, redirect_uri=granted.redirect_uri)
