"""An open manifest may still change: a parcel is taken out of it, and put back or cancelled. A manifest that is being closed may not."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.postgres import Addresses
from portal.processing.routes import ROUTES
from portal.tables.people import Role
from portal.tables.processing import ClosePolicy
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.factories import make_seller
from tests.processing.dying import dies_at
from tests.processing.floor import Floor, floor
from tests.processing.pipelines.ajio import PIPELINE as AJIO
from tests.visiting import Browser, Person, browsing

pytestmark = pytest.mark.anyio


@pytest.fixture
async def works(connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(AJIO, connected, keys, tmp_path, orders=5) as one:
        await one.rule(close_policy=ClosePolicy.MANUAL)
        await one.process()
        yield one


@pytest.fixture
async def asha(works: Floor) -> AsyncIterator[Browser]:
    async with browsing(Person(works.seller), ROUTES, jobs=works.jobs, data_dir=works.settings.data_dir) as browser:
        yield browser


async def batch_of(works: Floor) -> str:
    return f"/batches/{(await works.rows('SELECT id FROM batches ORDER BY number DESC LIMIT 1'))[0]['id']}"


async def taken(works: Floor, asha: Browser) -> tuple[str, str]:
    """The second order is taken out: its id, and where it is decided about."""
    order_id = works.world.sold[1].order_id
    href = await batch_of(works)
    shown = (await asha.get(href)).text
    assert len(re.findall(rf'action="{href}/orders/[^"]+/out"', shown)) == 5
    assert (await asha.send_form(f"{href}/orders/{order_id}/out")).headers["location"] == href
    assert await works.held() == {order_id: "taken_out"}
    held_id = (await works.rows("SELECT id FROM batch_orders WHERE state = 'held'"))[0]["id"]
    return order_id, f"/held/{held_id}"


async def closed(works: Floor) -> RunState:
    return RunState((await works.work(await works.close((await works.rows("SELECT id FROM batches WHERE state = 'open'"))[0]["id"]))).state)


async def test_what_is_taken_out_stays_here_and_the_others_leave(works: Floor, asha: Browser) -> None:
    order_id, decided = await taken(works, asha)
    assert await closed(works) == RunState.PARTIAL
    others = {order.order_id for order in works.world.sold} - {order_id}
    assert works.world.desk.dispatched == dict.fromkeys(others, 1)
    assert (await asha.send_form(decided, {"decision": "drop"})).status_code == 303
    assert (await works.process()).state == RunState.SUCCEEDED
    assert works.world.desk.cancelled == {order_id: 1}


async def test_what_is_put_back_leaves_with_the_others(works: Floor, asha: Browser) -> None:
    _, decided = await taken(works, asha)
    await asha.send_form(decided, {"decision": "retry"})
    assert await works.held() == {}
    assert await closed(works) == RunState.SUCCEEDED
    await works.pipeline.agrees(works, {})


async def test_what_is_put_back_too_late_goes_onto_the_next_manifest(works: Floor, asha: Browser) -> None:
    order_id, decided = await taken(works, asha)
    await closed(works)
    await asha.send_form(decided, {"decision": "retry"})
    await works.process()
    stages = await works.rows("SELECT stage FROM stage_runs WHERE batch_id = (SELECT id FROM batches WHERE number = 2) ORDER BY position")
    assert [row["stage"] for row in stages] == ["pull", "open_manifest"]
    assert await closed(works) == RunState.SUCCEEDED
    assert [parcels for parcels in works.world.desk.manifests.values() if order_id in parcels] == [[order_id]]


async def test_a_manifest_that_is_being_closed_does_not_change(works: Floor, asha: Browser) -> None:
    with dies_at(lambda step: step.stage.closes and not step.over):
        await closed(works)
    href = await batch_of(works)
    assert "/out" not in (await asha.get(href)).text
    assert (await asha.send_form(f"{href}/orders/{works.world.sold[1].order_id}/out")).status_code == 409
    assert await works.held() == {}


async def test_only_who_may_and_only_what_is_there(works: Floor, asha: Browser) -> None:
    href = await batch_of(works)
    path = f"{href}/orders/{works.world.sold[1].order_id}/out"
    assert (await asha.send_form(f"{href}/orders/FN-NOWHERE/out")).status_code == 404
    async with browsing(Person(await make_seller("Chitra Crafts")), ROUTES, jobs=works.jobs, data_dir=works.settings.data_dir) as chitra:
        assert (await chitra.send_form(path)).status_code == 404
    async with browsing(Person(works.seller, Role.VIEWER), ROUTES, jobs=works.jobs, data_dir=works.settings.data_dir) as viewer:
        assert (await viewer.send_form(path)).status_code == 403
        assert "/out" not in (await viewer.get(href)).text
    assert await works.held() == {}


async def test_the_clock_and_the_track_are_painted_anew(works: Floor, asha: Browser) -> None:
    href = await batch_of(works)
    shown = (await asha.get(href)).text
    for name in ("clock", "track"):
        assert f'hx-get="/p{href}/{name}"' in shown
        assert (await asha.get(f"/p{href}/{name}")).headers["location"] == href
        part = (await asha.get(f"/p{href}/{name}", headers={"HX-Request": "true"})).text
        assert part.lstrip().startswith(f'<div id="{name}"')
        assert part.strip() in shown
    await closed(works)
    assert "hx-get" not in (await asha.get(f"/p{href}/track", headers={"HX-Request": "true"})).text
