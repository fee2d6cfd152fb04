"""Everything we send, and everything our sandbox answers, fits Flipkart's own OpenAPI operations.

The operations may not be passed on, so they lie outside the repository; where they are absent these tests say so and skip.
"""

from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import msgspec
import pytest

from portal.marketplaces.facts import StockLine
from portal.marketplaces.sandbox import Shop
from tests.marketplaces.flipkart.batching import batch
from tests.marketplaces.flipkart.shops import Recording, bazaar, kept, pages_of

pytestmark = pytest.mark.anyio

FILES = {
    # file: what its servers put before its paths
    "flipkart-marketplace-api-3.0.openapi.json": "",
    "flipkart-marketplace-api-2.0.openapi.json": "/sellers",
}


SPECIFICATION = Path(__file__).parents[3].parent / "shared" / "specs" / "flipkart"


@cache
def operations() -> dict[tuple[str, str], Any]:
    """Method and path of every operation, with its specification."""
    if not SPECIFICATION.is_dir():
        pytest.skip("Flipkart's OpenAPI operations are not beside this repository, so nothing can be checked against them.")
    found: dict[tuple[str, str], Any] = {}
    for name, prefix in FILES.items():
        paths = msgspec.json.decode((SPECIFICATION / name).read_bytes())["paths"]
        found |= {(method.upper(), prefix + path): one for path, methods in paths.items() for method, one in methods.items()}
    return found


NAMED = {"filter", "search", "update/inventory", "labels", "cancel", "dispatch", "manifest", "handover/counts"}
"""What follows the prefix where no ids do."""


def template(request: httpx.Request) -> str:
    """The specification's name for the path of a request."""
    path = request.url.path
    for prefix, name in (("/sellers/v3/shipments/", "{shipmentIds}"), ("/sellers/listings/v3/", "{skuIds}")):
        rest = path.removeprefix(prefix)
        if rest != path and rest not in NAMED:
            shown, slash, more = rest.partition("/")
            return f"{prefix}{name}{slash}{more}" if shown else path
    return path


def schema_of(content: dict[str, Any]) -> Any:
    schema = next(iter(content.values()))["schema"]
    if schema.get("title") == "BulkListingResponse":
        # Drawn as one object; the guide and the name of the operation mean a list of them.
        listing = schema["properties"]["listings"]
        return {**schema, "properties": {**schema["properties"], "listings": {"type": "array", "items": listing}}}
    return schema


async def test_what_goes_over_the_wire_fits_the_specification() -> None:
    spec = operations()
    recording = Recording()
    async with bazaar(Shop(orders=80, returns=40, listings=40), transport=recording) as place, place.adapter() as adapter:
        await adapter.validate(place.ctx())
        listings = kept("listings", await pages_of(adapter, "listings", place.ctx()))
        await pages_of(adapter, "orders", place.ctx())
        await pages_of(adapter, "returns", place.ctx())
        lines = [StockLine(task_id=uuid4(), sku=fact.sku, quantity=2, attributes=fact.attributes) for fact in listings.values()]
        outcomes = [page async for page in adapter.push_inventory(place.ctx(), lines)]
    assert {outcome.state for page in outcomes for outcome in page.facts} == {"accepted", "refused"}
    assert _checked(recording, spec) == {
        ("POST", "/sellers/v3/shipments/filter"),
        ("GET", "/sellers/v3/shipments/filter"),
        ("GET", "/sellers/v3/shipments"),
        ("GET", "/sellers/v3/shipments/{shipmentIds}"),
        ("GET", "/sellers/v2/returns"),
        ("POST", "/sellers/listings/v3/search"),
        ("GET", "/sellers/listings/v3/{skuIds}"),
        ("POST", "/sellers/listings/v3/update/inventory"),
    }


def _checked(recording: Recording, spec: dict[tuple[str, str], Any]) -> set[tuple[str, str]]:
    """The operations that were called; each call and its answer fits its operation."""
    checked: set[tuple[str, str]] = set()
    for request, response in recording.exchanges:
        if request.url.path == "/oauth-service/oauth/token":
            continue  # no operation of the specification
        name = (request.method, template(request))
        operation = spec[name]
        checked.add(name)
        allowed = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
        own = {"offset", "page"} if name == ("GET", "/sellers/v2/returns") else set()  # the sandbox's own, inside nextUrl
        assert set(request.url.params) <= allowed | own
        if "requestBody" in operation:
            jsonschema.validate(msgspec.json.decode(request.content), schema_of(operation["requestBody"]["content"]))
        if "200" in operation["responses"]:
            jsonschema.validate(msgspec.json.decode(response.content), schema_of(operation["responses"]["200"]["content"]))
        elif request.headers["accept"] == "application/pdf":
            assert response.headers["content-type"] == "application/pdf"
    return checked


async def test_what_moves_parcels_on_fits_the_specification() -> None:
    spec = operations()
    recording = Recording()
    async with batch(3, lines=2, policy="zero", transport=recording) as one:
        one.stock[one.ready[0].parcels[0].lines[0].article.sku] = 0
        await one.until("manifest")
        assert one.held == {}
        assert one.place.world.desk.cancelled
    assert _checked(recording, spec) - {("GET", "/sellers/v3/shipments/filter")} == {
        ("POST", "/sellers/v3/shipments/filter"),
        ("GET", "/sellers/v3/shipments"),
        ("GET", "/sellers/v3/shipments/{shipmentIds}"),
        ("GET", "/sellers/listings/v3/{skuIds}"),
        ("POST", "/sellers/v3/shipments/cancel"),
        ("POST", "/sellers/v3/shipments/labels"),
        ("POST", "/sellers/v3/shipments/{shipmentIds}/labelOnly/pdf"),
        ("GET", "/sellers/v3/shipments/{shipmentIds}/invoices"),
        ("POST", "/sellers/v3/shipments/dispatch"),
        ("GET", "/sellers/v3/shipments/handover/counts"),
        ("POST", "/sellers/v3/shipments/manifest"),
    }


