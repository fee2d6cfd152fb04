"""The sandbox's Seller Central: the page where a seller confirms, and the list of applications from which she may begin."""

from html import escape
from urllib.parse import parse_qs, urlsplit

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.amazon_in.sandbox.gate import Asked
from portal.marketplaces.amazon_in.sandbox.state import OPERATOR_APP_ID, State
from portal.marketplaces.handoff import with_query

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Amazon sandbox: {title}</title></head>
<body><main><h1>{title}</h1>
{body}
</main></body></html>
"""
CONSENT = """<p>The application <strong>{app}</strong> asks for orders, returns, payments and inventory of the sandbox shop <strong>{shop}</strong>.</p>
<form method="post">
{hidden}
<button name="decision" value="allow">Confirm</button>
<button name="decision" value="deny">Cancel</button>
</form>"""
APPLICATIONS = """<p>These applications may read the sandbox shop <strong>{shop}</strong>. Here a seller begins at Amazon's side.</p>
<p><a href="{begin}">Authorise the portal</a></p>"""


def routes(state: State) -> list[HTTPRouteHandler]:
    @get("/apps/authorize/consent", media_type="text/html")
    async def ask(request: Asked) -> Response[str]:
        query = dict(request.query_params)
        if query.get("application_id") != OPERATOR_APP_ID:
            return _page("Error MD1000", "<p>This application cannot be found.</p>", status=400)
        return _consent(state, {name: query.get(name, "") for name in ("redirect_uri", "state")})

    @get("/apps/authorize/confirm/{application:str}", media_type="text/html")
    async def ask_from_here(request: Asked) -> Response[str]:
        """The other way round: the portal was told to come here, and brings `amazon_state` back."""
        query = dict(request.query_params)
        if query.get("amazon_state") not in state.consents.invited:
            return _page("Error MD9100", "<p>Begin at Manage Your Apps.</p>", status=400)
        return _consent(state, {name: query.get(name, "") for name in ("redirect_uri", "state")})

    @post(["/apps/authorize/consent", "/apps/authorize/confirm/{application:str}"], media_type="text/html")
    async def decide(request: Asked) -> Response[str]:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if not _may_go_to(form.get("redirect_uri", "")):
            return _page("Error MD5101", "<p>The redirect address is not registered.</p>", status=400)
        back = {"state": form.get("state", "")}
        if form.get("decision") == "allow":
            code = state.consents.new_code(form["redirect_uri"])
            back |= {"selling_partner_id": state.seller, "spapi_oauth_code": code}
        else:
            back |= {"error": "access_denied", "error_description": "The seller did not give the permission"}
        return Response("", status_code=302, headers={"Location": with_query(form["redirect_uri"], back)}, media_type="text/plain")

    @get("/apps/manage", media_type="text/html")
    async def applications(request: Asked) -> Response[str]:
        """Manage Your Apps. `log_in_uri` is what an operator registers with Amazon: the portal's start address."""
        log_in_uri = str(request.query_params.get("log_in_uri", ""))
        if not _may_go_to(log_in_uri):
            return _page("Manage Your Apps", "<p>No application has a log-in address.</p>", status=400)
        base = str(request.base_url).rstrip("/")
        parameters = {
            "amazon_callback_uri": f"{base}/apps/authorize/confirm/{OPERATOR_APP_ID}",
            "amazon_state": state.consents.invite(),
            "selling_partner_id": state.seller,
        }
        begin = escape(with_query(log_in_uri, parameters))
        return _page("Manage Your Apps", APPLICATIONS.format(shop=escape(state.seller), begin=begin))

    return [ask, ask_from_here, decide, applications]


def _consent(state: State, kept: dict[str, str]) -> Response[str]:
    if not _may_go_to(kept["redirect_uri"]):
        return _page("Error MD5101", "<p>The redirect address is not registered.</p>", status=400)
    hidden = "\n".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in kept.items())
    return _page("Confirm authorization", CONSENT.format(app=OPERATOR_APP_ID, shop=escape(state.seller), hidden=hidden))


def _page(title: str, body: str, status: int = 200) -> Response[str]:
    return Response(PAGE.format(title=title, body=body), media_type="text/html", status_code=status)


def _may_go_to(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in {"http", "https"} and bool(parts.netloc)
