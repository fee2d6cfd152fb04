"""The sandbox's sign-in: the token address, and the page where a seller presses Allow."""

import secrets
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.flipkart.sandbox.counter import Answer, Call, Complaint, Counter
from portal.marketplaces.flipkart.sandbox.credentials import OPERATOR_ID, PASS_LIFE_S, Refused

SCOPES = {"Seller_Api", "Seller_Api,Default"}
CONSENT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Flipkart sandbox: Request for Authorization</title></head>
<body><main><h1>Request for Authorization</h1>
<p>The application <strong>{app}</strong> asks to read orders, returns and listings of the sandbox shop <strong>{shop}</strong> and to set its stock.</p>
<form method="post">
{hidden}
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form></main></body></html>
"""


def oauth_routes(counter: Counter) -> list[HTTPRouteHandler]:
    @get("/oauth-service/oauth/token")
    async def token(request: Call) -> Answer:
        ordered = counter.drawn("token")
        try:
            replaced = await counter.instead(request, ordered)
            if replaced is not None:
                return replaced
            return counter.spoilt(_granted(counter, request), ordered)
        except (Refused, Complaint) as refusal:
            return counter.answer(msgspec.json.encode(refusal.body), refusal.status)

    @get("/oauth-service/oauth/authorize", media_type="text/html")
    async def ask(request: Call) -> Response[str]:
        query = dict(request.query_params)
        mistake = _mistake(query)
        if mistake:
            return Response(escape(mistake), status_code=400, media_type="text/plain")
        hidden = "\n".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(str(query.get(name, "")))}">'
            for name in ("redirect_uri", "state", "client_id")
        )
        page = CONSENT.format(app=escape(str(query["client_id"])), shop=escape(counter.shelves.seller_id), hidden=hidden)
        return Response(page, media_type="text/html")

    @post("/oauth-service/oauth/authorize")
    async def decide(request: Call) -> Response[str]:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        mistake = _mistake({**form, "response_type": "code", "scope": "Seller_Api"})
        if mistake:
            return Response(escape(mistake), status_code=400, media_type="text/plain")
        if form.get("decision") == "allow":
            back = {"code": counter.gate.new_code(form["redirect_uri"])}
        else:
            back = {"error": "access_denied", "error_description": "User denied access"}
        joint = "&" if urlsplit(form["redirect_uri"]).query else "?"
        location = f"{form['redirect_uri']}{joint}{urlencode({**back, 'state': form.get('state', '')})}"
        return Response("", status_code=302, headers={"Location": location}, media_type="text/plain")

    return [token, ask, decide]


def _mistake(query: dict[str, str]) -> str:
    """What is wrong with a request for authorization; empty when nothing is."""
    if not secrets.compare_digest(query.get("client_id", ""), OPERATOR_ID):
        return "No client with requested id"
    if query.get("response_type") != "code" or query.get("scope") not in SCOPES:
        return "response_type has to be code, scope has to be Seller_Api"
    address = urlsplit(query.get("redirect_uri", ""))
    if address.scheme not in {"http", "https"} or not address.netloc:
        return "redirect_uri has to be an http or https address"
    return ""


def _granted(counter: Counter, request: Call) -> bytes:
    """A pass for a good grant. The grant stands in the query of a GET, the application in Basic."""
    app_id = counter.gate.application(request.headers.get("authorization", ""))
    query = request.query_params
    answer: dict[str, object] = {"token_type": "bearer", "expires_in": PASS_LIFE_S, "scope": "Seller_Api"}
    match query.get("grant_type"):
        case "client_credentials":
            if app_id == OPERATOR_ID or query.get("scope") not in SCOPES:
                raise Refused(400, "invalid_scope", "client_credentials needs a self-access application and scope Seller_Api")
        case "authorization_code":
            _only_operator(app_id)
            renewal = counter.gate.use_code(query.get("code", ""), query.get("redirect_uri", ""))
            answer |= {"refresh_token": renewal, "refresh_token_expires_in": counter.gate.renewal_seconds(renewal)}
        case "refresh_token":
            _only_operator(app_id)
            renewal = query.get("refresh_token", "")
            counter.gate.renewal_seconds(renewal)
            renewal = counter.gate.renewed(renewal)
            answer |= {"refresh_token_expires_in": counter.gate.renewal_seconds(renewal), "refresh_token": renewal}
        case _:
            raise Refused(400, "unsupported_grant_type", "Unsupported grant type")
    return msgspec.json.encode({"access_token": counter.gate.new_pass(), **answer})


def _only_operator(app_id: str) -> None:
    if app_id != OPERATOR_ID:
        raise Refused(401, "unauthorized_client", "This grant is for third-party applications")
