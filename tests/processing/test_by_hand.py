"""Orders of a captured session go from open to closed manifests, with the seller's own hands between the portal and the panel."""

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from portal import clock
from portal.errors import BadInput, Conflict
from portal.marketplaces.ajio.stages import STAGES
from portal.marketplaces.errands import Brought
from portal.marketplaces.facts import Decision
from portal.marketplaces.sandbox_papers import Sheet, printed
from portal.postgres import Addresses
from portal.processing import closing, cutoffs, errands, finding, held_orders
from portal.processing.closing import Rule
from portal.processing.routes import ROUTES
from portal.tables.people import Role
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.factories import make_seller, make_user
from tests.processing.by_hand import PIPELINE, agrees, bring, fetched, hands, open_errand, uploaded
from tests.processing.dying import dies_at
from tests.processing.floor import Floor, floor
from tests.processing.test_eleven_stages import only_short
from tests.processing.test_interruptions import carried_on
from tests.processing.test_killing import proven
from tests.visiting import Person, browsing
from tests.workers import Rings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def works(connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=6) as one:
        yield one


async def waits_at(works: Floor, stage: str) -> Any:
    """Bring the batch as far as this stage's errand, which is answered."""
    run = await works.process()
    while (errand := await open_errand(works)) is not None and errand["stage"] != stage:
        await hands(works)
        run = await works.process()
    assert run.state == RunState.WAITING, run.error_message
    assert errand is not None
    return errand


async def refused(works: Floor, errand: Any, brought: Brought) -> list[str]:
    """Bring something wrong; the sentences that the same errand is asked with again."""
    before = await works.orders()
    await bring(works, errand, brought)
    assert (await works.process()).state == RunState.WAITING
    assert await works.orders() == before
    shown = (await finding.show(works.seller, errand["batch_id"])).errand
    assert shown is not None
    assert (shown.looking, shown.file_name) == (False, errand["file_name"])
    return list(shown.problems)


async def test_forty_orders_end_on_closed_manifests(connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=40) as works:
        short, rejected = works.world.sold[3], works.world.sold[17]
        await only_short(works, short.order_id)
        works.world.desk.rejects[rejected.order_id] = "item is not serviceable"
        run = await works.through()
        held = {short.order_id: "stock_short", rejected.order_id: "confirmation_rejected"}
        assert (run.state, run.partial_reason) == (RunState.PARTIAL, "2 orders are held and wait for your decision.")
        assert await works.held() == held
        assert await works.stages() == {stage.code: "done" for stage in STAGES}
        await agrees(works, held)
        # The first confirmation was refused as a whole, the second one had all but the rejected order.
        assert sorted(works.world.desk.uploads.values()) == ["ACCEPTED", "REJECTED"]
        assert {row["state"] for row in await works.rows("SELECT state FROM batch_errands")} == {"done"}
        for one in [order for group in await held_orders.listed(works.seller) for order in group.orders]:
            await held_orders.decide(works.seller, one.id, Decision.DROP, {}, by="Asha")
        assert (await works.through()).state == RunState.SUCCEEDED
        assert works.world.desk.cancelled == dict.fromkeys(held, 1)
        assert {(await works.orders())[order_id]["state"] for order_id in held} == {"gone"}


async def test_who_waits_keeps_no_worker_and_is_looked_after(works: Floor) -> None:
    errand = await waits_at(works, "confirm")
    (run,) = await works.rows("SELECT id, state, resume_at, error_code FROM sync_runs")
    assert (run["state"], run["error_code"]) == ("waiting", "stage_waits")
    assert (await works.stages())["confirm"] == "waiting"
    # Uploaded in the panel, and not a word about it here: the report tells.
    await fetched(works, errand)
    assert (await works.through()).state == RunState.SUCCEEDED
    await agrees(works, {})


async def test_a_word_must_be_true_and_a_confirmation_is_taken_once(works: Floor) -> None:
    errand = await waits_at(works, "confirm")
    (problem,) = await refused(works, errand, Brought())
    assert "still shows these orders as new" in problem
    assert works.world.desk.accepted == {}
    content = await works.files.read(errand["file_key"], sha256=errand["file_sha256"])
    assert (await uploaded(works, "confirm", content)).status_code == 200
    again = load_workbook(io.BytesIO((await uploaded(works, "confirm", content)).content)).worksheets[0]
    assert {row[-1] for row in again.iter_rows(min_row=2, values_only=True)} == {"this sheet was taken already"}
    assert (await works.through()).state == RunState.SUCCEEDED
    await agrees(works, {})


