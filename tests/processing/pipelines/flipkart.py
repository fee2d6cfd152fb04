"""Flipkart's pipeline: ten stages, orders in one parcel or two, three couriers, and books kept by the sandbox's desk."""

from collections.abc import Iterable, Mapping

from portal.marketplaces.flipkart import MARKETPLACE
from portal.marketplaces.flipkart.sandbox import counter as counters
from portal.marketplaces.flipkart.sandbox.goods import Order, Parcel
from tests.processing.floor import Floor, Pipeline
from tests.processing.papers import Paper, copies, counted


def _ready(world: counters.Counter) -> None:
    """Every parcel may be packed, and is as soon as it is asked for."""
    world.desk.pack_s = 0.0
    _approve(world, world.shelves.orders)


def _approve(world: counters.Counter, orders: Iterable[Order]) -> None:
    world.desk.make_ready(parcel for order in orders for parcel in order.parcels)


def _add(world: counters.Counter, count: int) -> None:
    _approve(world, world.shelves.bring(count))


def parcels_of(world: counters.Counter, order_id: str) -> list[Parcel]:
    """The order's parcels of which something is left."""
    return [parcel for parcel in world.shelves.by_order[order_id].parcels if parcel.live]


async def agrees(works: Floor, held: Mapping[str, str]) -> None:
    """Each parcel of an order that went through was packed and dispatched exactly once, and has its own label, invoice and manifest."""
    world: counters.Counter = works.world
    desk, orders = world.desk, await works.orders()
    through = {order_id for order_id, row in orders.items() if row["state"] == "done"}
    assert {order_id: row["held_code"] for order_id, row in orders.items() if row["state"] == "held"} == dict(held)
    assert orders.keys() - through - held.keys() == {order_id for order_id, row in orders.items() if row["state"] == "gone"}
    parcels = {parcel.shipment_id: parcel for order_id in through for parcel in parcels_of(world, order_id)}
    assert {parcel.state for parcel in parcels.values()} <= {"READY_TO_DISPATCH"}
    assert desk.dispatched == dict.fromkeys(parcels, 1)
    assert set(desk.packed.values()) <= {1}
    assert set(desk.cancelled.values()) <= {1}
    assert parcels.keys() <= desk.packed.keys()
    for shipment_id, parcel in parcels.items():
        assert desk.quantities[shipment_id] == {line.item_id: line.quantity for line in parcel.live}
    papers = await copies(works)
    manifests = {(row["batch_id"], row["number"]): content for row, content in papers if row["kind"] == "manifest"}
    issued = [paper for parcel in parcels.values() for paper in issued_for(parcel)]
    issued += [Paper("", "manifest", number) for _, number in manifests]
    counted(papers, issued, besides=orders.keys() - through)
    assert all(row["number"].encode() in content for row, content in papers if row["external_order_id"])
    for order_id in through:
        named = [(orders[order_id]["batch_id"], number) for number in orders[order_id]["marks"]["manifest"].split(", ")]
        for parcel in parcels_of(world, order_id):
            assert any(parcel.awb.encode() in manifests[manifest] for manifest in named), (order_id, named)


def issued_for(parcel: Parcel) -> list[Paper]:
    """What Flipkart issues for one parcel."""
    order_id = parcel.order.order_id
    return [Paper(order_id, "label", parcel.awb), Paper(order_id, "customer_invoice", parcel.invoice)]


PIPELINE = Pipeline(
    place=MARKETPLACE,
    shop_id=lambda values: values["app_id"],
    skus=lambda world: sorted({offer.article.sku for offer in world.shelves.offers.values()}),
    add=_add,
    agrees=agrees,
    lost=("shipments.pack", "shipments.dispatch"),
    ready=_ready,
    settings={"RATE": "1000000"},
)
