"""AJIO's pipeline: eleven stages over the partner API, two carriers, and books kept by the sandbox's desk."""

import hashlib
from collections.abc import Mapping

from portal.marketplaces.ajio import MARKETPLACE
from portal.marketplaces.ajio.sandbox.world import World
from tests.processing.floor import Floor, Pipeline

MAIN, OTHER = "Delhivery", "Xpressbees"
PAPERS = {"label", "vendor_invoice", "customer_invoice"}


def two_carriers(world: World, others: int) -> None:
    """The last `others` orders go with another carrier than all before."""
    for position, order in enumerate(world.sold):
        order.carrier = OTHER if position >= len(world.sold) - others else MAIN


def _ready(world: World) -> None:
    """Nobody is kept on hold, and a quarter of the parcels go with another carrier."""
    world.desk.hold_s = 0.0
    two_carriers(world, len(world.sold) // 4)


async def agrees(works: Floor, held: Mapping[str, str]) -> None:
    """The books agree, and our manifests have the marketplace's numbers."""
    ours = await taken_once(works, held)
    desk = works.world.desk
    assert {number: parcels for (_, number), parcels in ours.items()} == {
        number: set(parcels) for number, parcels in desk.manifests.items()
    }


async def taken_once(works: Floor, held: Mapping[str, str]) -> dict[tuple[str, str], set[str]]:
    """Each order that went through was taken by the marketplace exactly once at every step, with the pieces we promised.

    Answers the parcels by the batch and the manifest that we have them on.
    """
    desk, orders = works.world.desk, await works.orders()
    through = {order_id for order_id, row in orders.items() if row["state"] == "done"}
    assert orders.keys() - through == held.keys()
    for book in (desk.confirmed, desk.invoiced, desk.dispatched):
        assert book == dict.fromkeys(through, 1)
    assert set(desk.accepted.values()) == {1}
    papers = await works.rows("SELECT batch_id, external_order_id, kind, number, key, size, sha256 FROM documents")
    for order_id in through:
        assert sorted(row["kind"] for row in papers if row["external_order_id"] == order_id) == sorted(PAPERS)
        assert desk.quantities[order_id] == {line.item_id: line.pieces for line in works.world.by_id[order_id].lines}
    for row in papers:
        content = await works.files.read(row["key"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["size"], row["sha256"])
        assert row["number"].encode() in content
    ours: dict[tuple[str, str], set[str]] = {}
    for order_id in through:
        ours.setdefault((str(orders[order_id]["batch_id"]), orders[order_id]["marks"]["manifest"]), set()).add(order_id)
    assert sorted((str(row["batch_id"]), row["number"]) for row in papers if row["kind"] == "manifest") == sorted(ours)
    return ours


PIPELINE = Pipeline(
    place=MARKETPLACE,
    shop_id=lambda values: values["pob_id"],
    skus=lambda world: [article.sku for article in world.catalogue],
    add=lambda world, count: world.add(count),
    agrees=agrees,
    lost=("decide", "confirm", "make_invoice", "dispatch", "labels", "customer_invoices", "document"),
    ready=_ready,
    settings={"RATE": "1000000"},
)
