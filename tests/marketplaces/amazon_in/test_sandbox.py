"""What the sandbox guarantees to those who rely on it: strictness, stability, and any address it is mounted at."""

from typing import Any

import httpx
import pytest

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID
from portal.marketplaces.amazon_in.sandbox import sandbox, sandbox_keys
from portal.marketplaces.sandbox import Shop
from tests.marketplaces.amazon_in.bench import Bench, running
from tests.serving import served

pytestmark = pytest.mark.anyio

SHOP = Shop(orders=120, listings=20, returns=6, payouts=2)
ORDERS = "/orders/2026-01-01/orders"


class Mounted:
    """The sandbox below a prefix, as ASGI describes it: `path` keeps the prefix, `root_path` names it."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._app: Any = sandbox(SHOP)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert scope["path"].startswith(self._prefix)
            scope["root_path"] = self._prefix
        await self._app(scope, receive, send)


async def signed_in(bench: Bench) -> dict[str, str]:
    keys = sandbox_keys(SHOP)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": keys["refresh_token"],
        "client_id": keys["lwa_client_id"],
        "client_secret": keys["lwa_client_secret"],
    }
    answer = await bench.http.post(f"{bench.base}/auth/o2/token", data=form)
    return {
        "x-amz-access-token": answer.json()["access_token"],
        "x-amz-date": "20261120T063000Z",
        "user-agent": "Test/1 (Language=Python/3.11)",
    }


async def test_below_a_prefix_everything_works_documents_included() -> None:
    async with served(Mounted("/amazon")) as base, httpx.AsyncClient(trust_env=False, verify=False) as http:
        bench = Bench(SHOP, f"{base}/amazon", http)
        async with bench.adapter() as adapter:
            assert (await adapter.validate(bench.ctx())).external_account_id
            assert sum([len(page.facts) async for page in adapter.sync_orders(bench.ctx())]) == 120
            assert sum([len(page.facts) async for page in adapter.sync_payouts(bench.ctx())]) == 2
            assert sum([len(page.facts) async for page in adapter.sync_returns(bench.ctx())]) == 6


@pytest.mark.parametrize(
    "path",
    [
        ORDERS,
        "/sellers/v1/marketplaceParticipations",
        "/listings/2021-08-01/items/A1",
        "/reports/2021-06-30/reports",
        "/reports/2021-06-30/reports/1",
        "/reports/2021-06-30/documents/1",
        "/feeds/2021-06-30/feeds",
        "/feeds/2021-06-30/documents/1",
        "/no/such/path",
        "/_documents/guessed",
    ],
)
async def test_nothing_is_read_without_a_pass(path: str) -> None:
    async with running(SHOP) as bench:
        for headers in ({}, {"x-amz-access-token": "Atza|guessed"}):
            answer = await bench.http.get(f"{bench.base}{path}", headers=headers)
            assert answer.status_code == 403
            assert "403-" not in answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"lastUpdatedAfter": "2026-11-01T00:00:00Z"}, 200),
        ({}, 400),
        ({"lastUpdatedAfter": "2026-11-01T00:00:00Z", "createdAfter": "2026-11-01T00:00:00Z"}, 400),
        ({"lastUpdatedAfter": "2026-11-01"}, 400),
        ({"lastUpdatedAfter": "2026-11-01T00:00:00Z", "lastUpdatedBefore": "2099-01-01T00:00:00Z"}, 400),
        ({"lastUpdatedAfter": "2026-11-01T00:00:00Z", "maxResultsPerPage": "101"}, 400),
        ({"lastUpdatedAfter": "2026-11-01T00:00:00Z", "includedData": "EVERYTHING"}, 400),
        ({"lastUpdatedAfter": "2026-11-01T00:00:00Z", "paginationToken": "guessed"}, 400),
        ({"lastUpdatedAfter": "2026-11-01T00:00:00Z", "pageSize": "10"}, 400),
        ({"lastUpdatedAfter": "2010-11-01T00:00:00Z"}, 400),
    ],
)
async def test_searching_orders_follows_the_models_rules(query: dict[str, str], status: int) -> None:
    async with running(SHOP) as bench:
        headers = await signed_in(bench)
        answer = await bench.http.get(f"{bench.base}{ORDERS}", params={"marketplaceIds": MARKETPLACE_ID, **query}, headers=headers)
        assert answer.status_code == status, answer.text


async def test_a_page_token_belongs_to_its_query() -> None:
    async with running(SHOP) as bench:
        headers = await signed_in(bench)
        query = {"marketplaceIds": MARKETPLACE_ID, "lastUpdatedAfter": "2026-11-01T00:00:00Z", "maxResultsPerPage": "5"}
        first = (await bench.http.get(f"{bench.base}{ORDERS}", params=query, headers=headers)).json()
        token = {"paginationToken": first["pagination"]["nextToken"]}
        again = await bench.http.get(f"{bench.base}{ORDERS}", params={**query, **token, "maxResultsPerPage": "7"}, headers=headers)
        assert again.status_code == 200
        other = await bench.http.get(
            f"{bench.base}{ORDERS}", params={**query, **token, "lastUpdatedAfter": "2026-11-02T00:00:00Z"}, headers=headers
        )
        assert other.status_code == 400


@pytest.mark.parametrize("header", ["user-agent", "x-amz-date"])
async def test_documented_headers_are_demanded(header: str) -> None:
    async with running(SHOP) as bench:
        headers = {**await signed_in(bench), header: "none"}
        query = {"marketplaceIds": MARKETPLACE_ID, "lastUpdatedAfter": "2026-11-01T00:00:00Z"}
        assert (await bench.http.get(f"{bench.base}{ORDERS}", params=query, headers=headers)).status_code == 400


async def test_settlements_cannot_be_requested() -> None:
    async with running(SHOP) as bench:
        asked = {"reportType": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", "marketplaceIds": [MARKETPLACE_ID]}
        answer = await bench.http.post(f"{bench.base}/reports/2021-06-30/reports", json=asked, headers=await signed_in(bench))
        assert "1118 is not allowed" in answer.text


async def test_the_same_seed_is_the_same_shop_and_another_is_not() -> None:
    async with running(SHOP) as one, running(SHOP) as same, running(Shop(seed=2, orders=120)) as other:
        assert await one.ledger() == await same.ledger()
        ours = {row["external_order_id"] for row in (await one.ledger())["orders"]}
        assert not ours & {row["external_order_id"] for row in (await other.ledger())["orders"]}
