"""Each scheduled batch is reported once, by a real mail: what was done, what is held and why, and its papers behind one link."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from portal.documents.routes import ROUTES as DOCUMENTS
from portal.mail import LINKS
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import Decision
from portal.marketplaces.registry import CODES
from portal.orders.routes import ROUTES as ORDERS
from portal.outbox import service as outbox
from portal.postgres import Addresses
from portal.processing import held_orders
from portal.processing.reports import mailing, reading
from portal.processing.reports.routes import ROUTES as REPORTS
from portal.runs import service as runs
from portal.settings import Settings
from portal.tables.people import Role
from portal.tables.processing import ClosePolicy
from portal.tables.syncs import RunState, SyncRun, Trigger
from portal.vault import Vault
from tests.documents.seeing import texts
from tests.factories import make_user
from tests.mailserver import Server, listening
from tests.processing.floor import Floor, floor
from tests.processing.pipelines.ajio import PIPELINE
from tests.visiting import Browser, Person, browsing

pytestmark = pytest.mark.anyio

PUBLIC = "https://portal.example.in"


@pytest.fixture
async def works(connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=8) as one:
        await make_user(one.seller, "asha@example.in")
        await make_user(one.seller, "finance@example.in", role=Role.FINANCE)
        yield one


@pytest.fixture
async def smtp() -> AsyncIterator[Server]:
    async with listening() as server:
        yield server


def visiting(works: Floor, role: Role = Role.OPERATOR) -> Browser:
    person = Person(works.seller, role)
    return browsing(person, [*REPORTS, *DOCUMENTS], vault=works.vault, data_dir=works.settings.data_dir)  # type: ignore[return-value]


async def scheduled(works: Floor) -> SyncRun:
    """A run that the clock started, worked to its end."""
    started = await runs.start(works.seller, works.account.id, ScheduleTarget.FULL_PROCESSING, jobs=works.jobs, trigger=Trigger.SCHEDULE)
    return await works.work(started.run_id)


async def mailed(works: Floor, run_id: UUID, smtp: Server) -> list[str]:
    """What arrives at the mail server when the worker has done its part."""
    await mailing.ask_for_due(works.jobs, CODES)
    await mailing.report_run(works.context(), run_id=str(run_id))
    settings = Settings(smtp_url=smtp.url, public_url=PUBLIC)
    await outbox.deliver(settings, works.vault.derived(LINKS))
    return [f"{letter['to']}\n{letter['subject']}\n{letter.get_content()}".replace("\r\n", "\n") for letter in smtp.kept]


async def test_a_scheduled_batch_is_mailed_once_with_its_papers(works: Floor, smtp: Server) -> None:
    bad = works.world.sold[3]
    bad.gstin = "27AAPFU0939F1ZX"
    run = await scheduled(works)
    assert await mailing.ask_for_due(works.jobs, [code for code in CODES if code != works.account.code]) == 0
    assert await mailing.ask_for_due(works.jobs, CODES) == 1
    (letter,) = await mailed(works, run.id, smtp)
    assert letter.startswith("asha@example.in\n")
    assert "8 taken in" in letter
    assert "7 processed; 1 held; waiting for you." in letter
    assert f"- {bad.order_id}: The buyer's GSTIN" in letter
    link = re.search(rf"{PUBLIC}(/documents/\S+)", letter)
    assert link is not None
    async with visiting(works) as bala:
        paper = await bala.get(link[1])
        assert paper.headers["content-disposition"] == 'attachment; filename="batch-1.pdf"'
        assert f"{len(texts(paper.content))} pages in one PDF" in letter
        shown = (await bala.get(f"/syncs/{run.id}/report")).text
        assert link[1].partition("?")[0] in shown
        assert "Decide about held orders" in shown
    async with visiting(works, Role.FINANCE) as finance:
        assert "/documents/" not in (await finance.get(f"/syncs/{run.id}/report")).text
        assert (await finance.get(link[1])).status_code == 403
    assert await mailing.ask_for_due(works.jobs, CODES) == 0
    assert len(await mailed(works, run.id, smtp)) == 1
    assert len(await works.rows("SELECT 1 FROM print_files")) == 1


async def test_a_quiet_run_says_so_in_one_line(works: Floor, smtp: Server) -> None:
    await works.process()
    run = await scheduled(works)
    (letter,) = await mailed(works, run.id, smtp)
    body = letter.split("\n", 2)[2].partition("\n-- ")[0].strip()
    assert "\n" not in body
    assert "nothing new at" in body
    assert "/documents/" not in letter
    assert await works.rows("SELECT 1 FROM print_files") == []


async def test_only_what_the_clock_started_is_mailed_and_only_when_it_has_ended(works: Floor) -> None:
    await works.process()
    works.world.add(2)
    works.world.desk.hold_s = 3600.0
    run = await scheduled(works)
    assert run.state == RunState.WAITING
    assert await mailing.ask_for_due(works.jobs, CODES) == 0


async def test_the_report_says_what_is_held_what_left_what_waits_and_what_comes(works: Floor) -> None:
    undecided, dropped = works.world.sold[1], works.world.sold[3]
    undecided.gstin = dropped.gstin = "27AAPFU0939F1ZX"
    await works.process()
    ids = {row["external_order_id"]: row["id"] for row in await works.rows("SELECT id, external_order_id FROM batch_orders")}
    await held_orders.decide(works.seller, ids[dropped.order_id], Decision.DROP, {}, by="Asha")
    await works.rule(close_policy=ClosePolicy.MANUAL)
    works.world.add(3)
    fresh = works.world.sold[-1]
    fresh.gstin = "27AAPFU0939F1ZX"
    run = await scheduled(works)
    report = await reading.report_of(works.seller, run.id)
    assert [(one.what, one.many) for one in report.counts] == [("taken in", 3), ("documents", 6), ("processed", 0)]
    assert [one.number for one in report.held] == [fresh.order_id]
    assert [one.number for one in report.left] == [dropped.order_id]
    assert report.waiting == 1
    assert [(one.what, one.many) for one in report.ahead if one.what == "to hand over"] == [("to hand over", 2)]
    await held_orders.decide(works.seller, (await works.rows("SELECT id FROM batch_orders WHERE state = 'held' ORDER BY id DESC"))[0]["id"],
                             Decision.DROP, {}, by="Asha")  # fmt: skip
    async with visiting(works) as bala:
        shown = (await bala.get(f"/syncs/{run.id}/report")).text
        paper = "\n".join(texts((await bala.get(f"/syncs/{run.id}/report.pdf")).content))
    assert f"<strong>{fresh.order_id}</strong>" in shown
    assert "Decided since" in shown
    assert "Held by earlier runs and not decided yet: 1." in shown
    assert "2 to hand over" in shown
    assert "Dropped: cancelled at AJIO as you decided." in shown
    assert dropped.order_id in paper
    assert undecided.order_id not in paper


async def test_the_page_of_an_order_leads_to_its_batch(works: Floor) -> None:
    await works.process()
    row = (await works.rows("SELECT o.id, b.batch_id FROM orders o JOIN batch_orders b USING (external_order_id) LIMIT 1"))[0]
    async with browsing(Person(works.seller), [ORDERS], vault=works.vault, data_dir=works.settings.data_dir) as asha:
        assert f'href="/batches/{row["batch_id"]}"' in (await asha.get(f"/orders/{row['id']}")).text
