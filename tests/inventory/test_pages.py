"""The stock pages: what nobody touched does not change, what changes is looked at first, and a push starts one run per account."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from portal import clock, db
from portal.inventory import finding, service
from portal.inventory.finding import Filters
from portal.inventory.routes import ROUTES
from portal.jobs import Jobs
from portal.marketplaces import registry
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.postgres import Addresses
from portal.tables.people import Role
from tests.factories import make_account, make_seller
from tests.inventory.test_service import approved, on_sale, settle
from tests.visiting import HTMX, Browser, Person, browsing

pytestmark = pytest.mark.anyio


class Remembered(Jobs):
    """A queue that only remembers."""

    def __init__(self) -> None:
        self.asked: list[UUID] = []

    async def sync(self, code: str, run_id: UUID, attempt: int, **_: Any) -> None:
        self.asked.append(run_id)


@pytest.fixture
async def account(connected: Addresses) -> AccountRef:
    return await make_account(await make_seller())


@pytest.fixture
def jobs() -> Remembered:
    return Remembered()


@pytest.fixture(autouse=True)
def pushing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A marketplace that takes stock."""
    place = registry.marketplace("AMAZON_IN")
    monkeypatch.setitem(
        registry._BY_CODE, "AMAZON_IN", replace(place, supported_targets=place.supported_targets | {ScheduleTarget.INVENTORY})
    )


@pytest.fixture
async def asha(account: AccountRef, jobs: Remembered) -> AsyncIterator[Browser]:
    async with browsing(Person(account.seller_id), [ROUTES], jobs=jobs) as browser:
        yield browser


def boxes(html: str) -> dict[str, str]:
    """What the form would send, untouched."""
    return dict(re.findall(r'name="((?:quantity|shown)-\d+)"[^>]*value="(\d*)"', html))


async def test_review_then_push(asha: Browser, account: AccountRef, jobs: Remembered) -> None:
    ids = await on_sale(account, "A", "B", "C")
    form = boxes((await asha.get("/inventory")).text)
    assert len(form) == 6
    form[f"quantity-{ids['A']}"], form[f"quantity-{ids['B']}"] = "9", " 0 "
    sent = await asha.send_form("/inventory/push", form)
    review = (await asha.get(sent.headers["location"])).text
    assert review.count('role="rowheader"') == 2
    assert "Goes to 0" in review
    assert jobs.asked == []
    pushed = await asha.send_form(f"{sent.headers['location']}/approve")
    assert pushed.headers["location"] == f"/syncs/{jobs.asked[0]}"
    assert [(line.sku, line.quantity) for line in await service.lines_to_push(account)] == [("A", 9), ("B", 0)]
    assert "sent on their way" in (await asha.get(sent.headers["location"])).text


async def test_a_box_nobody_touched_changes_nothing(asha: Browser, account: AccountRef) -> None:
    """Although the marketplace sold something since the page was opened."""
    await on_sale(account, "A", quantity=10)
    form = boxes((await asha.get("/inventory")).text)
    await on_sale(account, "A", quantity=9)
    sent = await asha.send_form("/inventory/push", form)
    assert sent.headers["location"] == "/inventory"
    assert await service.lines_to_push(account) == []


@pytest.mark.parametrize("typed", ["-1", "1.5", "", "ten", "1000001", "9" * 40, "२"])
async def test_a_quantity_that_cannot_be_comes_back_with_what_was_typed(asha: Browser, account: AccountRef, typed: str) -> None:
    ids = await on_sale(account, "A")
    box = f"quantity-{ids['A']}"
    answer = await asha.send_form("/inventory/push", {box: typed, f"shown-{ids['A']}": "10"})
    assert answer.status_code == 422
    assert f'href="#{box}"' in answer.text
    assert f'value="{typed}"' in answer.text


