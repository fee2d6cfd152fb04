"""Several sandboxes behind one port, over real HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from litestar import Litestar, Request, get
from litestar.datastructures import State
from litestar.params import FromPath

from portal.marketplaces.contract import Marketplace
from portal.marketplaces.sandbox import Faults, Shop, fault_routes
from portal.sandboxes import bazaar
from tests.serving import served

pytestmark = pytest.mark.anyio

open_stalls: list[str] = []


def stall(name: str) -> Litestar:
    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        open_stalls.append(name)
        yield
        open_stalls.remove(name)

    @get("/orders/{number:str}")
    async def order(request: Request[None, None, State], number: FromPath[str]) -> dict[str, str]:
        return {"stall": name, "path": request.scope["path"], "number": number, "next": f"{request.base_url}orders/2"}

    return Litestar([order, *fault_routes(Faults())], lifespan=[life], openapi_config=None)


def place(slug: str) -> Marketplace:
    return Marketplace(code=slug.upper(), name=slug.title(), slug=slug, source="", sandbox=lambda _: stall(slug))


async def test_each_sees_its_own_paths() -> None:
    async with served(bazaar([place("one"), place("two")])) as base, httpx.AsyncClient(base_url=base, verify=False) as client:
        for slug in ("one", "two"):
            for number in ("7", slug):
                answer = (await client.get(f"/{slug}/orders/{number}")).json()
                assert (answer["stall"], answer["path"], answer["number"]) == (slug, f"/orders/{number}", number)
                assert (await client.get(answer["next"])).json()["number"] == "2"
            assert (await client.get(f"/{slug}/nothing")).status_code == 404


async def test_faults_of_one_stay_its_own() -> None:
    async with served(bazaar([place("one"), place("two")])) as base, httpx.AsyncClient(base_url=base, verify=False) as client:
        assert (await client.post("/one/_sandbox/faults", json=[{"fault": "outage"}])).status_code == 204
        assert (await client.get("/two/_sandbox/calls")).json() == []


async def test_the_root_lists_them_and_the_rest_is_nowhere() -> None:
    async with served(bazaar([place("one"), place("two")])) as base, httpx.AsyncClient(base_url=base, verify=False) as client:
        assert (await client.get("/")).text == "one\ntwo\n"
        assert (await client.get("/three/orders/7")).status_code == 404
        assert (await client.get("/orders/7")).status_code == 404


async def test_each_gets_its_start_and_its_end() -> None:
    async with served(bazaar([place("one"), place("two")])):
        assert open_stalls == ["one", "two"]
    assert open_stalls == []


async def test_no_marketplaces_at_all() -> None:
    scaffolded = Marketplace(code="NEW", name="New", slug="new", source="", status="scaffolded")
    for places in ([], [scaffolded]):
        async with served(bazaar(places)) as base, httpx.AsyncClient(base_url=base, verify=False) as client:
            answer = await client.get("/")
            assert (answer.status_code, answer.text) == (200, "")


async def test_one_shop_for_all() -> None:
    seen: list[Shop] = []

    def watching(shop: Shop) -> Litestar:
        seen.append(shop)
        return stall("one")

    bazaar([Marketplace(code=slug, name="", slug=slug, source="", sandbox=watching) for slug in ("a", "b")], shop=Shop(seed=7))
    assert seen == [Shop(seed=7), Shop(seed=7)]
