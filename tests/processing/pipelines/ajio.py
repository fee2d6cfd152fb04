"""AJIO's pipeline: eleven stages over the partner API, two carriers, and books kept by the sandbox's desk."""

from collections.abc import Mapping

from portal.marketplaces.ajio import MARKETPLACE
from portal.marketplaces.ajio.sandbox.desk import customer_number, vendor_number
from portal.marketplaces.ajio.sandbox.records import Sold
from portal.marketplaces.ajio.sandbox.world import World
from tests.documents.seeing import texts
from tests.processing.floor import Floor, Pipeline
from tests.processing.papers import Paper, copies, counted

MAIN, OTHER = "Delhivery", "Xpressbees"


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
    for order_id in through:
        assert desk.quantities[order_id] == {line.item_id: line.pieces for line in works.world.by_id[order_id].lines}
    ours: dict[tuple[str, str], set[str]] = {}
    for order_id in through:
        ours.setdefault((str(orders[order_id]["batch_id"]), orders[order_id]["marks"]["manifest"]), set()).add(order_id)
    papers = await copies(works)
    issued = [paper for order_id in through for paper in issued_for(works.world.by_id[order_id])]
    counted(papers, [*issued, *(Paper("", "manifest", number) for _, number in ours)], besides=held.keys())
    for row, content in papers:
        assert row["number"].encode() in content or row["number"] in "".join(texts(content))
    return ours


def issued_for(order: Sold) -> list[Paper]:
    """What AJIO issues for one parcel."""
    return [
        Paper(order.order_id, "label", order.awb),
        Paper(order.order_id, "vendor_invoice", vendor_number(order)),
        Paper(order.order_id, "customer_invoice", customer_number(order)),
    ]


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