async def test_the_table_knows_the_later_of_told_and_pushed(account: AccountRef) -> None:
    """A push counts until the marketplace has been seen again, also when it then says what it said before."""
    ids = await on_sale(account, "A", quantity=10)

    async def row() -> tuple[int | None, int | None, str]:
        [one] = (await finding.search(account.seller_id, Filters())).rows
        return one.there, one.coming, one.state

    assert await row() == (10, 10, "")
    await approved(account, {ids["A"]: 7})
    assert await row() == (10, 7, "pending")
    with clock.stopped_at(clock.now() + timedelta(minutes=1)):
        await settle(account, await service.lines_to_push(account), "accepted")
    assert await row() == (7, 7, "accepted")
    with clock.stopped_at(clock.now() + timedelta(minutes=2)):
        await on_sale(account, "A", quantity=10)
    assert await row() == (10, 10, "accepted")


async def test_refused_lines_are_shown_with_their_reason_and_retried(asha: Browser, account: AccountRef, jobs: Remembered) -> None:
    ids = await on_sale(account, "A", "B")
    await approved(account, {ids["A"]: 7, ids["B"]: 8})
    await settle(account, await service.lines_to_push(account), "accepted", "refused", message="SKU not found")
    page = (await asha.get("/inventory", params={"state": "refused"})).text
    assert "SKU not found" in page
    assert "Retry 1" in page
    assert page.count('role="rowheader"') == 1
    await asha.send_form(f"/inventory/accounts/{account.id}/retry")
    assert len(jobs.asked) == 1
    assert await finding.refused(account.seller_id) == []


async def test_who_may_not_push_sees_no_box(account: AccountRef) -> None:
    ids = await on_sale(account, "A")
    draft_id = await service.draft(account.seller_id, {ids["A"]: 3}, by="asha")
    for role in (Role.FINANCE, Role.VIEWER):
        async with browsing(Person(account.seller_id, role), [ROUTES]) as browser:
            assert boxes((await browser.get("/inventory")).text) == {}
            assert (await browser.send_form("/inventory/push", {f"quantity-{ids['A']}": "3"})).status_code == 403
            assert (await browser.get(f"/inventory/push/{draft_id}")).status_code == 403
            assert (await browser.send_form(f"/inventory/push/{draft_id}/approve")).status_code == 403


async def test_chitra_sees_nothing_of_ashas(account: AccountRef, jobs: Remembered) -> None:
    ids = await on_sale(account, "A")
    draft_id = await service.draft(account.seller_id, {ids["A"]: 3}, by="asha")
    chitra = await make_seller("Chitra Crafts")
    async with browsing(Person(chitra), [ROUTES], jobs=jobs) as browser:
        assert boxes((await browser.get("/inventory")).text) == {}
        assert (await browser.send_form("/inventory/push", {f"quantity-{ids['A']}": "3"})).status_code == 404
        draft = f"/inventory/push/{draft_id}"
        for path in (f"{draft}/approve", f"{draft}/discard", f"/inventory/accounts/{account.id}/retry"):
            assert (await browser.send_form(path)).status_code == 404
    assert jobs.asked == []
    assert (await service.review(account.seller_id, draft_id)).open


async def test_a_filter_answers_the_results_only(asha: Browser, account: AccountRef) -> None:
    await on_sale(account, "A", "B")
    part = await asha.get("/inventory", params={"search": "B"}, headers=HTMX)
    assert part.text.strip().startswith('<div id="results">')
    assert part.text.count('role="rowheader"') == 1
    assert "_csrf_token" in part.text


async def test_a_draft_counts_from_what_is_on_its_way(account: AccountRef) -> None:
    """Going back to what the marketplace has is a change while another quantity is on its way there."""
    ids = await on_sale(account, "A", quantity=10)
    await approved(account, {ids["A"]: 7})
    async with db.transaction(account.seller_id):
        back = await service.draft(account.seller_id, {ids["A"]: 10}, by="asha")
    await service.approve(account.seller_id, back)
    assert [line.quantity for line in await service.lines_to_push(account)] == [10]
