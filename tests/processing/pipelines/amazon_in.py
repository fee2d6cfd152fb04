"""Amazon Easy Ship's pipeline: seven stages, papers by feed and report, and books kept by the sandbox's desk."""

from collections.abc import Mapping

from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.sandbox.courses import awb
from portal.marketplaces.amazon_in.sandbox.state import State
from portal.marketplaces.amazon_in.wire.pages import belongs_to
from tests.processing.floor import Floor, Pipeline
from tests.processing.papers import Paper, copies, counted


async def agrees(works: Floor, held: Mapping[str, str]) -> None:
    """Each order that went through was scheduled once and asked for once, and has one file that speaks of no other order."""
    desk, orders = works.world.desk, await works.orders()
    through = {order_id for order_id, row in orders.items() if row["state"] == "done"}
    assert orders.keys() - through == held.keys()
    assert {order_id: times for order_id, times in desk.scheduled.items() if order_id in through} == dict.fromkeys(through, 1)
    assert {order_id: times for order_id, times in desk.papered.items() if order_id in through} == dict.fromkeys(through, 1)
    sent = {order_id: order for order_id in through if (order := works.world.orders.by_id(order_id)) is not None}
    papers = await copies(works)
    counted(papers, [Paper(order_id, "label", awb(order.number)) for order_id, order in sent.items()], besides=held.keys())
    assert all(belongs_to(content, row["external_order_id"]) for row, content in papers)
    for order_id in through:
        assert orders[order_id]["marks"]["awb"] == awb(sent[order_id].number)
        assert sent[order_id].course.parcel == "PENDING_PICK_UP"


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