def book(*rows: tuple[str, ...]) -> bytes:
    made, page = io.BytesIO(), Workbook()
    for row in rows:
        page.worksheets[0].append(row)
    page.save(made)
    return made.getvalue()


async def test_a_wrong_result_is_refused_row_by_row(works: Floor) -> None:
    errand = await waits_at(works, "confirm")
    order = works.world.sold[0].order_id
    columns = ("Upload Id", "Cust Order No", "Status")
    upload_id = errand["file_name"].removeprefix("confirmation-").removesuffix(".xlsx")
    wrong = book(columns, (upload_id, order, "PERHAPS"), (upload_id, "FN99", "ACCEPTED"))
    errand = await open_errand(works)
    found = await refused(works, errand, Brought(file_name="a.xlsx", content=wrong))
    assert found[:2] == [
        f"Row 2: the status of order {order} is neither accepted nor rejected.",
        "Row 3: order FN99 is not in this confirmation.",
    ]
    assert found[2:] == [f"Order {one.order_id} has no row in this file." for one in works.world.sold[1:]]
    for content, sentence in (
        (b"Order,Colour\n1,red", "No sheet of this file has the columns"),
        (b"PK\x03\x04 nonsense", "a.xlsx is damaged, or is no Excel file"),
        (book(columns, ("another", order, "ACCEPTED")), "This is the result of another confirmation."),
        (b"Status,Cust Order No\nACCEPTED\n", "Row 2: order without a number is not in this confirmation."),
    ):
        problem, *_ = await refused(works, await open_errand(works), Brought(file_name="a.xlsx", content=content))
        assert sentence in problem
    assert (await works.through()).state == RunState.SUCCEEDED
    await agrees(works, {})


async def test_papers_of_others_and_half_of_them(works: Floor) -> None:
    errand = await waits_at(works, "labels")
    await uploaded(works, "labels", await works.files.read(errand["file_key"]))
    strange = printed([Sheet(lines=("Order FN99",)), Sheet(lines=(works.world.sold[0].order_id, works.world.sold[1].order_id))])
    first, second = sorted(order.order_id for order in works.world.sold[:2])
    assert await refused_pages(works, strange) == [
        "Page 1 names nothing that this batch waits for.",
        f"Page 2 names more than one: {first} and {second}.",
    ]
    assert await refused_pages(works, b"no pdf") == ["This is no PDF. Upload the file that the seller panel gave, as it is."]
    assert await refused_pages(works, b"%PDF-1.4 cut off") == [
        "This PDF is damaged or has a password. Download it from the seller panel again."
    ]
    # Half of the labels: those orders have them, the others are asked for by name.
    missing = works.world.sold[4:]
    half = printed([Sheet(lines=(order.order_id,), barcode=order.awb) for order in works.world.sold[:4]])
    await bring(works, await open_errand(works), Brought(file_name="half.pdf", content=half))
    await works.process()
    errand = await open_errand(works)
    shown = (await finding.show(works.seller, errand["batch_id"])).errand
    assert shown is not None
    assert list(shown.problems) == [f"The PDF had no page for order {order.order_id}." for order in missing]
    # For one of them the panel has none at all.
    last = printed([Sheet(lines=(missing[0].order_id,), barcode=missing[0].awb)])
    await bring(works, errand, Brought(file_name="one.pdf", content=last))
    await works.process()
    await bring(works, await open_errand(works), Brought())
    run = await works.through()
    assert run.state == RunState.PARTIAL
    assert await works.held() == {missing[1].order_id: "label_missing"}


async def refused_pages(works: Floor, content: bytes) -> list[str]:
    before = await works.orders()
    await bring(works, await open_errand(works), Brought(file_name="labels.pdf", content=content))
    await works.process()
    assert await works.orders() == before
    errand = await open_errand(works)
    shown = (await finding.show(works.seller, errand["batch_id"])).errand
    assert shown is not None
    return list(shown.problems)