async def test_the_sandbox_refuses_what_breaks_the_rules() -> None:
    """A sandbox that takes everything proves nothing about what we send."""
    recording = Recording()
    async with bazaar(Shop(orders=30, returns=3, listings=12), transport=recording) as place:
        async with place.adapter() as adapter:
            await adapter.validate(place.ctx())
        bearer = next(
            request.headers["authorization"] for request, _ in recording.exchanges if request.headers["authorization"].startswith("Bearer")
        )
        good = {"authorization": bearer, "accept": "application/json", "content-type": "application/json"}
        search = {"filter": {"type": "preDispatch"}, "pagination": {"pageSize": 5}, "sort": {"field": "modifiedDate", "order": "asc"}}
        path = "/sellers/v3/shipments/filter"

        async def posted(body: Any, headers: dict[str, str] = good, to: str = path) -> int:
            return (await place.side.post(to, json=body, headers=headers)).status_code

        assert await posted(search) == 200
        assert await posted(search, {"authorization": "Bearer guessed", "accept": "application/json"}) == 401
        assert await posted(search, {"accept": "application/json"}) == 401
        assert await posted(search, {**good, "accept": "text/html"}) == 400
        assert await posted({**search, "pagination": {"pageSize": 21}}) == 400
        assert await posted({**search, "filter": {"type": "cancelled", "states": ["CANCELLED"]}}) == 400
        assert await posted({**search, "filter": {"type": "postDispatch"}}) == 400
        assert await posted({**search, "filter": {"type": "preDispatch", "states": ["SHIPPED"]}}) == 400
        assert await posted({**search, "filter": {"type": "preDispatch", "modified": {}}}) == 400
        assert await posted({f"SKU-{n}": {} for n in range(11)}, to="/sellers/listings/v3/update/inventory") == 400

        async def got(address: str) -> int:
            return (await place.side.get(address, headers=good)).status_code

        assert await got(f"{path}?next_token=made-up") == 400
        assert await got("/sellers/v3/shipments?orderIds=" + ",".join(str(n) for n in range(101))) == 400
        assert await got("/sellers/v3/shipments?orderIds=1&shipmentIds=2") == 400
        assert await got("/sellers/v3/shipments/nobody") == 404
        assert await got("/sellers/v2/returns?source=elsewhere") == 400
        assert await got("/sellers/v2/returns?source=customer_return&modifiedAfter=2026-01-01&modifiedBefore=2026-02-01") == 400
        assert await got("/sellers/listings/v3/" + ",".join(f"S{n}" for n in range(11))) == 400
        assert (await place.side.get("/oauth-service/oauth/token?grant_type=client_credentials&scope=Seller_Api")).status_code == 401


async def test_the_sandbox_refuses_what_breaks_the_rules_of_packing() -> None:
    recording = Recording()
    async with batch(2, transport=recording) as one:
        await one.until("manifest")
        sent = {request.url.path.rpartition("/")[2]: request for request, _ in recording.exchanges if request.method == "POST"}
        headers = {name: sent["labels"].headers[name] for name in ("authorization", "accept", "content-type")}
        pack, location = msgspec.json.decode(sent["labels"].content), one.place.world.shelves.locations[0]

        async def rows(path: str, body: Any) -> tuple[int, set[str]]:
            answer = await one.place.side.post(f"/sellers/v3/shipments/{path}", json=body, headers=headers)
            return answer.status_code, {row["errorCode"] for row in answer.json().get("shipments", [])}

        # Everything is packed and dispatched by now, so no row is taken a second time.
        assert await rows("labels", pack) == (200, {"INVALID_ITEM_STATE"})
        assert await rows("dispatch", msgspec.json.decode(sent["dispatch"].content)) == (200, {"ORDER_ITEM_NOT_PACKED"})
        assert await rows("dispatch", {"shipmentIds": ["nobody"], "locationId": location}) == (200, {"INVALID_SHIPMENTS"})
        assert (await rows("dispatch", {"shipmentIds": [str(n) for n in range(26)], "locationId": location}))[0] == 400
        assert (await rows("labels", {"shipments": []}))[0] == 400
        assert (await rows("cancel", {"shipments": [{"shipmentId": "x", "reason": "no_time"}]}))[0] == 400
        one.place.world.desk.make_ready(parcel for order in one.ready for parcel in order.parcels)
        pack["shipments"][0]["taxItems"][0]["taxRate"] += 1
        pack["shipments"][1]["taxItems"][0]["quantity"] += 1
        assert await rows("labels", pack) == (200, {"INVALID_REQUEST_TAX", "QUANTITY_MISMATCH_ERROR"})
        label = f"/sellers/v3/shipments/{pack['shipments'][0]['shipmentId']}/labelOnly/pdf"
        papers = {**headers, "accept": "application/pdf"}
        assert (await one.place.side.post(f"{label}?reprint=true", headers=papers)).status_code == 422
        assert (await one.place.side.post(label, headers=papers)).status_code == 422
        assert (await one.place.side.post(label, headers=headers)).status_code == 400
        assert (
            await one.place.side.get("/sellers/v3/shipments/handover/counts?locationId=LOCelsewhere", headers=headers)
        ).status_code == 400
