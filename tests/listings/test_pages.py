"""The listings pages."""

import dataclasses
import io
import threading
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
import pytest

from portal.listings import finding, uploads
from portal.listings.finding import Filters
from portal.listings.routes import ROUTES
from portal.marketplaces import registry
from portal.marketplaces.facts import ListingFact, UnreadableRow
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


def read_lines(name: str, stream: BinaryIO) -> Iterator[ListingFact | UnreadableRow]:
    """A listings file of no marketplace: SKU, blank, quantity."""
    for number, text in enumerate(stream.read().decode().splitlines(), start=1):
        sku, _, quantity = text.partition(" ")
        if quantity.isdigit():
            yield msgspec.structs.replace(KURTA, sku=sku, quantity_seen=int(quantity))
        else:
            yield UnreadableRow(external_id=f"row {number}", reason="no quantity", raw={})


async def test_nobody_waits_while_a_file_is_opened(connected: Addresses) -> None:
    """A reader may measure a workbook for half a minute before it answers its first row."""
    account = await make_account(await make_seller())

    def read(name: str, stream: BinaryIO) -> Iterator[ListingFact | UnreadableRow]:
        assert threading.current_thread() is not threading.main_thread()
        return iter([KURTA])

    assert (await uploads.take(account, "a.csv", io.BytesIO(b"x"), read, by="asha")).kept.new == 1


async def test_a_listings_file(connected: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept at once; rows that cannot be read are named; the same file again changes nothing."""
    place = dataclasses.replace(registry.marketplace("AMAZON_IN"), read_listing_file=read_lines)
    monkeypatch.setitem(registry._BY_CODE, "AMAZON_IN", place)
    asha = await make_seller()
    account = await make_account(asha)

    async with browsing(Person(asha), [ROUTES]) as browser:

        async def send(content: bytes, name: str = "stock.csv", whose: str = str(account.id)) -> tuple[int, str]:
            answer = await browser.send_form("/listings/uploads", {"account": whose}, files={"file": (name, content)})
            if answer.status_code == 303:
                return 303, (await browser.get("/listings")).text
            return answer.status_code, answer.text

        status, text = await send(b"A 5\nB six\nC 7\n")
        assert status == 200
        assert "row 2: no quantity" in text
        assert "2 new" in text
        status, text = await send(b"A 5\nC 8\n")
        assert status == 303
        assert "0 listings are new, 1 changed, 1 stayed the same." in text
        for content, name, whose in ((b"nothing", "a.csv", str(account.id)), (b"A 5", "a.pdf", str(account.id)), (b"A 5", "a.csv", "x")):
            status, text = await send(content, name, whose)
            assert status == 422
            assert "There is a problem" in text
    chitra = await make_seller("Chitra Crafts")
    async with browsing(Person(chitra), [ROUTES]) as browser:
        answer = await browser.send_form("/listings/uploads", {"account": str(account.id)}, files={"file": ("a.csv", b"A 99")})
        assert answer.status_code == 404
    async with browsing(Person(asha, Role.VIEWER), [ROUTES]) as browser:
        answer = await browser.send_form("/listings/uploads", {"account": str(account.id)}, files={"file": ("a.csv", b"A 99")})
        assert answer.status_code == 403
