"""The returns pages."""

from datetime import timedelta

import pytest

from portal import clock
from portal.errors import NotFound
from portal.postgres import Addresses
from portal.returns import finding
from portal.returns.finding import Filters
from portal.returns.routes import ROUTES
from portal.tables.people import Role
from tests.factories import make_account, make_seller
from tests.payouts.test_keeping import keep_order
from tests.returns.test_keeping import MONDAY, coming_back, keep
from tests.visiting import HTMX, Person, browsing

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), [3, 2, 1]),
        (Filters(search="R2"), [2]),
        (Filters(search="403-2"), [2]),
        (Filters(search="REV1"), [3, 2]),
        (Filters(search="KURTA-M"), [3, 2, 1]),
        (Filters(search="KURTA"), []),
        (Filters(status="DELIVERED"), [3]),
        (Filters(kind="RTO"), []),
        (Filters(claims=True), [3]),
    ],
    ids=str,
)
async def test_filters_narrow(connected: Addresses, filters: Filters, expected: list[int]) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    facts = [coming_back(number, step=number if number != 3 else 3, created_at=MONDAY + timedelta(hours=number)) for number in (1, 2, 3)]
    await keep(account, facts[0], facts[1], facts[2])
    await keep(account, coming_back(1, step=1, awbs=("FWD9",), created_at=MONDAY + timedelta(hours=1)))
    with clock.stopped_at(MONDAY + timedelta(days=5)):
        found = await finding.search(asha, filters)
    assert [row.external_return_id for row in found.rows] == [
        f"R{number}" for number in expected if not (filters.search == "REV1" and number == 1)
    ]


async def test_a_return_nobody_dated_is_on_the_last_page(connected: Addresses) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await keep(account, coming_back(1, created_at=None), coming_back(2), coming_back(3))
    first = await finding.search(asha, Filters(), limit=2)
    last = await finding.search(asha, Filters(), first.older, limit=2)
    assert [row.external_return_id for row in (*first.rows, *last.rows)] == ["R3", "R2", "R1"]
    assert last.older == ""


async def test_the_pages(connected: Addresses) -> None:
    """Refunds only for those who may see money; the order is a link once it is known."""
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    account = await make_account(asha)
    async with browsing(Person(asha), [ROUTES]) as browser:
        assert "No returns yet" in (await browser.get("/returns")).text
        await keep(account, coming_back(step=3))
        [row] = (await finding.search(asha, Filters())).rows
        assert "is not known here" in (await browser.get(f"/returns/{row.id}")).text
        assert "not synced yet" in (await browser.get(f"/returns/{row.id}")).text
        await keep_order(account, "403-1")
        assert "/orders/" in (await browser.get(f"/returns/{row.id}")).text
        part = await browser.get("/returns", params={"kind": "RTO"}, headers=HTMX)
        assert part.text.strip().startswith('<div id="results">')
        assert "No returns match these filters." in part.text
    for role, money in ((Role.OWNER, True), (Role.FINANCE, True), (Role.OPERATOR, False), (Role.VIEWER, False)):
        async with browsing(Person(asha, role), [ROUTES]) as browser:
            for path in ("/returns", f"/returns/{row.id}"):
                assert ("₹499.00" in (await browser.get(path)).text) is money
    async with browsing(Person(chitra), [ROUTES]) as browser:
        assert (await browser.get(f"/returns/{row.id}")).status_code == 404
        assert "R1" not in (await browser.get("/returns")).text
    with pytest.raises(NotFound):
        await finding.show(asha, 2**70)
