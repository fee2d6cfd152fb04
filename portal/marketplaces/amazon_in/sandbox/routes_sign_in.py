"""Login with Amazon, as far as a private application meets it."""

from urllib.parse import parse_qsl

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.amazon_in.sandbox.gate import Asked, Refusal, answer, bent, fault_for
from portal.marketplaces.amazon_in.sandbox.state import PASS_LIFE_S, State
from portal.marketplaces.sandbox import Fault

REQUIRED = ("grant_type", "refresh_token", "client_id", "client_secret")


def routes(state: State) -> list[HTTPRouteHandler]:
    @post("/auth/o2/token", status_code=200)
    async def token(request: Asked) -> Response[bytes]:
        ordered = await fault_for(state, "signIn")
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise _refused(400, "invalid_request", "The content type is not application/x-www-form-urlencoded")
        form = dict(parse_qsl((await request.body()).decode()))
        for name in REQUIRED:
            if not form.get(name):
                raise _refused(400, "invalid_request", f"The request is missing a required parameter : {name}")
        if form["grant_type"] != "refresh_token":
            raise _refused(400, "unsupported_grant_type", "The authorization grant type is not supported")
        if (form["client_id"], form["client_secret"]) != (state.keys["lwa_client_id"], state.keys["lwa_client_secret"]):
            raise _refused(401, "invalid_client", "Client authentication failed")
        if not state.knows(form["refresh_token"]) or (ordered and ordered.fault is Fault.REVOKED):
            raise _refused(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token. User may have revoked it.")
        granted = {
            "access_token": state.new_pass(),
            "refresh_token": state.handed_out(form["refresh_token"]),
            "token_type": "bearer",
            "expires_in": PASS_LIFE_S,
        }
        return bent(ordered, msgspec.json.encode(granted))

    return [token]


def _refused(status: int, error: str, description: str) -> Refusal:
    body = {"error": error, "error_description": description, "request_id": "sandbox-request"}
    return Refusal(answer(msgspec.json.encode(body), status))
