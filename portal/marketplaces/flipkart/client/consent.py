"""Permission by a seller's own hand: where his browser goes, and the keys for the code it comes back with."""

from collections.abc import Mapping
from urllib.parse import urlencode

from portal.marketplaces.errors import KeysRejected, WireChanged
from portal.marketplaces.flipkart.application import SCOPE, operator_application, operator_id
from portal.marketplaces.flipkart.client.answers import body_of, is_refusal
from portal.marketplaces.flipkart.client.kinds import SIGN_IN, TIMEOUT_S
from portal.marketplaces.flipkart.client.signing import base_of, signed
from portal.marketplaces.flipkart.keys import FlipkartThirdPartyKeys
from portal.marketplaces.flipkart.wire.decoding import MARKETPLACE
from portal.marketplaces.flipkart.wire.refusals import read_refusal
from portal.marketplaces.flipkart.wire.tokens import read_granted
from portal.marketplaces.http import Outside


def consent_address(settings: Mapping[str, str], *, redirect_uri: str, state: str) -> str:
    """Where a seller's browser goes to press Allow. It takes the application's public id alone; Misconfigured without one."""
    query = {
        "client_id": operator_id(settings),
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": SCOPE,
        "state": state,
    }
    return f"{base_of(settings)}/oauth-service/oauth/authorize?{urlencode(query)}"


async def keys_for_code(outside: Outside, *, code: str, state: str, redirect_uri: str) -> FlipkartThirdPartyKeys:
    """The seller's keys for the code that came back with his browser. A code works once and for five minutes.

    Errors: KeysRejected (code too old, used, or of another application), NotAllowed, Throttled, Unreachable, WireChanged.
    """
    app = operator_application(outside.settings)
    query = {"grant_type": "authorization_code", "code": code, "state": state, "redirect_uri": redirect_uri}
    async with outside.calls(MARKETPLACE, "application", timeout_s=TIMEOUT_S) as calls:
        request = calls.request("GET", f"{base_of(outside.settings)}/oauth-service/oauth/token", params=query)
        # A second delivery would find the code used, so nothing is repeated here.
        response = await calls.send(signed(request, app), SIGN_IN, safe=False)
    if is_refusal(response):
        refusal = read_refusal(response.content)
        if refusal.code == "invalid_grant":
            raise KeysRejected(
                MARKETPLACE,
                "The permission from Flipkart came too late or was used already. Start again and press Allow within five minutes.",
                reason=refusal.code,
                words=refusal.words,
                http_status=response.status_code,
            )
        raise app.refused(refusal, response.status_code)
    granted = read_granted(body_of(response, SIGN_IN))
    if not granted.refresh_token:
        raise WireChanged(MARKETPLACE, "renewal token", http_status=response.status_code)
    return FlipkartThirdPartyKeys(refresh_token=granted.refresh_token)
