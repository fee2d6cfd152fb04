"""The seller panel as a browser sees it: a page to sign in on, and the page behind it, which keeps what the real one keeps."""

import json
from html import escape
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.ajio.sandbox.world import World

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>AJIO sandbox: {title}</title></head>
<body><main><h1>{title}</h1>
{body}
</main></body></html>
"""
SIGN_IN = """<p>The sandbox asks for no password.</p>
<form method="post" action="{action}"><button>Sign in</button></form>"""
SIGNED_IN = """<p>Signed in as <strong>{name}</strong>. The extension can capture this session now.</p>
{desk}
<script>
for (const [name, value] of Object.entries({kept})) localStorage.setItem(name, value);
</script>"""

SHEETS = {"confirmation": "Confirmation", "packing": "Packing", "manifests": "Manifests"}
PAPERS = {"labels": "Labels", "vendor-invoices": "Vendor invoices", "customer-invoices": "Customer invoices"}
SHEET = """<form method="post" action="{action}" enctype="multipart/form-data">
<label>{name} <input type="file" name="sheet"></label> <button>Upload</button></form>"""


def page_routes(world: World) -> list[HTTPRouteHandler]:
    @get(["/", "/vmsui"], media_type="text/html")
    async def panel(request: Request[Any, Any, Any]) -> Response[str]:
        if request.cookies.get("vms_session") == world.panel_cookie:
            kept = {"activeSellerProfileId": world.user_id, "accessToken": world.panel_token, "username": "sandbox"}
            return _page("Seller panel", SIGNED_IN.format(name=escape(world.store_name), kept=json.dumps(kept), desk=_desk(request)))
        return _page("Seller sign in", SIGN_IN.format(action=escape(f"{_base(request)}/vmsui/sign-in")))

    @post("/vmsui/sign-in", media_type="text/plain")
    async def sign_in(request: Request[Any, Any, Any]) -> Response[str]:
        path = str(request.scope.get("root_path") or "/")
        values = {"_abck": "sandbox-filter", "bm_sv": "sandbox-filter-2", "vms_session": world.panel_cookie}
        cookies = [Cookie(key=name, value=value, path=path, httponly=True) for name, value in values.items()]
        return Response("", status_code=303, headers={"Location": f"{_base(request)}/vmsui"}, cookies=cookies, media_type="text/plain")

    return [panel, sign_in]


def _desk(request: Request[Any, Any, Any]) -> str:
    """What the desk takes and prints, for somebody who works here by hand."""
    base = escape(f"{_base(request)}/vmsui/orders")
    taken = [SHEET.format(action=f"{base}/{name}", name=words) for name, words in SHEETS.items()]
    return "\n".join([*taken, *(f'<p><a href="{base}/{name}.pdf">{words}</a></p>' for name, words in PAPERS.items())])


def _base(request: Request[Any, Any, Any]) -> str:
    return str(request.base_url).rstrip("/")


def _page(title: str, body: str) -> Response[str]:
    return Response(PAGE.format(title=title, body=body), media_type="text/html")
