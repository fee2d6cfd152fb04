"""A print file has every paper of its batch in packing order, opens buyers only where it must and on record, and ends when it says."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from portal import clock
from portal.documents.routes import ROUTES as DOCUMENTS
from portal.orders import buyers
from portal.postgres import Addresses
from portal.processing.prints import asking
from portal.processing.prints.job import forget_ended, print_papers
from portal.processing.prints.routes import ROUTES as PRINTS
from portal.processing.routes import ROUTES
from portal.tables.people import Role
from portal.tables.printing import PrintKind
from portal.tables.processing import ClosePolicy
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.documents.seeing import read, texts
from tests.factories import make_seller
from tests.processing.floor import Floor, Pipeline, floor
from tests.processing.pipelines import every_pipeline
from tests.processing.pipelines.ajio import PIPELINE
from tests.visiting import HTMX, Browser, Person, browsing

pytestmark = pytest.mark.anyio

PAGES: list[Any] = [*ROUTES, *PRINTS, *DOCUMENTS]
OPENED = "SELECT actor, after FROM audit_entries WHERE action = 'buyer.printed'"


@pytest.fixture
async def works(connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=8) as one:
        yield one


def visiting(works: Floor, role: Role = Role.OPERATOR, *, seller: UUID | None = None) -> Any:
    return browsing(Person(seller or works.seller, role), PAGES, jobs=works.jobs, vault=works.vault, data_dir=works.settings.data_dir)


async def batch(works: Floor) -> UUID:
    found: UUID = (await works.rows("SELECT id FROM batches ORDER BY number DESC LIMIT 1"))[0]["id"]
    return found


async def printed(works: Floor, browser: Browser, kind: PrintKind, order: str = "") -> tuple[str, bytes]:
    """What the button leads to, when the worker has done its part: the page's text, and the file behind its link."""
    asked = await browser.send_form(f"/batches/{await batch(works)}/prints", {"kind": kind, "order": order})
    href = asked.headers["location"]
    await print_papers(works.context(), print_id=href.rpartition("/")[2])
    page = (await browser.get(href)).text
    link = re.search(r'href="(/documents/[^"]+)"', page)
    return page, (await browser.get(link[1].replace("&amp;", "&"))).content if link else b""


async def test_one_click_prints_everything_in_packing_order(works: Floor) -> None:
    assert (await works.process()).state == RunState.SUCCEEDED
    async with visiting(works) as bala:
        assert "Print all papers" in (await bala.get(f"/batches/{await batch(works)}")).text
        page, made = await printed(works, bala, PrintKind.BATCH)
    assert "Ready" in page
    first, *pages = texts(made)
    assert first.startswith("Pick list, batch 1")
    world, orders = works.world, await works.orders()
    carriers = [orders[order_id]["marks"]["carrier"] for order_id in orders]
    said = [next(one for one in world.sold if any(mark in page for mark in _numbers(one, orders))) for page in pages[: 3 * 8]]
    # Each parcel's three papers together: the label first, the seller's own invoice last; and the carriers one after the other.
    assert [one.order_id for one in said] == [one.order_id for one in said[::3] for _ in range(3)]
    for parcel in range(8):
        kinds = [page.split()[0] for page in pages[3 * parcel : 3 * parcel + 3]]
        assert kinds == ["label", "customer", "vendor"]
    assert [one.carrier for one in said[::3]] == sorted(carriers)
    assert len(pages) == 3 * 8 + len(world.desk.manifests)
    # Every parcel has its label, so nobody's name was needed.
    assert await works.rows(OPENED) == []


def told(page: str) -> list[str]:
    """What the page says is to be printed."""
    return re.findall(r"<li>(.*?)</li>", page.partition('<ul id="to-print">')[2].partition("</ul>")[0])


