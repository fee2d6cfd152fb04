"""The listings pages."""

import msgspec
import pytest

from portal.listings import finding
from portal.listings.finding import Filters
from portal.listings.routes import ROUTES
from portal.postgres import Addresses
from portal.tables.people import Role
from tests.factories import make_account, make_seller
from tests.listings.test_keeping import KURTA, keep
from tests.visiting import HTMX, Person, browsing

pytestmark = pytest.mark.anyio

SAREE = msgspec.structs.replace(KURTA, sku="SAREE-1", title="Banarasi saree", external_listing_id="B02", status="blocked", pushable=False)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), ["KURTA-M", "SAREE-1"]),
        (Filters(search="KURTA-M"), ["KURTA-M"]),
        (Filters(search="B02"), ["SAREE-1"]),
        (Filters(search="banarasi"), ["SAREE-1"]),
        (Filters(search="%"), []),
        (Filters(status="blocked"), ["SAREE-1"]),
    ],
    ids=str,
)
async def test_filters_narrow(connected: Addresses, filters: Filters, expected: list[str]) -> None:
    asha = await make_seller()
    await keep(await make_account(asha), SAREE, KURTA)
    assert [row.sku for row in (await finding.search(asha, filters)).rows] == expected


async def test_pages_go_by_sku_and_back(connected: Addresses) -> None:
    """Also where two accounts sell the same SKU."""
    asha = await make_seller()
    for external in ("A1", "A2", "A3"):
        await keep(await make_account(asha, external=external, name=external), KURTA, SAREE)
    seen, page = [], await finding.search(asha, Filters(), limit=2)
    seen += [(row.sku, row.account_name) for row in page.rows]
    while page.older:
        page = await finding.search(asha, Filters(), page.older, limit=2)
        seen += [(row.sku, row.account_name) for row in page.rows]
    assert seen == [(sku, name) for sku in ("KURTA-M", "SAREE-1") for name in ("A1", "A2", "A3")]


async def test_the_pages(connected: Addresses) -> None:
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    account = await make_account(asha)
    async with browsing(Person(asha), [ROUTES]) as browser:
        assert "No listings yet" in (await browser.get("/listings")).text
        await keep(account, KURTA, SAREE)
        [kurta, saree] = (await finding.search(asha, Filters())).rows
        assert (await browser.get("/listings")).text.count('role="rowheader"') == 2
        assert "/inventory?search=KURTA-M" in (await browser.get(f"/listings/{kurta.id}")).text
        assert "keeps this stock itself" in (await browser.get(f"/listings/{saree.id}")).text
        part = await browser.get("/listings", params={"status": "blocked", "search": "x"}, headers=HTMX)
        assert "No listings match these filters." in part.text
    async with browsing(Person(asha, Role.VIEWER), [ROUTES]) as browser:
        assert "/inventory?search" not in (await browser.get(f"/listings/{kurta.id}")).text
    async with browsing(Person(chitra), [ROUTES]) as browser:
        assert (await browser.get(f"/listings/{kurta.id}")).status_code == 404
