"""Login with Amazon: passes for refresh tokens, and refresh tokens for the codes of the consent page."""

from urllib.parse import parse_qsl

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.amazon_in.sandbox.gate import Asked, Refusal, answer, bent, fault_for
from portal.marketplaces.amazon_in.sandbox.state import OPERATOR_CLIENT_ID, OPERATOR_CLIENT_SECRET, PASS_LIFE_S, State
from portal.marketplaces.sandbox import Fault

REQUIRED = {
    "refresh_token": ("refresh_token", "client_id", "client_secret"),
    "authorization_code": ("code", "redirect_uri", "client_id", "client_secret"),
}


def routes(state: State) -> list[HTTPRouteHandler]:
    @post("/auth/o2/token", status_code=200)
    async def token(request: Asked) -> Response[bytes]:
        ordered = await fault_for(state, "signIn")
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise _refused(400, "invalid_request", "The content type is not application/x-www-form-urlencoded")
        form = dict(parse_qsl((await request.body()).decode()))
        if form.get("grant_type") and form["grant_type"] not in REQUIRED:
            raise _refused(400, "unsupported_grant_type", "The authorization grant type is not supported")
        for name in ("grant_type", *REQUIRED.get(form.get("grant_type", ""), ())):
            if not form.get(name):
                raise _refused(400, "invalid_request", f"The request is missing a required parameter : {name}")
        by_operator = _is_operator(state, form)
        refresh_token = _for_code(state, form, by_operator) if form["grant_type"] == "authorization_code" else form["refresh_token"]
        if not _is_good(state, refresh_token, by_operator) or (ordered and ordered.fault is Fault.REVOKED):
            raise _refused(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token. User may have revoked it.")
        granted = {
            "access_token": state.new_pass(),
            "refresh_token": refresh_token if by_operator else state.handed_out(refresh_token),
            "token_type": "bearer",
            "expires_in": PASS_LIFE_S,
        }
        return bent(ordered, msgspec.json.encode(granted))

    return [token]


def _is_operator(state: State, form: dict[str, str]) -> bool:
    """Whether the portal's public application asks, and not the seller's own. Refusal for any other."""
    client = (form["client_id"], form["client_secret"])
    if client == (OPERATOR_CLIENT_ID, OPERATOR_CLIENT_SECRET):
        return True
    if client != (state.keys["lwa_client_id"], state.keys["lwa_client_secret"]):
        raise _refused(401, "invalid_client", "Client authentication failed")
    return False


def _for_code(state: State, form: dict[str, str], by_operator: bool) -> str:
    refresh_token = state.consents.redeemed(form["code"], form["redirect_uri"]) if by_operator else None
    if refresh_token is None:
        raise _refused(400, "invalid_grant", f"The request has an invalid grant parameter : code {form['code']}")
    return refresh_token


def _is_good(state: State, refresh_token: str, by_operator: bool) -> bool:
    if by_operator:
        return state.consents.holds(refresh_token)
    if state.consents.given(refresh_token):
        raise _refused(400, "unauthorized_client", "Not authorized for requested operation")
    return state.knows(refresh_token)


def _refused(status: int, error: str, description: str) -> Refusal:
    body = {"error": error, "error_description": description, "request_id": "sandbox-request"}
    return Refusal(answer(msgspec.json.encode(body), status))