async def test_the_page_says_what_would_be_printed_now(works: Floor) -> None:
    """Before the labels come our own slips stand in for them; of an order that is held nothing is printed at all."""
    works.world.sold[0].gstin = "27AAPFU0939F1ZX"
    works.world.desk.hold_s = 3600.0
    assert (await works.process()).state == RunState.WAITING
    address = f"/batches/{await batch(works)}"
    async with visiting(works) as bala:
        before = (await bala.get(address)).text
        assert told(before) == ["Pick list", "7 packing slips"]
        assert "There are no labels yet" in before
        assert "Print all papers" not in before
        works.world.desk.hold_s = 0.0
        await works.through()
        after = (await bala.get(address)).text
        assert told(after) == ["Pick list", "7 labels", "14 invoices and other papers", "2 manifests"]
        assert "Print all papers" in after
        await works.rows("DELETE FROM documents WHERE kind = 'label' AND external_order_id = $1", works.world.sold[1].order_id)
        some = (await bala.get(address)).text
        assert told(some)[1:3] == ["6 labels", "1 packing slip"]
        assert "1 of 7 labels are not there yet" in some
        await works.rows("UPDATE batch_orders SET state = 'held', held_at = now()")
        nothing = (await bala.get(address)).text
        assert "Nothing to print" in nothing
        assert f'{address}/prints"' not in nothing


async def knows_buyer(works: Floor, order_id: str) -> None:
    """The marketplace has told who it is, as a sync would have kept it."""
    seal = await buyers.seal_at_work(works.seller, works.pipeline.place, works.vault)
    name = seal.seal("buyer_name", f"{works.account.id}/{order_id}", "Priya Nair")
    await works.rows("UPDATE orders SET buyer_name = $1 WHERE external_order_id = $2", name, order_id)


def _numbers(sold: Any, orders: dict[str, dict[str, Any]]) -> list[str]:
    marks = orders[sold.order_id]["marks"]
    return [marks["awb"], marks["customer_invoice"], marks["vendor_invoice"]]


@every_pipeline
async def test_every_label_is_there_once_and_scans_as_its_own_parcel(
    pipeline: Pipeline, connected: Addresses, keys: Vault, tmp_path: Path
) -> None:
    async with floor(pipeline, connected, keys, tmp_path, orders=5) as works:
        assert (await works.through()).state == RunState.SUCCEEDED
        async with visiting(works) as bala:
            _, made = await printed(works, bala, PrintKind.BATCH)
        labels = await works.rows("SELECT number FROM documents WHERE kind = 'label'")
        scanned = Counter(page["Code128"] for page in read(made) if "Code128" in page)
        assert len(labels) >= 5
        assert {row["number"]: scanned[row["number"]] for row in labels} == {row["number"]: 1 for row in labels}


async def test_slips_name_their_buyers_on_record_and_read_back(works: Floor) -> None:
    await works.process()
    for sold in works.world.sold[:2]:
        await knows_buyer(works, sold.order_id)
    async with visiting(works) as bala:
        _, made = await printed(works, bala, PrintKind.SLIPS)
        _, listed = await printed(works, bala, PrintKind.PICKS)
    marks = {order_id: row["marks"] for order_id, row in (await works.orders()).items()}
    assert {page["QRCode"]: page["Code128"] for page in read(made)} == {order_id: one["awb"] for order_id, one in marks.items()}
    assert "".join(texts(made)).count("Priya Nair") == 2
    assert [(row["actor"], row["after"]) for row in await works.rows(OPENED)] == [
        ("Asha", "Buyers of 2 orders of batch 1 opened for their packing slips")
    ]
    for sold in works.world.sold:
        for line in sold.lines:
            assert line.article.sku in "".join(texts(listed))


async def test_before_there_are_labels_our_slips_stand_in_their_place(works: Floor) -> None:
    works.world.desk.hold_s = 3600.0
    await works.process()
    await knows_buyer(works, works.world.sold[0].order_id)
    async with visiting(works) as bala:
        _, made = await printed(works, bala, PrintKind.BATCH)
    listed, *slips = read(made)
    assert "QRCode" not in listed
    assert {page["QRCode"] for page in slips} == {sold.order_id for sold in works.world.sold}
    assert [row["after"] for row in await works.rows(OPENED)] == ["Buyers of 1 orders of batch 1 opened for their packing slips"]


async def test_the_papers_of_one_order_and_no_others(works: Floor) -> None:
    await works.process()
    order_id = works.world.sold[2].order_id
    async with visiting(works) as bala:
        _, made = await printed(works, bala, PrintKind.ORDER, order_id)
        assert (await bala.send_form(f"/batches/{await batch(works)}/prints", {"kind": "order", "order": "of nobody"})).status_code == 404
        assert (await bala.send_form(f"/batches/{await batch(works)}/prints", {"kind": "order"})).status_code == 422
        assert (await bala.send_form(f"/batches/{await batch(works)}/prints", {"kind": "everything"})).status_code == 422
    marks = (await works.orders())[order_id]["marks"]
    for page, kind in zip(texts(made), ("label", "customer_invoice", "vendor_invoice"), strict=True):
        assert marks[kind] in page


