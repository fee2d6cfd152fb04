"""Amazon's website authorization: the consent page, the address it sends sellers back to, and the code's exchange.

Source: Selling Partner API documentation, website authorization workflow; Login with Amazon, authorization_code grant.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from portal.marketplaces.amazon_in.application import operator_app_id, operator_application
from portal.marketplaces.amazon_in.client import CONSENT_URL, LWA_URL, QUOTAS, USER_AGENT, fingerprint
from portal.marketplaces.amazon_in.keys import PublicAppKeys
from portal.marketplaces.amazon_in.refusals import code_refused, data
from portal.marketplaces.amazon_in.wire.answers import NAME, SignedIn, decoded
from portal.marketplaces.errors import KeysRejected, WireChanged
from portal.marketplaces.handoff import Arrival, Brought, Granted, with_query
from portal.marketplaces.http import Outside

SELLER_CENTRALS = frozenset({"sellercentral.amazon.in", "sellercentral.amazon.com", "sellercentral-europe.amazon.com"})
"""The hosts from which an Indian seller may be sent to us."""


class AmazonHandoff:
    """The operator's public application. `PORTAL_AMAZON_IN_APP_DRAFT=true` while Amazon still lists it as a draft."""

    def is_set_up(self, settings: Mapping[str, str]) -> bool:
        return bool(settings.get("APP_ID"))

    def consent_address(self, settings: Mapping[str, str], *, redirect_uri: str, state: str) -> str:
        query = {"application_id": operator_app_id(settings), "state": state, "redirect_uri": redirect_uri, **_draft(settings)}
        return with_query(settings.get("CONSENT_URL", CONSENT_URL), query)

    def brought(self, query: Mapping[str, str]) -> Brought:
        return Brought(code=query.get("spapi_oauth_code", ""), shop=query.get("selling_partner_id", ""))

    def arrival(self, settings: Mapping[str, str], query: Mapping[str, str]) -> Arrival | None:
        address, state = query.get("amazon_callback_uri", ""), query.get("amazon_state", "")
        if not state or not _is_seller_central(address, settings):
            return None
        return Arrival(shop=query.get("selling_partner_id", ""), address=address, parameters={"amazon_state": state, **_draft(settings)})

    async def keys_for(self, outside: Outside, granted: Granted) -> PublicAppKeys:
        """The keys of the shop that the consent was for. That it is this shop is proven by the live check, not here."""
        if not granted.shop:
            raise KeysRejected(
                NAME, "Amazon did not say which shop the permission is for. Start again and press Confirm.", reason="no_seller"
            )
        app = operator_application(outside.settings)
        form = {
            "grant_type": "authorization_code",
            "code": granted.code,
            "redirect_uri": granted.redirect_uri,
            "client_id": app.client_id,
            "client_secret": app.client_secret,
        }
        budget = f"AMAZON_IN:{fingerprint(app.client_id)}"
        async with outside.calls(NAME, budget, request_id_header="x-amzn-RequestId", headers={"user-agent": USER_AGENT}) as calls:
            headers = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
            request = calls.request("POST", outside.settings.get("LWA_URL", LWA_URL), data=form, headers=headers)
            # A second delivery would find the code used, so nothing is repeated here.
            response = await calls.send(request, QUOTAS["signIn"], safe=False)
        if response.status_code != 200:
            raise code_refused(response, lambda text: text.replace(granted.code, "…").replace(app.client_secret, "…"))
        signed_in = decoded(data(response), SignedIn, "the sign-in answer")
        if not signed_in.refresh_token:
            raise WireChanged(NAME, "the sign-in answer", words="no refresh token in it")
        return PublicAppKeys(selling_partner_id=granted.shop, refresh_token=signed_in.refresh_token)


def _draft(settings: Mapping[str, str]) -> dict[str, str]:
    return {"version": "beta"} if settings.get("APP_DRAFT", "").lower() == "true" else {}


def _is_seller_central(address: str, settings: Mapping[str, str]) -> bool:
    """Whether a browser may be sent there: anybody can write such an address into a link."""
    try:
        asked, own = urlsplit(address), urlsplit(settings.get("CONSENT_URL", CONSENT_URL))
        port = asked.port
    except ValueError:
        return False
    if asked.username or asked.password or any(ord(letter) <= 0x20 or letter == "\\" for letter in address):
        return False
    if "CONSENT_URL" in settings and (asked.scheme, asked.netloc) == (own.scheme, own.netloc):
        return True
    return asked.scheme == "https" and asked.hostname in SELLER_CENTRALS and port in (None, 443)
