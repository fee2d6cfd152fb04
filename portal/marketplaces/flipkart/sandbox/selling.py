"""The sandbox's seller operations: shipments, returns, listings, stock."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from portal.marketplaces.flipkart.sandbox import rows, searching
from portal.marketplaces.flipkart.sandbox.counter import Answer, Call, Complaint, Counter
from portal.marketplaces.sandbox import Fault, Ordered

RETURNS_A_PAGE = 25
LISTINGS_A_PAGE = 500
SKUS_AT_ONCE = 10
IDS_AT_ONCE = 100


def selling_routes(counter: Counter) -> list[HTTPRouteHandler]:
    @post("/sellers/v3/shipments/filter", status_code=200)
    async def search(request: Call) -> Answer:
        body = await request.body()
        return await counter.serve(
            request, "shipments.search", lambda ordered: searching.page_of(counter, searching.read_search(body), ordered)
        )

    @get("/sellers/v3/shipments/filter")
    async def search_on(request: Call) -> Answer:
        token = request.query_params.get("next_token", "")
        return await counter.serve(
            request, "shipments.search", lambda ordered: searching.page_of(counter, searching.read_token(token), ordered)
        )

    @get("/sellers/v3/shipments")
    async def of_orders(request: Call) -> Answer:
        return await counter.serve(request, "shipments.of_orders", lambda ordered: _of_orders(counter, dict(request.query_params), ordered))

    @get("/sellers/v3/shipments/{shipment_ids:str}")
    async def details(request: Call, shipment_ids: FromPath[str]) -> Answer:
        return await counter.serve(request, "shipments.details", lambda _: _details(counter, shipment_ids))

    @get("/sellers/v2/returns")
    async def returns(request: Call) -> Answer:
        return await counter.serve(request, "returns.search", lambda ordered: _returns(counter, dict(request.query_params), ordered))

    @post("/sellers/listings/v3/search", status_code=200)
    async def catalogue(request: Call) -> Answer:
        body = await request.body()
        return await counter.serve(request, "listings.search", lambda ordered: _catalogue(counter, body, ordered))

    @get("/sellers/listings/v3/{skus:path}")
    async def listings(request: Call, skus: FromPath[str]) -> Answer:
        return await counter.serve(request, "listings.read", lambda ordered: _listings(counter, skus.lstrip("/"), ordered))

    @post("/sellers/listings/v3/update/inventory", status_code=200)
    async def stock(request: Call) -> Answer:
        body = await request.body()
        return await counter.serve(request, "inventory.update", lambda _: _stock(counter, body))

    return [search, search_on, of_orders, details, returns, catalogue, listings, stock]


def _ids(text: str, at_most: int) -> list[str]:
    ids = text.split(",")
    if not text or " " in text or len(ids) > at_most:
        raise Complaint(400, "INVALID_REQUEST", f"1 to {at_most} ids, separated by commas, without spaces")
    return ids


def _of_orders(counter: Counter, query: dict[str, str], ordered: Ordered | None) -> bytes:
    named = [name for name in ("shipmentIds", "orderItemIds", "orderIds") if query.get(name)]
    if named == ["shipmentIds"]:
        parcels = [counter.shelves.parcels[one] for one in _ids(query["shipmentIds"], IDS_AT_ONCE) if one in counter.shelves.parcels]
    elif named == ["orderIds"]:
        known = [counter.shelves.by_order[one] for one in _ids(query["orderIds"], IDS_AT_ONCE) if one in counter.shelves.by_order]
        parcels = list({parcel.shipment_id: parcel for order in known for parcel in order.parcels}.values())
    else:
        raise Complaint(400, "INVALID_REQUEST", "Name shipmentIds or orderIds and nothing else (the sandbox knows no other)")
    rows_ = counter.rows([counter.shelves.row(parcel) for parcel in parcels], ordered, needed="orderId")
    return b'{"shipments":[%s]}' % b",".join(rows_)


def _details(counter: Counter, text: str) -> bytes:
    ids = _ids(text, IDS_AT_ONCE)
    if not set(ids) <= counter.shelves.parcels.keys():
        raise Complaint(404, "INVALID_SHIPMENTS", "No such shipment")
    return b'{"shipments":[%s]}' % b",".join(counter.shelves.details(counter.shelves.parcels[one]) for one in ids)


def _returns(counter: Counter, query: dict[str, str], ordered: Ordered | None) -> bytes:
    source = query.get("source", "")
    if source not in {"customer_return", "courier_return"}:
        raise Complaint(400, "INVALID_SOURCE", "source is customer_return or courier_return")
    start, end, offset = _moment(query, "modifiedAfter"), _moment(query, "modifiedBefore"), int(query.get("offset") or "0")
    found = counter.shelves.returned(source, start, end)
    repeating = ordered is not None and ordered.fault is Fault.REPEATED_PAGE
    if repeating:
        offset = 0
    owner = "sandbox-another-seller" if ordered is not None and ordered.fault is Fault.OTHER_SHOP else counter.shelves.seller_id
    page = [
        msgspec.json.encode(rows.return_row(one, counter.shelves.location_at(one.parcel), owner))
        for one in found[offset : offset + RETURNS_A_PAGE]
    ]
    following = 0 if repeating else offset + RETURNS_A_PAGE
    more = (repeating and bool(page)) or following < len(found)
    serial = int(query.get("page") or "1") + 1
    next_url = f"/v2/returns?{urlencode({**query, 'offset': following, 'page': serial})}" if more else ""
    return b'{"hasMore":%s,"nextUrl":%s,"returnItems":[%s]}' % (
        b"true" if more else b"false",
        msgspec.json.encode(next_url),
        b",".join(counter.rows(page, ordered, needed="orderId")),
    )


def _moment(query: dict[str, str], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(query.get(name, ""))
    except ValueError:
        raise Complaint(400, "INVALID_REQUEST_DATE_FORMAT", name) from None
    if at.tzinfo is None:
        raise Complaint(400, "INVALID_REQUEST_DATE_FORMAT", name)
    return at


def _catalogue(counter: Counter, body: bytes, ordered: Ordered | None) -> bytes:
    asked = _json(body)
    filters, page_id = asked.get("filters", {}), asked.get("page_id") or "page-0-0"
    status = filters.get("lisitng_status") if isinstance(filters, dict) else ""
    place, _, serial = str(page_id).removeprefix("page-").partition("-")
    if status not in {None, "ACTIVE", "INACTIVE"} or not (place.isdigit() and serial.isdigit()):
        raise Complaint(400, "INVALID_REQUEST_JSON", "lisitng_status is ACTIVE or INACTIVE, page_id is what the last page named")
    repeating = ordered is not None and ordered.fault is Fault.REPEATED_PAGE
    start = 0 if repeating else int(place)
    offers = [offer for offer in counter.shelves.offers.values() if status in {None, offer.status}]
    following = 0 if repeating else start + LISTINGS_A_PAGE
    more = (repeating and bool(offers)) or following < len(offers)
    page = [
        {"listing_id": one.listing_id, "product_id": one.fsn, "sku_id": one.article.sku} for one in offers[start : start + LISTINGS_A_PAGE]
    ]
    next_page = {"next_page_id": f"page-{following}-{int(serial) + 1}"} if more else {}
    return msgspec.json.encode({"has_more": more, "listings": page, **next_page})


def _listings(counter: Counter, text: str, ordered: Ordered | None) -> bytes:
    skus = _ids(text, SKUS_AT_ONCE)
    offers = counter.shelves.offers
    known = [sku for sku in skus if sku in offers]
    raw = counter.rows([msgspec.json.encode(rows.offer_row(offers[sku])) for sku in known], ordered, needed="product_id")
    available = {sku: msgspec.Raw(row) for sku, row in zip(known, raw, strict=True)}
    return msgspec.json.encode({"available": available, "unavailable": [sku for sku in skus if sku not in offers], "invalid": []})


def _stock(counter: Counter, body: bytes) -> bytes:
    """Set absolute stock. The call answers 200 whatever becomes of each SKU."""
    asked = _json(body)
    if not 1 <= len(asked) <= SKUS_AT_ONCE:
        raise Complaint(400, "INVALID_REQUEST", f"1 to {SKUS_AT_ONCE} SKUs")
    return msgspec.json.encode({sku: _stocked(counter, sku, wanted) for sku, wanted in asked.items()})


def _stocked(counter: Counter, sku: str, wanted: Any) -> dict[str, Any]:
    offer = counter.shelves.offers.get(sku)
    if offer is None:
        return _failure(404, "The SKU does not exist")
    places = wanted.get("locations") if isinstance(wanted, dict) else None
    if not isinstance(places, list) or len(places) != 1 or not isinstance(places[0], dict) or "status" not in places[0]:
        return _failure(400, "locations is a list of id, status and inventory")
    if wanted.get("product_id") != offer.fsn:
        return _failure(422, "product_id does not belong to this SKU")
    place = places[0].get("id")
    if place not in offer.stock:
        return _failure(422, "The location is not yours")
    quantity = places[0].get("inventory")
    if not isinstance(quantity, int) or quantity < 0:
        return _failure(400, "inventory is a whole number from 0")
    if offer.fulfilment == "FBF":
        return _failure(403, "Stock of this SKU is kept by Flipkart")
    offer.stock[place] = quantity
    return {"status": "SUCCESS", "errors": [], "attribute_errors": []}


def _failure(code: int, description: str) -> dict[str, Any]:
    return {
        "status": "FAILURE",
        "errors": [{"severity": "ERROR", "code": code, "description": description, "path": ""}],
        "attribute_errors": [],
    }


def _json(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise Complaint(400, "INVALID_REQUEST_JSON", "The body is no JSON object") from None