async def test_a_shopper_who_leaves_during_the_hold_takes_the_order_out(works: Floor) -> None:
    errand = await waits_at(works, "labels")
    gone = works.world.sold[2]
    gone.state = "CANCELLED"
    gone.encoded.clear()
    await uploaded(works, "labels", await works.files.read(errand["file_key"]))
    assert works.world.desk.invoiced == {}
    await errands.look(works.seller, errand["batch_id"], jobs=works.jobs, by="Asha")
    assert (await works.process()).state == RunState.WAITING
    assert (await open_errand(works))["file_name"] != errand["file_name"]
    run = await works.through()
    assert run.state == RunState.SUCCEEDED
    assert (await works.orders())[gone.order_id]["state"] == "gone"
    assert gone.order_id not in works.world.desk.dispatched


async def test_a_parcel_that_the_manifest_does_not_name_is_held(works: Floor) -> None:
    errand = await waits_at(works, "close_manifest")
    parcels = [order for order in works.world.sold if order.carrier == "Delhivery"]
    behind = parcels[-1]
    await uploaded(works, "close_manifest", await works.files.read(errand["file_key"]))
    page = printed([Sheet(lines=tuple(order.awb for order in parcels[:-1]))])
    await bring(works, errand, Brought(file_name="manifest.pdf", content=page))
    await works.process()
    assert await works.held() == {behind.order_id: "not_dispatched"}
    errand = await open_errand(works)
    assert "The PDF had no page of manifest Xpressbees 1." in errand["problems"]
    # Of the rest the panel gives no paper; its report says that they have gone.
    await bring(works, errand, Brought())
    assert (await works.process()).state == RunState.PARTIAL
    assert await works.held() == {behind.order_id: "not_dispatched"}


async def test_who_may_act_is_told_once_and_again_before_the_cutoff(works: Floor) -> None:
    await make_user(works.seller, role=Role.OPERATOR)
    await waits_at(works, "confirm")
    (batch,) = await works.rows("SELECT id FROM batches")
    await errands.look(works.seller, batch["id"], jobs=works.jobs, by="Asha")
    await works.process()
    assert [row["subject"] for row in await works.rows("SELECT subject FROM mails")] == ["Batch 1 of Surat store waits for you"]
    errand = await waits_at(works, "close_manifest")
    with clock.stopped_at(closing.next_cutoff(Rule(), clock.now()) - timedelta(minutes=29)):
        assert await cutoffs.warn_due() == 1
        await bring(works, errand, await fetched(works, errand))
        await works.rows("UPDATE batches SET next_warning_at = NULL")
        assert await cutoffs.warn_due() == 0
    (mail,) = await works.rows("SELECT subject, body FROM mails WHERE subject LIKE '% left to close %'")
    assert mail["subject"].startswith("29 min left")
    assert errand["words"] in mail["body"]


async def test_what_nobody_asked_for_is_refused_at_once(works: Floor) -> None:
    errand = await waits_at(works, "labels")
    for brought, sentence in (
        (Brought(file_name="labels.xlsx", content=b"x"), "ends in .pdf"),
        (Brought(file_name="labels.pdf"), "something in it"),
        (Brought(file_name="labels.pdf", content=b"x" * (20 * 1024 * 1024 + 1)), "20 MB at most"),
    ):
        with pytest.raises(BadInput) as mistake:
            await bring(works, errand, brought)
        assert sentence in mistake.value.fields["brought"]
    content = await fetched(works, errand)
    await bring(works, errand, content)
    with pytest.raises(Conflict):
        await bring(works, errand, content)
    (row,) = await works.rows("SELECT brought_key FROM batch_errands WHERE state = 'brought'")
    assert (await works.through()).state == RunState.SUCCEEDED
    assert not list(works.settings.data_dir.rglob(row["brought_key"].rpartition("/")[2])), "what was brought is gone once it is taken in"


