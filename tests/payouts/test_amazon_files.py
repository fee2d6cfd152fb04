"""Amazon tells one settlement in two reports that cut it into different lines: whichever came by sync, the other is not added to it."""

import asyncio
import io
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from portal import clock, db
from portal.errors import BadInput
from portal.marketplaces.amazon_in.files import read_payout_file
from portal.marketplaces.amazon_in.sandbox.orders import MadeOrders
from portal.marketplaces.amazon_in.sandbox.settlements import MadeSettlements
from portal.marketplaces.amazon_in.wire.documents import short_day
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import PayoutFact, UnreadableRow
from portal.marketplaces.sandbox import Shop, articles
from portal.payouts import finding, service, uploads
from portal.payouts.finding import Filters
from portal.postgres import Addresses
from portal.vault import Vault
from tests.browsing import opened
from tests.factories import make_account, make_seller

pytestmark = pytest.mark.anyio

SHOP = Shop(orders=30, payouts=1, listings=20)
MADE = MadeSettlements(SHOP, MadeOrders(SHOP, articles(SHOP)))
SETTLEMENT = MADE.all[0]
FLAT = MADE.document(SETTLEMENT).encode()


def date_range(settlement: str) -> bytes:
    """The same settlement as Seller Central's date-range report tells it."""
    return f"""\
"All amounts in INR, unless specified"
"date/time","settlement id","type","order id","Sku","description","quantity","product sales","total"
"3 Jun 2026 5:23:19 am UTC","{settlement}","Order","403-1","TEST-RED","Kurta, red","1","1,847.46","1,847.46"
""".encode()


@pytest.fixture
async def account(connected: Addresses) -> AccountRef:
    return await make_account(await make_seller())


async def by_call(account: AccountRef) -> None:
    facts = [one for one in read_payout_file("settlement.txt", io.BytesIO(FLAT)) if isinstance(one, PayoutFact)]
    async with db.transaction(account.seller_id):
        await service.keep(account, facts)


async def by_file(account: AccountRef, content: bytes, data_dir: Path, name: str) -> None:
    upload_id = await uploads.receive(account, name, io.BytesIO(content), read_payout_file, data_dir=data_dir, by="asha")
    await uploads.keep(account.seller_id, upload_id, read_payout_file, data_dir=data_dir, by="asha")


async def sums(account: AccountRef) -> list[tuple[str, Decimal | None]]:
    found = await finding.search(account.seller_id, Filters())
    return [(row.external_payout_id, row.lines_amount) for row in found.rows]


async def test_a_date_range_report_of_what_a_sync_has_told_is_refused(account: AccountRef, tmp_path: Path) -> None:
    await by_call(account)
    before = await sums(account)
    with pytest.raises(BadInput) as refused:
        await by_file(account, date_range(SETTLEMENT.settlement_id), tmp_path, "june.csv")
    assert f"Settlement {SETTLEMENT.settlement_id} came by sync already" in refused.value.seller_message
    assert list(refused.value.fields) == ["file"]
    assert list((tmp_path / "uploads").iterdir()) == []
    assert await sums(account) == before


async def test_the_settlement_file_itself_agrees_with_the_sync(account: AccountRef, tmp_path: Path) -> None:
    """It has the lines that are here; its name is the one Amazon gives it."""
    await by_call(account)
    before = await sums(account)
    await by_file(account, FLAT, tmp_path, "settlement.txt")
    assert await sums(account) == before


async def test_date_range_reports_of_two_months_share_a_settlement(account: AccountRef, tmp_path: Path) -> None:
    """Nothing came by sync, so each may tell its own part."""
    await by_file(account, date_range("77"), tmp_path, "june.csv")
    await by_file(account, date_range("77").replace(b"403-1", b"403-2"), tmp_path, "july.csv")
    assert await sums(account) == [("77", Decimal("3694.92"))]


async def test_another_sellers_sync_refuses_nothing(account: AccountRef, tmp_path: Path) -> None:
    await by_call(account)
    chitra = await make_account(await make_seller("Chitra Crafts"), external="A2CHITRACRAFTS")
    await by_file(chitra, date_range(SETTLEMENT.settlement_id), tmp_path, "june.csv")
    assert [payout for payout, _ in await sums(chitra)] == [SETTLEMENT.settlement_id]


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        (b'"1","1,847.46"', b'"one","1,847.46"', "row 3: a quantity that is no whole number"),
        (b"3 Jun 2026 5:23:19 am UTC", b"soon", "row 3: a time in a form we do not know"),
        (b'"1,847.46","1,847.46"', b'"1,847.46","1.847,46"', "row 3: an amount that can be read in two ways, or in none"),
    ],
    ids=["quantity", "time", "amount"],
)
def test_a_bad_row_says_why_in_our_words(good: bytes, bad: bytes, said: str) -> None:
    [row] = read_payout_file("june.csv", io.BytesIO(date_range("77").replace(good, bad)))
    assert isinstance(row, UnreadableRow)
    assert row.reason == said


@pytest.mark.parametrize("date", ["2026-11-03", "31/02/26", "soon", "1/2/3/4"])
def test_a_short_date_that_is_none(date: str) -> None:
    with pytest.raises(ValueError, match="a date in a form we do not know"):
        short_day(date, day_first=True)


@pytest.fixture
def undecided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that nobody decided about for more than an hour, in the data directory of a portal that starts there."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".portal" / "uploads" / "forgotten"
    path.parent.mkdir(parents=True)
    path.write_bytes(FLAT)
    past = (clock.now() - timedelta(minutes=61)).timestamp()
    os.utime(path, (past, past))
    return path


async def test_the_web_deletes_undecided_files_by_itself(undecided: Path, database: Addresses, keys: Vault) -> None:
    async with opened(database.web, keys), asyncio.timeout(60):
        while undecided.exists():
            await asyncio.sleep(0.01)