async def test_a_held_order_is_not_packed(works: Floor) -> None:
    bad = works.world.sold[3]
    bad.gstin = "27AAPFU0939F1ZX"
    await works.process()
    async with visiting(works) as bala:
        _, made = await printed(works, bala, PrintKind.SLIPS)
    assert {page["QRCode"] for page in read(made)} == {one.order_id for one in works.world.sold} - {bad.order_id}


async def test_a_damaged_paper_is_said_and_the_others_are_printed(works: Floor) -> None:
    await works.process()
    row = (await works.rows("SELECT key, external_order_id FROM documents WHERE kind = 'label' ORDER BY number LIMIT 1"))[0]
    await works.files.keep(row["key"], b"something else", "application/pdf")
    async with visiting(works) as bala:
        page, made = await printed(works, bala, PrintKind.BATCH)
    assert f"order {row['external_order_id']}" in page
    assert sum("cannot be printed" in text for text in texts(made)) == 1
    assert sum(text.startswith("label") for text in texts(made)) == 7


async def test_two_clicks_are_one_print_and_a_lost_worker_is_not_waited_for(works: Floor) -> None:
    await works.process()
    first = await asking.ask(works.seller, await batch(works), PrintKind.BATCH, jobs=works.jobs, by="Asha")
    assert await asking.ask(works.seller, await batch(works), PrintKind.BATCH, jobs=works.jobs, by="Asha") == first
    assert await asking.ask(works.seller, await batch(works), PrintKind.PICKS, jobs=works.jobs, by="Asha") != first
    href = f"/batches/{await batch(works)}/prints/{first}"
    async with visiting(works) as bala:
        waiting = await bala.get(href, headers=HTMX)
        assert 'hx-trigger="every 1s"' in waiting.text
        assert "<html" not in waiting.text
        with clock.stopped_at(clock.now() + asking.STUCK + timedelta(seconds=1)):
            assert "Print again" in (await bala.get(href)).text
            assert await asking.ask(works.seller, await batch(works), PrintKind.BATCH, jobs=works.jobs, by="Asha") != first


async def test_nothing_to_print_is_said(works: Floor) -> None:
    for sold in works.world.sold:
        sold.gstin = "27AAPFU0939F1ZX"
    await works.rule(close_policy=ClosePolicy.MANUAL)
    await works.process()
    async with visiting(works) as bala:
        page, made = await printed(works, bala, PrintKind.BATCH)
    assert "There is nothing to print yet" in page
    assert made == b""


async def test_a_print_file_is_for_one_seller_for_some_days_and_then_gone(works: Floor) -> None:
    await works.process()
    async with visiting(works) as bala:
        await printed(works, bala, PrintKind.BATCH)
        row = (await works.rows("SELECT id, key FROM print_files"))[0]
        href = f"/batches/{await batch(works)}/prints/{row['id']}"
        link = re.search(r'href="(/documents/[^"]+)"', (await bala.get(href)).text)
        assert link is not None
        async with visiting(works, seller=await make_seller("Chitra Crafts")) as chitra:
            assert (await chitra.get(href)).status_code == 404
            assert (await chitra.get(link[1])).status_code == 404
        async with visiting(works, Role.VIEWER) as viewer:
            assert (await viewer.get(href)).status_code == 403
            assert (await viewer.get(link[1])).status_code == 403
            assert "Print all papers" not in (await viewer.get(f"/batches/{await batch(works)}")).text
        assert await forget_ended(works.files) == 0
        with clock.stopped_at(clock.now() + asking.LASTS):
            assert (await bala.get(link[1])).status_code == 410
            assert (await bala.get(href)).status_code == 404
            assert await forget_ended(works.files) == 1
        assert (await bala.get(link[1])).status_code == 404
    assert await works.rows("SELECT 1 FROM print_files") == []


async def test_a_store_that_is_away_is_said_and_the_button_is_there_again(works: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    await works.process()
    folder = works.settings.data_dir / "documents"
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("no folder")
    async with visiting(works) as bala:
        page, _ = await printed(works, bala, PrintKind.PICKS)
    assert "Our store of documents does not answer" in page
    assert "Print again" in page
