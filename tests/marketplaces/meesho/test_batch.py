"""A whole batch with the engine, the tables and the pages: six bad orders are held or leave, each with its sentence, and the rest goes out."""

from pathlib import Path

import pytest

from portal.marketplaces.meesho.sandbox.routes import World
from portal.marketplaces.meesho.sandbox.store import CANCELLED
from portal.marketplaces.meesho.stages import STAGES
from portal.marketplaces.meesho.stages.work import CUSTOMER_LEFT
from portal.postgres import Addresses
from portal.processing.routes import ROUTES
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.processing.floor import Floor, floor
from tests.processing.pipelines.meesho import PIPELINE
from tests.visiting import Person, browsing

pytestmark = pytest.mark.anyio


async def spoiled(works: Floor) -> dict[str, str]:
    """Six orders that are bad in six ways, and what each is to be held for; the one that leaves is held for nothing."""
    world: World = works.world
    pending = [row.sub_order_num for row in world.store.orders.rows() if row.status == "PENDING" and not row.hold]
    short, unserved, slotless, banned, lapsed, late = pending[:6]
    lone = world.store.catalogue[-1].sku
    for row in world.store.orders.rows():
        if row.sku == lone:
            row.sku = world.store.catalogue[0].sku
    row = world.store.orders.row(short)
    row.sku = lone
    await works.stock(**{lone: row.quantity - 1})
    world.books.refuses[unserved] = ("PINCODE_NOT_SERVED", "The pincode is not served.")
    world.books.labelless[slotless] = ("LABEL_NOT_READY", "The courier has no slot.")
    world.books.labelless[banned] = ("PRODUCT_BANNED", "This product may not be sent.")
    world.books.refuses[lapsed] = ("SLA_BREACHED", "Its dispatch date is over.")
    manifest = world.books.manifest

    def cancelled_at_the_last_moment(carrier: str, names: tuple[str, ...]) -> tuple[str, dict[str, tuple[str, str]]]:
        world.store.reach(late, CANCELLED)
        world.books.manifest = manifest  # type: ignore[method-assign]
        return manifest(carrier, names)

    world.books.manifest = cancelled_at_the_last_moment  # type: ignore[assignment,method-assign]
    return {
        short: "stock_short",
        unserved: "not_accepted",
        slotless: "label_refused",
        banned: "label_refused",
        lapsed: "not_accepted",
        late: "",
    }


async def test_bad_orders_stay_and_the_good_ones_leave(connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=24) as works:
        bad = await spoiled(works)

        run = await works.through()

        assert (run.state, run.partial_reason) == (RunState.PARTIAL, "5 orders are held and wait for your decision.")
        assert await works.held() == {name: code for name, code in bad.items() if code}
        assert await works.stages() == {stage.code: "done" for stage in STAGES}
        await works.pipeline.agrees(works, bad)
        shipped = await works.rows("SELECT o.external_order_id, o.status, s.awb FROM orders o JOIN shipments s ON s.order_id = o.id")
        packed = {row["external_order_id"]: row["awb"] for row in shipped if row["status"] == "packed"}
        assert {name: packed[name] for name in works.world.books.manifested} == {
            name: works.world.store.orders.row(name).awb for name in works.world.books.manifested
        }
        await _reads_well(works, bad)


async def _reads_well(works: Floor, bad: dict[str, str]) -> None:
    """The pages show stages, sentences and papers."""
    href = f"/batches/{(await works.rows('SELECT id FROM batches'))[0]['id']}"
    async with browsing(Person(works.seller), ROUTES, jobs=works.jobs, data_dir=works.settings.data_dir) as asha:
        shown = (await asha.get(href)).text
        assert [stage.title for stage in STAGES if stage.title not in shown] == []
        assert [stage.gate for stage in STAGES if stage.gate.replace("'", "&#39;") not in shown] == []
        for sentence in (
            "Meesho splits no order.",
            "Meesho did not accept it: The pincode is not served.",
            "Meesho made no label for it: The courier has no slot.",
            CUSTOMER_LEFT,
        ):
            assert sentence in shown
        for number in works.world.books.manifests:
            assert number in shown
        sent = next(iter(works.world.books.manifested))
        assert works.world.store.orders.row(sent).awb in (await asha.get(f"{href}/orders/{sent}")).text
        assert all(name in shown for name in bad)
