"""Meesho's pipeline: seven stages, requests that are worked off behind our back, five carriers, and the sandbox's own books."""

from collections.abc import Mapping

from portal.marketplaces.meesho import MARKETPLACE
from portal.marketplaces.meesho.sandbox.routes import World
from tests.processing.floor import Floor, Pipeline
from tests.processing.papers import Paper, copies, counted


def _ready(world: World) -> None:
    """The seeded shop's orders are mostly on their way; as many new ones have just come in. Requests take their time, so batches wait."""
    world.requests.lag_s = 0.1
    _add(world, world.store.shop.orders)


def _add(world: World, count: int) -> None:
    for _ in range(count):
        world.store.arrive()


async def agrees(works: Floor, held: Mapping[str, str]) -> None:
    """Each order that went through was accepted, labelled and put on a manifest exactly once, and all its papers are here."""
    world: World = works.world
    books, orders = world.books, await works.orders()
    through = {name for name, row in orders.items() if row["state"] == "done"}
    assert {name: orders[name]["held_code"] for name in orders.keys() - through} == dict(held)
    assert books.accepted.keys() >= through
    assert books.labelled.keys() >= through
    assert {*books.accepted.values(), *books.labelled.values()} <= {1}
    assert books.manifested == dict.fromkeys(through, 1)
    rows = {name: world.store.orders.row(name) for name in through}
    labelled = {name for name, row in orders.items() if row["marks"].get("label")}
    assert labelled >= through
    issued = [Paper(name, "label", world.store.orders.row(name).awb) for name in labelled]
    papers = await copies(works)
    counted(papers, [*issued, *(Paper("", "manifest", number) for number in books.manifests)])
    assert all(row["number"].encode() in content for row, content in papers)
    for number, names in books.manifests.items():
        assert {orders[name]["marks"]["manifest"] for name in names} == {number}
        assert {orders[name]["marks"]["carrier"] for name in names} == {rows[name].carrier for name in names}
        assert len({rows[name].carrier for name in names}) == 1


PIPELINE = Pipeline(
    place=MARKETPLACE,
    shop_id=lambda values: values["supplier_identifier"],
    skus=lambda world: [article.sku for article in world.store.catalogue],
    add=_add,
    agrees=agrees,
    lost=("accept", "labels", "manifests", "requests", "files"),
    ready=_ready,
    settings={"RATE": "1000000"},
)
