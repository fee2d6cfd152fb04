"""The sandbox is as strict as a marketplace that trusts nobody, and the same seed is the same shop."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from portal.marketplaces.meesho import MARKETPLACE
from portal.marketplaces.meesho.sandbox import EXPRESSES
from portal.marketplaces.meesho.signing import HMAC_SHA256_V1, signed_headers
from portal.marketplaces.sandbox import Fault, Shop
from portal.sandboxes import bazaar
from tests.marketplaces.meesho.shopping import SHOP, Sandboxed, facts_of, sandboxed
from tests.serving import served

pytestmark = pytest.mark.anyio

SINCE = "updated_from=2026-10-01T00:00:00%2B00:00"


async def asked(
    shop: Sandboxed,
    target: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    late: timedelta = timedelta(),
    nonce: str = "",
    **changed: str | None,
) -> httpx.Response:
    """The answer to a well-signed request, with some headers changed or (None) left out after signing."""
    headers: dict[str, Any] = signed_headers(
        HMAC_SHA256_V1,
        shop.keys,
        method=method,
        target=target,
        body=body,
        moment=datetime.now(UTC) - late,
        nonce=nonce or str(uuid4()),
    )
    for name, value in changed.items():
        header = name.replace("_", "-")
        headers = {given: kept for given, kept in headers.items() if given.lower() != header}
        if value is not None:
            headers[header] = value
    async with httpx.AsyncClient(verify=False) as browser:
        return await browser.request(method, f"{shop.base}{target}", content=body, headers=headers)


def code(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])


@pytest.mark.parametrize("target", ["/v2/supplier", f"/v2/orders?{SINCE}", "/v2/returns?type=rto", "/v2/payments", "/v2/requests/req-1"])
async def test_nothing_is_read_without_a_signature(shop: Sandboxed, target: str) -> None:
    async with httpx.AsyncClient(verify=False) as browser:
        response = await browser.get(f"{shop.base}{target}")

    assert response.status_code == 401
    assert "data" not in response.json()


@pytest.mark.parametrize(
    ("how", "refused"),
    [
        ({"x_signature": "00" * 32}, "SIGNATURE_MISMATCH"),
        ({"x_api_key": "sandbox-key-of-somebody"}, "INVALID_API_KEY"),
        ({"x_supplier_id": "other"}, "SUPPLIER_NOT_ENABLED"),
        ({"x_nonce": None}, "MISSING_HEADER"),
        ({"x_api_version": "1"}, "VERSION_NOT_SUPPORTED"),
        ({"late": timedelta(seconds=302)}, "TIMESTAMP_OUT_OF_RANGE"),
        ({"late": timedelta(seconds=-302)}, "TIMESTAMP_OUT_OF_RANGE"),
        ({"nonce": "not-a-uuid"}, "NONCE_MALFORMED"),
    ],
)
async def test_each_header_is_checked(shop: Sandboxed, how: dict[str, Any], refused: str) -> None:
    assert code(await asked(shop, "/v2/supplier", **how)) == refused


async def test_a_nonce_counts_once(shop: Sandboxed) -> None:
    nonce = str(uuid4())

    assert (await asked(shop, "/v2/supplier", nonce=nonce)).status_code == 200
    assert code(await asked(shop, "/v2/supplier", nonce=nonce)) == "NONCE_REUSED"


async def test_an_altered_body_or_query_is_noticed(shop: Sandboxed) -> None:
    """A signature over other bytes opens nothing: here the signed target is not the one that is called."""
    headers = signed_headers(
        HMAC_SHA256_V1, shop.keys, method="GET", target="/v2/supplier", body=b"", moment=datetime.now(UTC), nonce=str(uuid4())
    )
    async with httpx.AsyncClient(verify=False) as browser:
        assert code(await browser.get(f"{shop.base}/v2/supplier?a=1", headers=headers)) == "SIGNATURE_MISMATCH"


@pytest.mark.parametrize(
    "target",
    [
        "/v2/orders",
        "/v2/orders?updated_from=yesterday",
        "/v2/orders?updated_from=2026-10-01T00:00:00",
        f"/v2/orders?{SINCE}&limit=51",
        f"/v2/orders?{SINCE}&limit=0",
        f"/v2/orders?{SINCE}&cursor=bm90IG91cnM%3D",
        f"/v2/orders?{SINCE}&page=2",
        f"/v2/returns?{SINCE}",
        "/v2/payments?paid_from=2026-11-31",
        "/v2/payments?paid_from=2026-11-01&limit=101",
    ],
)
async def test_a_wrong_question_is_refused(shop: Sandboxed, target: str) -> None:
    response = await asked(shop, target)

    assert (response.status_code, code(response)) == (422, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"location_id":"LOC0001","items":[]}',
        b'{"location_id":"LOC9","items":[{"sku":"A","quantity":1}]}',
        b'{"location_id":"LOC0001","items":[{"sku":"A","quantity":1},{"sku":"A","quantity":2}]}',
        b'{"location_id":"LOC0001","items":[{"sku":"A","quantity":-1}]}',
        b'{"location_id":"LOC0001","items":[{"sku":"A","quantity":1,"colour":"red"}]}',
    ],
)
async def test_a_wrong_stock_call_changes_nothing(shop: Sandboxed, body: bytes) -> None:
    before = await shop.ledger("listings")

    response = await asked(shop, "/v2/inventory", method="POST", body=body, idempotency_key=str(uuid4()))

    assert response.status_code == 422
    assert await shop.ledger("listings") == before


async def test_a_write_needs_an_idempotency_key(shop: Sandboxed) -> None:
    body = b'{"location_id":"LOC0001","items":[{"sku":"A","quantity":1}]}'

    assert (await asked(shop, "/v2/inventory", method="POST", body=body)).status_code == 422

    named = str(uuid4())
    assert (await asked(shop, "/v2/inventory", method="POST", body=body, idempotency_key=named)).status_code == 200
    other = body.replace(b"1}", b"2}")
    assert (await asked(shop, "/v2/inventory", method="POST", body=other, idempotency_key=named)).status_code == 409


async def test_the_same_seed_is_the_same_shop() -> None:
    kinds = ("orders", "returns", "payouts", "listings")
    async with sandboxed() as first, sandboxed() as again, sandboxed(Shop(seed=2, orders=320)) as other:
        for kind in kinds:
            assert await first.ledger(kind) == await again.ledger(kind)
            assert await first.ledger(kind) != await other.ledger(kind)
            assert await first.ledger(kind)


async def test_payouts_of_the_sandbox_add_up(shop: Sandboxed) -> None:
    """What the seeded Meesho says it paid is the sum of its lines, so a difference on a page is ours."""
    for payout in await shop.ledger("payouts"):
        assert sum(Decimal(line["amount"]) for line in payout["lines"]) == Decimal(payout["net_amount"])
        assert {"sale", "fee", "fee_tax", "tcs", "tds"} <= {line["kind"] for line in payout["lines"]}


async def test_it_works_among_other_sandboxes_under_a_prefix() -> None:
    """The runner mounts each sandbox below its slug; signatures are over the path as sent."""
    async with served(bazaar([MARKETPLACE], shop=SHOP)) as base:
        shop = Sandboxed(base=f"{base}/meesho")
        async with shop.adapter() as adapter:
            pages = [page async for page in adapter.sync_orders(shop.context())]

    assert len(facts_of(pages)) == SHOP.orders


def test_only_a_pass_that_expires_cannot_be_expressed() -> None:
    assert set(Fault) - EXPRESSES == {Fault.EXPIRED_TOKEN}


def test_settings_for_the_sandbox_are_meeshos_own() -> None:
    assert MARKETPLACE.sandbox_settings is not None
    settings = MARKETPLACE.sandbox_settings("http://127.0.0.1:8100/meesho")

    assert settings["PORTAL_MEESHO_URL"] == "http://127.0.0.1:8100/meesho"
    assert all(name.startswith("PORTAL_MEESHO_") for name in settings)


async def processed(shop: Sandboxed) -> dict[str, Any]:
    async with httpx.AsyncClient(verify=False) as browser:
        found: dict[str, Any] = (await browser.get(f"{shop.base}/_sandbox/processing")).json()
        return found


WRITES = {
    "/v2/orders/accept": b'{"sub_orders":[{"sub_order_num":"%s","location_id":"LOC0001"}]}',
    "/v2/orders/cancel": b'{"sub_orders":[{"sub_order_num":"%s","reason_code":"SUPPLIER_CANNOT_FULFIL"}]}',
    "/v2/labels": b'{"sub_order_nums":["%s"]}',
    "/v2/manifests": b'{"location_id":"LOC0001","carrier":"Valmo","sub_order_nums":["%s"]}',
}


async def some_pending(shop: Sandboxed) -> bytes:
    orders = await shop.ledger("orders")
    return str(next(order["external_order_id"] for order in orders if order["status"] == "open")).encode()


@pytest.mark.parametrize("path", WRITES)
async def test_nothing_is_processed_without_a_signature_or_a_key(shop: Sandboxed, path: str) -> None:
    body = WRITES[path] % await some_pending(shop)
    async with httpx.AsyncClient(verify=False) as browser:
        assert (await browser.post(f"{shop.base}{path}", content=body)).status_code == 401
    assert code(await asked(shop, path, method="POST", body=body)) == "VALIDATION_FAILED"
    assert not any((await processed(shop)).values())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/orders/accept", b'{"sub_orders":[]}'),
        ("/v2/orders/accept", b'{"sub_orders":[{"sub_order_num":"1","location_id":"LOC0001"}]}'),
        ("/v2/orders/accept", b'{"sub_orders":[{"sub_order_num":"1"}]}'),
        ("/v2/orders/cancel", b'{"sub_orders":[{"sub_order_num":"1"}]}'),
        ("/v2/labels", b'{"sub_order_nums":["1"],"format":"A4"}'),
        ("/v2/labels", msgspec.json.encode({"sub_order_nums": ["1"] * 101})),
        ("/v2/manifests", b'{"location_id":"LOC9","carrier":"Valmo","sub_order_nums":["1"]}'),
        ("/v2/manifests", b'{"location_id":"LOC0001","carrier":"Valmo","sub_order_nums":["1"]}'),
    ],
)
async def test_a_wrong_call_processes_nothing(shop: Sandboxed, path: str, body: bytes) -> None:
    assert code(await asked(shop, path, method="POST", body=body, idempotency_key=str(uuid4()))) == "VALIDATION_FAILED"
    assert not any((await processed(shop)).values())


async def test_acceptance_is_worked_off_behind_the_callers_back(shop: Sandboxed) -> None:
    """The same key is the same request; another one for what is in hand or done is no second acceptance."""
    pending = await some_pending(shop)
    body, key = WRITES["/v2/orders/accept"] % pending, str(uuid4())
    request = (await asked(shop, "/v2/orders/accept", method="POST", body=body, idempotency_key=key)).json()["data"]["request_id"]
    again = await asked(shop, "/v2/orders/accept", method="POST", body=body, idempotency_key=key)
    other = (await asked(shop, "/v2/orders/accept", method="POST", body=body, idempotency_key=str(uuid4()))).json()["data"]["request_id"]

    states = [(await asked(shop, f"/v2/requests/{request}")).json()["data"]["status"] for _ in range(2)]
    await asked(shop, f"/v2/requests/{other}")
    refused = (await asked(shop, f"/v2/requests/{other}")).json()["data"]["results"]

    assert again.json()["data"]["request_id"] == request
    assert states == ["PROCESSING", "PROCESSED"]
    assert [result["error_code"] for result in refused] == ["INVALID_STATE"]
    assert (await processed(shop))["accepted"] == {pending.decode(): 1}


async def test_orders_of_one_status_are_listed_alone(shop: Sandboxed) -> None:
    rows = (await asked(shop, f"/v2/orders?limit=50&status=PENDING&{SINCE}")).json()["data"]

    assert rows
    assert {row["status"] for row in rows} == {"PENDING"}


async def test_a_file_opens_only_for_who_has_its_link(shop: Sandboxed) -> None:
    async with httpx.AsyncClient(verify=False) as browser:
        assert (await browser.get(f"{shop.base}/files/labels/1_1.pdf")).status_code == 404
        assert (await browser.get(f"{shop.base}/files/labels/1_1.pdf?until=9999999999&pass={'0' * 32}")).status_code == 404
