"""Amazon Easy Ship's pipeline: seven stages, papers by feed and report, and books kept by the sandbox's desk."""

import hashlib
from collections.abc import Mapping

from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.sandbox.courses import awb
from portal.marketplaces.amazon_in.sandbox.state import State
from portal.marketplaces.amazon_in.wire.pages import belongs_to
from tests.processing.floor import Floor, Pipeline


async def agrees(works: Floor, held: Mapping[str, str]) -> None:
    """Each order that went through was scheduled once and asked for once, and has one file that speaks of no other order."""
    desk, orders = works.world.desk, await works.orders()
    through = {order_id for order_id, row in orders.items() if row["state"] == "done"}
    assert orders.keys() - through == held.keys()
    assert {order_id: times for order_id, times in desk.scheduled.items() if order_id in through} == dict.fromkeys(through, 1)
    assert {order_id: times for order_id, times in desk.papered.items() if order_id in through} == dict.fromkeys(through, 1)
    papers = await works.rows("SELECT external_order_id, kind, number, key, size, sha256 FROM documents")
    assert sorted(row["external_order_id"] for row in papers) == sorted(through)
    for row in papers:
        content = await works.files.read(row["key"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["size"], row["sha256"])
        assert belongs_to(content, row["external_order_id"])
        order = works.world.orders.by_id(row["external_order_id"])
        assert order is not None
        assert (row["kind"], row["number"]) == ("label", awb(order.number))
        assert orders[order.order_id]["marks"]["awb"] == awb(order.number)
        assert order.course.parcel == "PENDING_PICK_UP"


def _ready(world: State) -> None:
    """Every order waits to be sent."""
    world.orders.reopen()


def _add(world: State, count: int) -> None:
    world.add_orders(count)


PIPELINE = Pipeline(
    place=MARKETPLACE,
    shop_id=lambda values: values["selling_partner_id"],
    skus=lambda world: list(world.stock.articles),
    add=_add,
    agrees=agrees,
    lost=("createScheduledPackage", "createFeed"),
    ready=_ready,
)
