"""Listings Items of the sandbox: paging through a seller's SKUs."""

from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID
from portal.marketplaces.amazon_in.sandbox.gate import Asked, admitted, bad_input, bent, denied
from portal.marketplaces.amazon_in.sandbox.state import State
from portal.marketplaces.sandbox import Fault


def routes(state: State) -> list[HTTPRouteHandler]:
    @get("/listings/2021-08-01/items/{seller:str}")
    async def search_listings(request: Asked, seller: str) -> Response[Any]:
        ordered = await admitted(state, request, "searchListingsItems")
        if request.query_params.get("marketplaceIds") != MARKETPLACE_ID:
            raise bad_input("marketplaceIds is required.")
        if seller != state.seller or (ordered and ordered.fault is Fault.OTHER_SHOP):
            raise denied()
        items = [{"sku": article.sku} for article in state.articles[: int(request.query_params.get("pageSize", "10"))]]
        return bent(ordered, msgspec.json.encode({"numberOfResults": len(state.articles), "items": items}))

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

    return [search_listings, participations]
