"""Numbers of invoices: one after the other, whoever asks at once and whoever falls over on the way."""

import asyncio
from datetime import UTC, date, datetime
from uuid import UUID

import asyncpg
import pytest

from portal import clock, db
from portal.documents.billing import NUMBER
from portal.invoicing import issuing, series
from portal.invoicing.series import SeriesFull, financial_year
from portal.marketplaces.contract import AccountRef
from portal.postgres import Addresses
from portal.vault import Vault
from tests.factories import make_account, make_seller
from tests.invoicing.making import GSTIN, rows, settle, sold

pytestmark = pytest.mark.anyio

NUMBERS = "SELECT number, serial FROM tax_invoices ORDER BY serial"


@pytest.mark.parametrize(
    ("day", "year"), [(date(2026, 3, 31), "2526"), (date(2026, 4, 1), "2627"), (date(2026, 12, 31), "2627"), (date(2100, 1, 1), "9900")]
)
def test_a_financial_year_begins_in_april(day: date, year: str) -> None:
    assert financial_year(day) == year


async def test_twenty_at_once_get_twenty_numbers_in_a_row(connected: Addresses, keys: Vault) -> None:
    """From two accounts that share a series, each order asked for twice, five connections between them."""
    asha = await make_seller()
    orders = []
    for place in ("A1", "A2"):
        account = await make_account(asha, external=place, name=place)
        await settle(account)
        orders += [await sold(account, keys, number) for number in range(10)]
    await asyncio.gather(*(issuing.issue(asha, order, seal=None, by="Asha") for order in orders * 2))
    found = await rows(asha, NUMBERS)
    assert [row["serial"] for row in found] == list(range(1, 21))
    assert {row["number"] for row in found} == {f"AT/2627/{serial}" for serial in range(1, 21)}
    assert len(await rows(asha, "SELECT FROM invoice_series")) == 1


async def test_a_transaction_that_is_killed_leaves_no_gap(connected: Addresses, keys: Vault) -> None:
    """Whoever waits behind it gets the number that it had."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    lost, kept = [await sold(account, keys, number) for number in (1, 2)]
    numbered = asyncio.Event()
    backend: list[int] = []

    async def dies() -> None:
        async with db.transaction(asha) as held:
            await issuing.issue(asha, lost, seal=None, by="Asha")
            backend.append(await held.fetchval("SELECT pg_backend_pid()"))
            numbered.set()
            await held.fetchval("SELECT pg_sleep(60)")

    dying = asyncio.create_task(dies())
    await numbered.wait()
    waiting = asyncio.create_task(issuing.issue(asha, kept, seal=None, by="Asha"))
    owner = await asyncpg.connect(connected.owner)
    try:
        await owner.execute("SELECT pg_terminate_backend($1)", backend[0])
    finally:
        await owner.close()
    with pytest.raises(db.LOST_CONNECTION):
        await dying
    await waiting
    assert [tuple(row) for row in await rows(asha, "SELECT number, external_order_id FROM tax_invoices")] == [("AT/2627/1", "403-0000002")]
    await issuing.issue(asha, lost, seal=None, by="Asha")
    assert [row["serial"] for row in await rows(asha, NUMBERS)] == [1, 2]


async def test_a_series_begins_anew_with_the_year_the_prefix_and_the_gstin(connected: Addresses, keys: Vault) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)

    async def next_one(number: int, moment: datetime) -> str:
        with clock.stopped_at(moment):
            await issuing.issue(asha, await sold(account, keys, number), seal=None, by="Asha")
        found = await rows(asha, "SELECT number FROM tax_invoices WHERE external_order_id = $1", f"403-{number:07}")
        return str(found[0]["number"])

    # 31 March ends in India at half past six in the evening by UTC.
    before, after = datetime(2027, 3, 31, 18, 29, tzinfo=UTC), datetime(2027, 3, 31, 18, 30, tzinfo=UTC)
    assert [await next_one(number, before) for number in (1, 2)] == ["AT/2627/1", "AT/2627/2"]
    assert await next_one(3, after) == "AT/2728/1"
    await settle(account, prefix="B")
    assert await next_one(4, after) == "B/2728/1"
    await settle(account, gstin="27AAPFU0939F1ZV")
    assert await next_one(5, after) == "AT/2728/1"


async def test_no_number_is_longer_than_the_rules_allow(connected: Addresses, keys: Vault) -> None:
    """A full series is refused in words, and gives out nothing."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account, prefix="ASHA")
    await issuing.issue(asha, await sold(account, keys, 1), seal=None, by="Asha")
    await _counted_up(connected, asha, account, 999_998)
    await issuing.issue(asha, await sold(account, keys, 2), seal=None, by="Asha")
    longest = (await rows(asha, f"{NUMBERS} DESC LIMIT 1"))[0]["number"]
    assert longest == "ASHA/2627/999999"
    assert NUMBER.fullmatch(longest)
    with pytest.raises(SeriesFull):
        await issuing.issue(asha, await sold(account, keys, 3), seal=None, by="Asha")
    assert len(await rows(asha, NUMBERS)) == 3


async def _counted_up(addresses: Addresses, seller: UUID, account: AccountRef, serial: int) -> None:
    owner = await asyncpg.connect(addresses.owner)
    try:
        await owner.execute(
            """INSERT INTO tax_invoices (id, seller_id, marketplace_account_id, series_id, serial, number, external_order_id, issued_on, total)
               SELECT gen_random_uuid(), $1, $2, series_id, $3, 'ASHA/2627/' || $3::int, 'earlier', issued_on, 0 FROM tax_invoices""",
            seller,
            account.id,
            serial,
        )
    finally:
        await owner.close()


async def test_nobody_changes_or_removes_an_invoice(connected: Addresses, keys: Vault) -> None:
    """So no number comes back, whatever a later version of the portal tries."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    await issuing.issue(asha, await sold(account, keys), seal=None, by="Asha")
    for statement in ("UPDATE tax_invoices SET serial = 7", "DELETE FROM tax_invoices", "DELETE FROM invoice_series"):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ForeignKeyViolationError)):
            await rows(asha, statement)


async def test_another_sellers_series_is_another(connected: Addresses) -> None:
    """Also with the same GSTIN typed in."""
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    for seller in (asha, chitra):
        async with db.transaction(seller):
            assert (await series.next_number(seller, gstin=GSTIN, prefix="AT")).serial == 1
