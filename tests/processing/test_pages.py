"""The batches pages: what is shown is true, every button does what it says, and nobody sees another seller's batch."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.marketplaces.ajio.stages import STAGES
from portal.marketplaces.registry import marketplace
from portal.postgres import Addresses
from portal.processing.routes import ROUTES
from portal.tables.people import Role
from portal.tables.processing import ClosePolicy
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.factories import make_account, make_seller
from tests.processing.floor import SELLER_GSTIN, Floor, floor
from tests.processing.pipelines.ajio import PIPELINE, agrees, two_carriers
from tests.visiting import Browser, Person, browsing

pytestmark = pytest.mark.anyio


@pytest.fixture
async def works(connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=8) as one:
        two_carriers(one.world, 3)
        yield one


@pytest.fixture
async def asha(works: Floor) -> AsyncIterator[Browser]:
    async with browsing(Person(works.seller), ROUTES, jobs=works.jobs, data_dir=works.settings.data_dir) as browser:
        yield browser


async def only_batch(works: Floor) -> str:
    rows = await works.rows("SELECT id FROM batches ORDER BY number DESC LIMIT 1")
    return f"/batches/{rows[0]['id']}"


async def test_before_the_first_batch_the_page_offers_one(asha: Browser, works: Floor) -> None:
    shown = (await asha.get("/batches")).text
    assert f'<p class="hint">{marketplace(works.account.code).name}</p>' in shown, "two accounts may have one name"
    assert "No batches yet" in shown
    assert f'action="/accounts/{works.account.id}/syncs"' in shown
    assert 'value="FULL_PROCESSING"' in shown


async def test_a_closed_batch_shows_its_stages_orders_and_documents(asha: Browser, works: Floor) -> None:
    assert (await works.process()).state == RunState.SUCCEEDED
    href = await only_batch(works)
    assert href in (await asha.get("/batches")).text
    shown = (await asha.get(href)).text
    for stage in STAGES:
        assert stage.title in shown
    assert len(re.findall(r"Done\s*</span>", shown)) == len(STAGES)
    assert len(re.findall(r"Processed\s*</span>", shown)) == 8
    for name in re.findall(rf'href="({href}/documents/[0-9a-f-]+)"', shown):
        answer = await asha.get(name)
        assert (answer.status_code, answer.content[:4]) == (200, b"%PDF")
        assert answer.headers["cache-control"] == "no-store"
    assert len(re.findall(rf"{href}/documents/", shown)) == len(works.world.desk.manifests)
    papers = (await asha.get(f"{href}/orders/{works.world.sold[0].order_id}")).text
    assert papers.count(f"{href}/documents/") == 3


async def test_a_held_order_is_corrected_and_joins_the_next_batch(asha: Browser, works: Floor) -> None:
    order = works.world.sold[2]
    order.gstin = "27AAPFU0939F1ZX"
    assert (await works.process()).state == RunState.PARTIAL
    shown = (await asha.get("/held")).text
    assert f"The buyer&#39;s GSTIN {order.gstin} is wrong" in shown
    held_id = int(re.findall(r'action="/held/(\d+)"', shown)[0])
    empty = await asha.send_form(f"/held/{held_id}", {"decision": "correct", f"gstin-{held_id}": " "})
    assert (empty.status_code, "Enter the GSTIN of the buyer." in empty.text) == (422, True)
    done = await asha.send_form(f"/held/{held_id}", {"decision": "correct", f"gstin-{held_id}": SELLER_GSTIN})
    assert (done.status_code, done.headers["location"]) == (303, "/held")
    again = await asha.send_form(f"/held/{held_id}", {"decision": "correct", f"gstin-{held_id}": SELLER_GSTIN})
    assert again.status_code == 409
    assert (await works.process()).state == RunState.SUCCEEDED
    await agrees(works, {})
    assert [row["number"] for row in await works.rows("SELECT number FROM batches ORDER BY number")] == [1, 2]


async def test_a_dropped_order_is_cancelled_at_the_marketplace(asha: Browser, works: Floor) -> None:
    order = works.world.sold[4]
    works.world.desk.rejects[order.order_id] = "item is not serviceable"
    assert (await works.process()).state == RunState.PARTIAL
    held_id = (await works.rows("SELECT id FROM batch_orders WHERE state = 'held'"))[0]["id"]
    assert (await asha.send_form(f"/held/{held_id}", {"decision": "reduce"})).status_code == 422
    assert (await asha.send_form(f"/held/{held_id}", {"decision": "drop"})).status_code == 303
    assert (await works.process()).state == RunState.SUCCEEDED
    assert works.world.desk.cancelled == {order.order_id: 1}
    assert order.state == "CANCELLED"
    assert (await works.orders())[order.order_id]["state"] == "gone"


async def test_manifests_are_closed_by_a_button(asha: Browser, works: Floor) -> None:
    await works.rule(close_policy=ClosePolicy.MANUAL)
    await works.process()
    href = await only_batch(works)
    assert "The manifests wait for you to close them." in (await asha.get(href)).text
    assert f'action="{href}/close"' in (await asha.get("/batches")).text
    answer = await asha.send_form(f"{href}/close")
    assert answer.headers["location"].startswith("/syncs/")
    assert (await works.process()).state == RunState.SUCCEEDED
    assert (await asha.send_form(f"{href}/close")).status_code == 409


async def test_rules_are_kept_or_refused_with_their_reason(asha: Browser, works: Floor) -> None:
    href = f"/accounts/{works.account.id}/processing"
    given = {
        "stock_policy": "reduce",
        "close_policy": "delayed",
        "cutoff": "16:45",
        "close_before": "20",
        "holidays": "2026-11-25",
        "tax_number": "",
    }
    assert (await asha.send_form(href, given)).headers["location"] == "/batches"
    shown = (await asha.get(href)).text
    assert 'value="16:45"' in shown
    assert "2026-11-25" in shown
    refused = await asha.send_form(href, given | {"holidays": "tomorrow", "cutoff": "16:45"})
    assert (refused.status_code, "Write days as 2026-11-25" in refused.text) == (422, True)
    assert (await asha.send_form(href, given | {"tax_number": "27AAPFU0939F1ZX"})).status_code == 422


async def test_only_rules_that_count_are_asked_for(asha: Browser, works: Floor) -> None:
    """A pipeline without a choice of quantities offers none, and saving its form leaves alone what it did not ask for."""
    meesho = await make_account(works.seller, code="MEESHO", external="M1", name="Meesho store")
    amazon = await make_account(works.seller, code="AMAZON_IN", external="A1", name="Amazon store")
    for account, asked in ((works.account, ["stock_policy", "close_policy", "tax_number"]), (meesho, ["close_policy"]), (amazon, [])):
        shown = (await asha.get(f"/accounts/{account.id}/processing")).text
        assert [name for name in ("stock_policy", "close_policy", "tax_number") if f'name="{name}"' in shown] == asked
    given = {"close_policy": "delayed", "cutoff": "16:45", "close_before": "20", "holidays": ""}
    assert (await asha.send_form(f"/accounts/{meesho.id}/processing", given)).status_code == 303
    (kept,) = await works.rows("SELECT * FROM processing_rules WHERE marketplace_account_id = $1", meesho.id)
    assert (kept["close_policy"], kept["cutoff"], kept["stock_policy"]) == ("delayed", 1005, "ask")


async def test_a_stranger_finds_nothing_and_a_viewer_decides_nothing(asha: Browser, works: Floor) -> None:
    works.world.sold[2].gstin = "27AAPFU0939F1ZX"
    await works.process()
    href = await only_batch(works)
    held_id = (await works.rows("SELECT id FROM batch_orders WHERE state = 'held'"))[0]["id"]
    document = re.findall(rf'href="({href}/documents/[0-9a-f-]+)"', (await asha.get(href)).text)[0]
    async with browsing(Person(await make_seller("Chitra Crafts")), ROUTES, jobs=works.jobs, data_dir=works.settings.data_dir) as chitra:
        for path in (href, document, f"/accounts/{works.account.id}/processing"):
            assert (await chitra.get(path)).status_code == 404
        assert (await chitra.send_form(f"/held/{held_id}", {"decision": "drop"})).status_code == 404
        assert (await chitra.send_form(f"{href}/close")).status_code == 404
        assert "Nothing is held" in (await chitra.get("/held")).text
    async with browsing(Person(works.seller, Role.VIEWER), ROUTES, jobs=works.jobs, data_dir=works.settings.data_dir) as viewer:
        assert 'action="/held/' not in (await viewer.get("/held")).text
        assert (await viewer.send_form(f"/held/{held_id}", {"decision": "drop"})).status_code == 403
        assert "/documents/" not in (await viewer.get(href)).text
