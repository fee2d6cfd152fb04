"""The live test of any marketplace tells each kind of data as it is tried, and shows a first proof that wrote nothing."""

import pytest

from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.contract import Check, Marketplace, Permission, ScheduleTarget
from portal.marketplaces.sandbox import Shop
from tests.contract.stalls import LIVE, SMALL, TINY, code_of, stall

pytestmark = pytest.mark.anyio

every_marketplace = pytest.mark.parametrize("place", LIVE, ids=code_of)
EMPTY = Shop(seed=5, orders=0, returns=0, payouts=0, listings=0)


@every_marketplace
async def test_a_proof_names_an_order_and_a_sku_that_exist_and_writes_nothing(place: Marketplace) -> None:
    async with stall(place, SMALL) as s:
        before = await s.ledger()
        async with s.open() as adapter:
            found = await adapter.validate(s.ctx())
        after = await s.ledger()
    proof = found.first_proof
    assert proof is not None
    assert proof.order.name in {row["external_order_id"] for row in before["orders"]}
    skus = {row["sku"] for row in before["listings"]} | {item["sku"] for row in before["orders"] for item in row["items"]}
    assert proof.sku.name in skus
    assert after == before
    if ScheduleTarget.INVENTORY in place.supported_targets:
        assert proof.stock.name == proof.sku.name
        assert "Nothing was sent." in proof.stock.line
        assert proof.call
    else:
        assert (proof.stock.name, proof.call) == ("", "")
        assert proof.stock.line.endswith(".")


@every_marketplace
async def test_a_proof_carries_nothing_of_a_buyer_and_no_secret(place: Marketplace) -> None:
    async with stall(place, TINY) as s:
        async with s.open() as adapter:
            shown = repr((await adapter.validate(s.ctx())).first_proof)
        assert [secret for secret in s.secrets if secret in shown] == []
    assert "buyer" not in shown.lower()


@every_marketplace
async def test_each_kind_of_data_is_told_as_soon_as_it_was_tried(place: Marketplace) -> None:
    told: list[Permission] = []
    lines: list[tuple[Check, int]] = []

    async def tried(permission: Permission) -> None:
        told.append(permission)

    async def checked(check: Check) -> None:
        lines.append((check, len(told)))

    async with stall(place, TINY) as s, s.open() as adapter:
        found = await adapter.validate(s.ctx(tried=tried, checked=checked))
    assert tuple(told) == found.permissions
    assert [check for check, _ in lines] == list(Check)
    assert dict(lines)[Check.REACHED] == 0, "signing in comes before any kind of data"
    assert dict(lines)[Check.PERMISSIONS] == len(told)


@every_marketplace
async def test_an_empty_shop_says_why_there_is_nothing_to_show(place: Marketplace) -> None:
    async with stall(place, EMPTY) as s, s.open() as adapter:
        proof = (await adapter.validate(s.ctx())).first_proof
    assert proof is not None
    for sample in (proof.order, proof.sku, proof.stock):
        assert sample.name == ""
        assert sample.line.endswith(".")
    assert proof.call == ""


async def test_a_door_that_takes_no_stock_says_so_instead_of_a_preview() -> None:
    place = next(one for one in LIVE if any(method.code == "portal_session" for method in one.methods))
    async with stall(place, SMALL) as s:
        method, known = place.method("portal_session"), sandbox_panel_keys(s.shop)
        keys = method.keys(**{name: known[name] for name in method.fields()})
        async with s.open(keys) as adapter:
            found = await adapter.validate(s.ctx())
    proof = found.first_proof
    assert proof is not None
    assert (proof.call, proof.stock.name) == ("", "")
    assert proof.stock.line == next(one.message for one in found.permissions if one.target == ScheduleTarget.INVENTORY)
