"""What a run came to, told once and completely: in a mail, on a page, on paper; and a quiet run in one line."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from portal import clock, db
from portal.documents import reports
from portal.documents.reports import Ahead, Counted, Held, RunReport
from portal.documents.sheets import sheet
from portal.marketplaces.facts import OrderStatus, UnreadableRow
from portal.processing.reports import routes
from portal.runs import service as runs
from portal.runs.service import Taken
from tests.documents.seeing import texts
from tests.factories import make_seller
from tests.runs.conftest import PAGES, Desk
from tests.runs.conftest import desk as desk  # noqa: PLC0414 (a fixture)
from tests.visiting import Person, browsing

pytestmark = pytest.mark.anyio

REPORTS: list[Any] = [*routes.ROUTES]
NOON = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
QUIET = RunReport(number="SY-7", what="Orders", account="Surat store", place="Bazaar", ended_at=NOON, counts=(Counted(what="new", many=0),))
BUSY = replace(
    QUIET,
    counts=(Counted(what="new", many=12), Counted(what="changed", many=0), Counted(what="confirmed", many=3)),
    held=tuple(Held(number=f"OD-{number}", reason=f"Reason {number}.") for number in range(25)),
    held_more=4,
    ahead=(
        Ahead(at=NOON + timedelta(hours=9), what="to hand over", many=2),
        Ahead(at=NOON + timedelta(hours=5), what="to dispatch", many=8),
    ),
)


def test_a_quiet_run_is_one_line() -> None:
    with clock.stopped_at(NOON):
        assert reports.paragraphs(QUIET) == ("Orders of Surat store (Bazaar): nothing new at 12:00 pm.",)
        with_deadline = replace(QUIET, ahead=BUSY.ahead)
        assert reports.paragraphs(with_deadline) == (
            "Orders of Surat store (Bazaar): nothing new at 12:00 pm. Next: 8 to dispatch by 5:00 pm.",
        )


@pytest.mark.parametrize("news", [{"trouble": "No answer."}, {"held": BUSY.held[:1]}, {"held_more": 1}, {"counts": BUSY.counts}], ids=str)
def test_a_run_with_news_is_never_quiet(news: dict[str, Any]) -> None:
    assert not replace(QUIET, **news).quiet
    assert len(reports.paragraphs(replace(QUIET, **news))) > 1


def test_a_mail_says_what_was_done_what_is_held_and_what_comes() -> None:
    with clock.stopped_at(NOON):
        first, held, ahead, last = reports.paragraphs(BUSY)
    assert first == "Orders of Surat store (Bazaar): 12 new, 3 confirmed; 29 held."
    assert held.splitlines()[1] == "- OD-0: Reason 0."
    assert held.splitlines()[-1] == "- and 9 more"
    assert ahead.splitlines() == ["Coming up:", "- 8 to dispatch by 5:00 pm.", "- 2 to hand over by 9:00 pm."]
    assert "SY-7" in last


def test_the_paper_names_every_held_order() -> None:
    many = tuple(Held(number=f"OD-{number:03}", reason="Stock is short.") for number in range(120))
    pages = texts(sheet(replace(BUSY, held=many)))
    assert len(pages) > 1
    assert all(any(one.number in page for page in pages) for one in many)
    assert "and 4 more" in pages[-1]


async def _ended(desk: Desk, *, asides: int = 0) -> Taken:
    run = await desk.at_work()
    async with runs.recording(run) as (_, made):
        rows = [UnreadableRow(external_id=f"OD-{number}", reason="The pincode has 5 digits.", raw={}) for number in range(asides)]
        set_aside = await runs.keep_aside(run, rows)
        await runs.record(run, new=2, changed=1, same=0, set_aside=set_aside, cursor=None, total=None, made=made)
    await runs.fail(run, "unreachable", "Bazaar is not answering.")
    return run


async def _order(desk: Desk, number: str, due: datetime, status: OrderStatus = OrderStatus.OPEN) -> None:
    async with db.transaction(desk.seller) as held:
        await held.execute(
            """INSERT INTO orders (seller_id, marketplace_account_id, external_order_id, status, raw_status, dispatch_by, placed_at, marketplace_updated_at, currency)
               VALUES ($1, $2, $3, $4, $4, $5, now(), now(), 'INR')""",
            desk.seller,
            desk.account.id,
            number,
            status.value,
            due,
        )


async def test_the_page_and_the_paper_say_what_the_rows_say(desk: Desk) -> None:
    run = await _ended(desk, asides=3)
    due = clock.now() + timedelta(hours=4)
    await _order(desk, "A", due)
    await _order(desk, "B", due, OrderStatus.READY)
    await _order(desk, "sent", due, OrderStatus.SHIPPED)
    await _order(desk, "late", clock.now() - timedelta(hours=1))
    async with browsing(Person(desk.seller), [*PAGES, *REPORTS]) as browser:
        page = await browser.get(f"/syncs/{run.id}/report")
        assert page.status_code == 200
        for wanted in ("OD-0", "OD-2", "The pincode has 5 digits.", "Bazaar is not answering.", "2 to dispatch"):
            assert wanted in page.text
        paper = await browser.get(f"/syncs/{run.id}/report.pdf")
        assert paper.headers["content-disposition"].startswith('attachment; filename="')
        assert "OD-2: The pincode has 5 digits." in texts(paper.content)[0]
        assert f"/syncs/{run.id}/report" in (await browser.get(f"/syncs/{run.id}")).text


async def test_a_run_that_works_has_no_report_yet_and_is_not_offered_one(desk: Desk) -> None:
    run = await desk.at_work()
    async with browsing(Person(desk.seller), [*PAGES, *REPORTS]) as browser:
        assert (await browser.get(f"/syncs/{run.id}/report")).status_code == 409
        assert "/report" not in (await browser.get(f"/syncs/{run.id}")).text


async def test_another_sellers_run_has_no_report(desk: Desk) -> None:
    run = await _ended(desk)
    async with browsing(Person(await make_seller("Other")), REPORTS) as browser:
        assert (await browser.get(f"/syncs/{run.id}/report")).status_code == 404
        assert (await browser.get(f"/syncs/{run.id}/report.pdf")).status_code == 404