async def test_nothing_is_kept_for_a_shop_that_has_left(works: Floor) -> None:
    """Its papers were deleted by then, and nobody would look at what is brought."""
    errand = await waits_at(works, "labels")
    brought = await fetched(works, errand)
    kept = list(works.settings.data_dir.rglob("*"))
    await works.rows("UPDATE marketplace_accounts SET state = 'disconnected'")
    with pytest.raises(Conflict) as refused:
        await bring(works, errand, brought)
    assert "Connect it again first" in refused.value.seller_message
    assert list(works.settings.data_dir.rglob("*")) == kept


async def test_the_page_hands_out_the_file_and_takes_what_comes_back(works: Floor) -> None:
    errand = await waits_at(works, "confirm")
    href = f"/batches/{errand['batch_id']}"
    at: dict[str, Any] = {"jobs": works.jobs, "data_dir": works.settings.data_dir}
    async with browsing(Person(works.seller), ROUTES, **at) as asha:
        shown = (await asha.get(href)).text
        assert errand["words"] in shown
        assert "Continue the batch" not in shown
        sheet = await asha.get(f"{href}/errands/{errand['id']}/file")
        assert (sheet.content[:2], sheet.headers["cache-control"]) == (b"PK", "no-store")
        assert errand["file_name"] in sheet.headers["content-disposition"]
        result = await uploaded(works, "confirm", sheet.content)
        answer = f"{href}/errands/{errand['id']}"
        for upload in ({"brought": ("a.pdf", b"%PDF-")}, {"brought": ("", b"")}):
            again = await asha.send_form(answer, files=upload)
            assert (again.status_code, "There is a problem" in again.text) == (422, True)
        assert (await asha.send_form(answer, {"look": "yes"})).status_code == 303
        assert (await asha.send_form(answer, files={"brought": ("result.xlsx", result.content)})).status_code == 303
        assert "We are looking at what you reported." in (await asha.get(href)).text
        assert (await asha.send_form(answer, {"done": "yes"})).status_code == 409
        await works.process()
        assert "Pack these orders in the seller panel" in (await asha.get(href)).text
    async with browsing(Person(works.seller, Role.VIEWER), ROUTES, **at) as viewer:
        shown = (await viewer.get(href)).text
        assert "Pack these orders in the seller panel" in shown
        assert "/errands/" not in shown
        assert (await viewer.get(f"{answer}/file")).status_code == 403
    async with browsing(Person(await make_seller("Chitra Crafts")), ROUTES, **at) as chitra:
        assert (await chitra.get(f"{answer}/file")).status_code == 404
        assert (await chitra.send_form(answer, {"done": "yes"})).status_code == 404
        assert (await chitra.send_form(answer, {"look": "yes"})).status_code == 404


async def test_what_was_brought_outlives_no_worker_that_died(works: Floor) -> None:
    """It may be full of buyers: whoever goes on with the batch deletes what was taken in and still lies there."""
    errand = await waits_at(works, "labels")
    await bring(works, errand, await fetched(works, errand))
    (row,) = await works.rows("UPDATE batch_errands SET state = 'done' WHERE state = 'brought' RETURNING brought_key")
    name = row["brought_key"].rpartition("/")[2]
    assert list(works.settings.data_dir.rglob(name))
    await works.process()
    assert not list(works.settings.data_dir.rglob(name))


async def killed_at(works: Floor, position: int, side: str) -> None:
    with dies_at(lambda step: step.position == position and step.over is (side == "after")):
        await works.through()
    await works.rows("UPDATE sync_runs SET heartbeat_at = now() - interval '1 hour' WHERE finished_at IS NULL")
    await carried_on(works)


@pytest.mark.parametrize(("position", "side"), [(7, "before")])
async def test_killed_at_a_boundary_it_goes_on_there(works: Floor, position: int, side: str) -> None:
    await killed_at(works, position, side)


@pytest.mark.soak
@pytest.mark.parametrize("position", range(1, len(STAGES) + 1))
@pytest.mark.parametrize("side", ["before", "after"])
async def test_killed_at_every_boundary(works: Floor, position: int, side: str) -> None:
    await killed_at(works, position, side)


@pytest.mark.soak
async def test_ten_workers_are_killed(connected: Addresses, keys: Vault, rings: Rings, tmp_path: Path) -> None:
    await proven(PIPELINE, connected, keys, rings, tmp_path, kills=10, within=10)
