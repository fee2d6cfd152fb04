"""The sandbox is as strict as the marketplace it stands for."""

import io
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar, asgi
from openpyxl import Workbook

from portal.marketplaces.ajio import MARKETPLACE
from portal.marketplaces.ajio.sandbox import sandbox, sandbox_keys, sandbox_panel_keys, sandbox_settings
from portal.marketplaces.ajio.sandbox.panel_desk import CONFIRMATION
from portal.marketplaces.ajio.session import cookies_of
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Shop, demo_shop
from tests.marketplaces.ajio.stand import ACCOUNT, SHOP, facts, pages, stand
from tests.serving import served

pytestmark = pytest.mark.anyio

LISTS = ("/ds/portal/orders/pendency", "/ds/portal/orders", "/ds/portal/return", "/ds/portal/products")
PAGE = {"pageNumber": "0", "pageSize": "50", "orderIds": "FN1"}


async def signed_in(client: httpx.AsyncClient) -> dict[str, str]:
    keys = sandbox_keys(SHOP)
    answer = await client.post("/authToken", json={"username": keys["pob_id"], "password": keys["api_password"]})
    return {"apiKey": answer.json()["result"]["accessToken"]}


@pytest.mark.parametrize("headers", [{}, {"apiKey": ""}, {"apiKey": "sandbox.guess.pass"}, {"Authorization": "Bearer x"}])
async def test_nothing_is_read_without_the_newest_pass(headers: dict[str, str]) -> None:
    async with stand() as here, httpx.AsyncClient(base_url=here.base, verify=False) as client:
        for path in LISTS:
            assert (await client.get(path, params=PAGE, headers=headers)).status_code == 401
        assert (await client.post("/ds/portal/updateInventory", json={}, headers=headers)).status_code == 401
        first = await signed_in(client)
        await signed_in(client)
        assert (await client.get(LISTS[0], params=PAGE, headers=first)).status_code == 401


@pytest.mark.parametrize("params", [{}, {"pageNumber": "0"}, {"pageNumber": "0", "pageSize": "51"}, {"pageNumber": "-1", "pageSize": "5"}])
async def test_page_rules_are_checked(params: dict[str, str]) -> None:
    async with stand() as here, httpx.AsyncClient(base_url=here.base, verify=False) as client:
        assert (await client.get(LISTS[0], params=params, headers=await signed_in(client))).status_code == 400


async def test_stock_updates_are_checked() -> None:
    line = {"productId": "P", "variantId": "V", "inventory": 1, "hsnCode": "1"}
    async with stand() as here, httpx.AsyncClient(base_url=here.base, verify=False) as client:
        headers = await signed_in(client)
        bodies: tuple[dict[str, Any], ...] = (
            {},
            {"inventoryList": []},
            {"inventoryList": [line] * 51},
            {"inventoryList": [line | {"inventory": "many"}]},
        )
        for body in bodies:
            assert (await client.post("/ds/portal/updateInventory", json=body, headers=headers)).status_code == 400


async def test_the_panel_wants_session_tenant_and_days() -> None:
    values = sandbox_panel_keys(SHOP)
    cookie = "; ".join(f"{one.name}={one.value}" for one in cookies_of(values["session_cookies"]))
    good = {"Cookie": cookie, "Authorization": f"Bearer {values['access_token']}", "X-Tenant": "AJIO", "Accept": "application/json"}
    days = {"page": "0", "size": "10", "from": "2026-11-01", "to": "2026-11-20", "pobIds": "DVSANDBOX003"}
    path = "/malekith/vision/v1/dropship/order/report"
    async with stand() as here, httpx.AsyncClient(base_url=here.base, verify=False) as client:

        async def answer(headers: dict[str, str] = good, **changed: str) -> httpx.Response:
            return await client.get(path, params=days | changed, headers=headers)

        assert (await answer()).json()["result"]["orderList"]
        assert (await answer({**good, "Cookie": "a=b; c=d; e=f"})).headers["location"].startswith("https://sellers.relianceretail.com/")
        assert (await answer({**good, "Authorization": "Bearer x"})).json() == {"success": False, "errorMessage": "Invalid token"}
        assert (await answer({**good, "X-Tenant": "OTHER"})).status_code == 400
        assert (await answer(to=str(date(2026, 11, 1) + timedelta(days=90)))).status_code == 400
        assert (await answer(size="2001")).status_code == 400
        assert (await answer(pobIds="DVOTHER")).json()["result"]["orderList"] == []


async def test_it_works_below_a_prefix() -> None:
    shop = Shop(orders=5)
    app = Litestar(route_handlers=[asgi("/ajio", is_mount=True, copy_scope=False)(sandbox(shop))], openapi_config=None)
    async with served(app) as base:
        named = {name.removeprefix("PORTAL_AJIO_"): value for name, value in sandbox_settings(f"{base}/ajio").items()}
        keys = MARKETPLACE.method().keys(**{name: one for name, one in sandbox_keys(shop).items() if name != "method"})
        assert MARKETPLACE.open is not None
        async with stand(shop) as here, MARKETPLACE.open(Outside(settings=named, allow_private=True), ACCOUNT, keys) as adapter:
            assert len(facts(await pages(adapter, "orders", here.ctx()))) == 5


async def test_the_same_seed_gives_the_same_books_and_new_orders_come_later() -> None:
    async with stand() as one, stand() as other:
        assert await one.ledger() == await other.ledger()
        await one.add(orders=3)
        grown: list[Any] = (await one.ledger())["orders"]
        assert grown[:-3] == (await other.ledger())["orders"]
        assert all(order["placed_at"] > "2026-11-20T06:30:00" for order in grown[-3:])


async def test_the_demonstration_has_two_pobs_and_its_desk_takes_sheets_of_both() -> None:
    shop = replace(demo_shop(MARKETPLACE.demo_locations), orders=6)
    async with stand(shop) as here:
        assert len(here.world.pobs) == 2
        for pob in here.world.pobs.values():
            order = next(one for one in pob.sold if one.state == "NEW")
            sheet = Workbook()
            sheet.worksheets[0].append(CONFIRMATION)
            for line in order.lines:
                named = (order.order_id, line.item_code, line.article.sku)
                sheet.worksheets[0].append((f"upload-{pob.pob_id}", *named, line.pieces, line.pieces, "CONFIRM"))
            written = io.BytesIO()
            sheet.save(written)
            async with httpx.AsyncClient(base_url=here.base, cookies={"vms_session": here.world.panel_cookie}) as panel:
                answer = await panel.post("/vmsui/orders/confirmation", files={"sheet": ("sheet.xlsx", written.getvalue())})
            assert answer.status_code == 200, answer.text
            assert order.state != "NEW"
