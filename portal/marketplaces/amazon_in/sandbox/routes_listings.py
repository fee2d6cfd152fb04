"""Listings Items of the sandbox: paging through a seller's SKUs, one of them, and changing its quantity; and Sellers."""

import base64
from typing import Any
from urllib.parse import unquote

import msgspec
from litestar import Response, get, patch
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID
from portal.marketplaces.amazon_in.sandbox.gate import Asked, admitted, bad_input, bent, complain, denied
from portal.marketplaces.amazon_in.sandbox.state import State
from portal.marketplaces.sandbox import Fault, Ordered

MOST_PAGED = 1_000


def routes(state: State) -> list[HTTPRouteHandler]:
    @get("/listings/2021-08-01/items/{seller:str}")
    async def search_listings(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "searchListingsItems")
        _check_seller(state, request, ordered)
        size = request.query_params.get("pageSize", "10")
        if not size.isdigit() or not 1 <= int(size) <= 20:
            raise bad_input("pageSize must be from 1 to 20.")
        start = _offset(request.query_params.get("pageToken"))
        skus = list(state.stock.articles)[:MOST_PAGED]
        page = skus[start : start + state.faults.rows(int(size))]
        items = [state.stock.wire(sku, _included(request)) for sku in page]
        if items and ordered and ordered.fault is Fault.UNREADABLE_ROW:
            del items[0]["sku"]
        found: dict[str, Any] = {"numberOfResults": len(state.stock.articles), "items": items}
        following = start + len(page)
        if ordered and ordered.fault is Fault.REPEATED_PAGE:
            found["pagination"] = {"nextToken": _token(start)}
        elif following < len(skus):
            found["pagination"] = {"nextToken": _token(following)}
        return bent(ordered, msgspec.json.encode(found))

    @get("/listings/2021-08-01/items/{seller:str}/{sku:path}")
    async def get_listing(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "getListingsItem")
        _check_seller(state, request, ordered)
        return bent(ordered, msgspec.json.encode(state.stock.wire(_sku(state, request), _included(request))))

    @patch("/listings/2021-08-01/items/{seller:str}/{sku:path}")
    async def patch_listing(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "patchListingsItem")
        _check_seller(state, request, ordered)
        sku = _sku(state, request)
        wrong = state.stock.merge(sku, await request.json())
        said: dict[str, Any] = {"sku": sku, "status": "INVALID" if wrong else "ACCEPTED", "submissionId": f"sandbox-{sku}", "issues": []}
        if wrong:
            said["issues"] = [{"code": "90220", "message": wrong, "severity": "ERROR", "categories": ["INVALID_ATTRIBUTE"]}]
        return bent(ordered, msgspec.json.encode(said))

    @get("/sellers/v1/marketplaceParticipations")
    async def participations(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "getMarketplaceParticipations")
        marketplace = {
            "id": MARKETPLACE_ID,
            "name": "Amazon.in",
            "countryCode": "IN",
            "defaultCurrencyCode": "INR",
            "defaultLanguageCode": "en_IN",
            "domainName": "www.amazon.in",
        }
        part = {"isParticipating": True, "hasSuspendedListings": False}
        entry = {"marketplace": marketplace, "participation": part, "storeName": f"Sandbox Textiles {state.shop.seed}"}
        return bent(ordered, msgspec.json.encode({"payload": [entry]}))

    return [search_listings, get_listing, patch_listing, participations]


def _check_seller(state: State, request: Asked, ordered: Ordered | None) -> None:
    if request.query_params.get("marketplaceIds") != MARKETPLACE_ID:
        raise bad_input("marketplaceIds is required.")
    if request.path_params["seller"] != state.seller or (ordered and ordered.fault is Fault.OTHER_SHOP):
        raise denied()


def _sku(state: State, request: Asked) -> str:
    """The SKU of the address, taken from its raw form: slashes in a SKU are no structure."""
    raw: bytes = request.scope["raw_path"]
    sku = unquote(raw.split(b"/items/", 1)[1].split(b"/", 1)[1].decode())
    if sku not in state.stock.articles:
        raise complain(404, "NOT_FOUND", f"SKU {sku!r} not found in marketplace {MARKETPLACE_ID}")
    return sku


def _included(request: Asked) -> frozenset[str]:
    return frozenset(request.query_params.get("includedData", "summaries").split(","))


def _token(offset: int) -> str:
    return base64.b64encode(f"from {offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).removeprefix(b"from "))
    except ValueError:
        raise bad_input("The pageToken is not valid.") from None
