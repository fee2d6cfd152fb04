"""From open orders to closed manifests: what is bad is held, the rest goes through, and the marketplace's own books say the same."""

from pathlib import Path

import pytest

from portal.marketplaces.ajio.stages import STAGES
from portal.postgres import Addresses
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.processing.floor import Floor, floor
from tests.processing.pipelines.ajio import MAIN, OTHER, PIPELINE, agrees, two_carriers

pytestmark = pytest.mark.anyio


def spoil(works: Floor) -> dict[str, str]:
    """Four orders of the main carrier, bad in four ways; what each is to be held for."""
    short, gstin, elsewhere, rejected = works.world.sold[3], works.world.sold[8], works.world.sold[12], works.world.sold[17]
    gstin.gstin = "27AAPFU0939F1ZX"
    elsewhere.pincode, elsewhere.region = "560001", "Gujarat"
    works.world.desk.rejects[rejected.order_id] = "item is not serviceable"
    return {
        short.order_id: "stock_short",
        gstin.order_id: "gstin_wrong",
        elsewhere.order_id: "pincode_elsewhere",
        rejected.order_id: "confirmation_rejected",
    }


async def only_short(works: Floor, order_id: str) -> None:
    """One piece too few for this order, and nobody else orders that article."""
    order = works.world.by_id[order_id]
    line = order.lines[0]
    lone = max(works.world.catalogue, key=lambda article: article.sku)
    for other in works.world.sold:
        for held in other.lines:
            if held.article is lone and other is not order:
                held.article = line.article if line.article is not lone else works.world.catalogue[0]
    line.article = lone
    await works.stock(**{lone.sku: sum(one.pieces for one in order.lines if one.article is lone) - 1})


async def test_320_orders_end_on_closed_manifests_of_250_50_and_16(connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=320) as works:
        two_carriers(works.world, 16)
        bad = spoil(works)
        await only_short(works, next(iter(bad)))
        run = await works.process()
        assert (run.state, run.partial_reason) == (RunState.PARTIAL, "4 orders are held and wait for your decision.")
        assert await works.held() == bad
        assert await works.stages() == {stage.code: "done" for stage in STAGES}
        sizes = [(works.world.by_id[parcels[0]].carrier, len(parcels)) for parcels in works.world.desk.manifests.values()]
        assert sorted(sizes) == [(MAIN, 50), (MAIN, 250), (OTHER, 16)]
        await agrees(works, bad)
