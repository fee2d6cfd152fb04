"""A whole batch through the portal: bad orders of every kind are held, the good ones leave, and decisions end the rest."""

from pathlib import Path
from typing import Any

import pytest

from portal.marketplaces.facts import Decision
from portal.marketplaces.flipkart.sandbox.goods import Order
from portal.marketplaces.flipkart.sandbox.shelves import Shelves
from portal.marketplaces.flipkart.stages import STAGES
from portal.postgres import Addresses
from portal.processing import held_orders
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.processing.floor import Floor, floor
from tests.processing.pipelines.flipkart import PIPELINE, agrees

pytestmark = pytest.mark.anyio


def spoil(works: Floor) -> dict[str, str]:
    """Five orders, bad in five ways; what each is to be held for."""
    desk = works.world.desk
    refused, stuck, unlabelled, untaxed, unmeasured = _lone_orders(works.world.shelves, 5)
    desk.rejects[refused.parcels[0].shipment_id] = "IMEI number is missing"
    desk.forms_fail.add(stuck.parcels[0].shipment_id)
    desk.unlabelled.add(unlabelled.parcels[0].shipment_id)
    works.world.shelves.offers[_sku(untaxed)].tax_code = "GST_TO_BE_SETTLED"
    works.world.shelves.offers[_sku(unmeasured)].size = None
    return {
        refused.order_id: "not_packed",
        stuck.order_id: "form_failed",
        unlabelled.order_id: "label_missing",
        untaxed.order_id: "tax_unknown",
        unmeasured.order_id: "size_unknown",
    }


def _sku(order: Order) -> str:
    return order.parcels[0].lines[0].article.sku


def _lone_orders(shelves: Shelves, count: int) -> list[Order]:
    """Orders of one article that nobody else ordered."""
    sold = [line.article.sku for order in shelves.orders for parcel in order.parcels for line in parcel.lines]
    plain = [order for order in shelves.orders if len(order.parcels) == 1 and len(order.parcels[0].lines) == 1]
    lone = [order for order in plain if sold.count(_sku(order)) == 1]
    assert len(lone) > count
    return lone[:count]


async def decide(works: Floor, order_id: str, decision: Decision, **corrections: str) -> None:
    row: Any = (await works.rows("SELECT id FROM batch_orders WHERE external_order_id = $1", order_id))[0]
    await held_orders.decide(works.seller, row["id"], decision, corrections, by="Asha")


async def test_forty_good_orders_leave_and_six_bad_ones_wait(connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=46) as works:
        bad = spoil(works)
        short = _lone_orders(works.world.shelves, 6)[5]
        await works.stock(**{_sku(short): 0})
        bad[short.order_id] = "stock_short"
        run = await works.through()
        assert (run.state, run.partial_reason) == (RunState.PARTIAL, "6 orders are held and wait for your decision.")
        assert await works.stages() == {stage.code: "done" for stage in STAGES}
        assert len([row for row in (await works.orders()).values() if row["state"] == "done"]) == 40
        await agrees(works, bad)

        desk = works.world.desk
        desk.rejects.clear()
        desk.unlabelled.clear()
        codes = {code: order_id for order_id, code in bad.items()}
        await decide(works, codes["stock_short"], Decision.DROP)
        await decide(works, codes["not_packed"], Decision.RETRY)
        await decide(works, codes["label_missing"], Decision.RETRY)
        await decide(works, codes["form_failed"], Decision.DROP)
        await decide(works, codes["tax_unknown"], Decision.CORRECT, tax_rate=str(_rate(works, codes["tax_unknown"])))
        await decide(works, codes["size_unknown"], Decision.CORRECT, length="30", breadth="20", height="4.5", weight="0.35")
        assert (await works.through()).state == RunState.SUCCEEDED
        assert desk.cancelled == {line.item_id: 1 for code in ("stock_short", "form_failed") for line in _lines(works, codes[code])}
        await agrees(works, {})


def _lines(works: Floor, order_id: str) -> list[Any]:
    return list(works.world.shelves.by_order[order_id].parcels[0].lines)


def _rate(works: Floor, order_id: str) -> int:
    rate: int = _lines(works, order_id)[0].article.gst
    return rate
