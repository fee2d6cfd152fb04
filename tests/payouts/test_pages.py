"""The payouts pages show how money adds up, to those who may see money; a file is looked at before anything of it is kept."""

import csv
import dataclasses
import io
import os
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import pytest

from portal import clock, db
from portal.errors import BadInput, Conflict, NotFound
from portal.marketplaces import registry
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import LineKind, PayoutFact, PayoutLineFact, UnreadableRow
from portal.payouts import finding, service, sweeping, uploads
from portal.payouts.finding import Filters, LineFilters
from portal.payouts.routes import ROUTES
from portal.postgres import Addresses
from portal.runs.kept import Kept
from portal.tables.people import Role
from tests.factories import make_account, make_seller
from tests.payouts.test_keeping import FRIDAY, keep, keep_order, line, settlement
from tests.visiting import HTMX, Browser, Person, browsing

pytestmark = pytest.mark.anyio


def read_csv(name: str, stream: BinaryIO) -> Iterator[PayoutFact | UnreadableRow]:
    """A settlement file of no marketplace: payout, key, kind, amount, order."""
    rows = csv.reader(io.TextIOWrapper(stream, encoding="utf-8"))
    if next(rows, None) != ["payout", "key", "kind", "amount", "order"]:
        raise BadInput("This is not a payout file.", fields={"file": "Its first row has other names."})
    for number, (payout, key, kind, amount, order) in enumerate(rows, start=2):
        try:
            told = PayoutLineFact(line_key=key, kind=LineKind(kind), description=kind, amount=Decimal(amount), external_order_id=order)
        except (ValueError, InvalidOperation):
            yield UnreadableRow(external_id=f"row {number}", reason=f"{amount!r} is not an amount", raw={})
            continue
        yield PayoutFact(external_payout_id=payout, net_amount=Decimal(100), currency="INR", paid_at=FRIDAY, lines=(told,))


FILE = b"payout,key,kind,amount,order\nS1,1,sale,120,403-1\nS1,2,tcs,-12,\nS1,3,fee,oops,\nS1,4,tds,-8,\n"


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A marketplace whose payouts come by file."""
    place = dataclasses.replace(registry.marketplace("AMAZON_IN"), read_payout_file=read_csv, payout_file_hint="Reports, Payments.")
    monkeypatch.setitem(registry._BY_CODE, "AMAZON_IN", place)


@pytest.fixture
async def account(connected: Addresses) -> AccountRef:
    return await make_account(await make_seller())


async def put_aside(account: AccountRef, data_dir: Path, content: bytes = FILE, name: str = "payouts.csv") -> UUID:
    return await uploads.receive(account, name, io.BytesIO(content), read_csv, data_dir=data_dir, by="asha")


def files(data_dir: Path) -> list[Path]:
    return list((data_dir / "uploads").glob("*"))


async def count(account: AccountRef, table: str) -> int:
    async with db.transaction(account.seller_id) as held:
        return int(await held.fetchval(f"SELECT count(*) FROM {table}"))


async def test_a_preview_keeps_nothing(account: AccountRef, tmp_path: Path) -> None:
    """Counts, net, first lines, and every unreadable row with its number and reason."""
    upload = await uploads.preview(account.seller_id, await put_aside(account, tmp_path))
    assert (upload.tally.payouts, upload.tally.lines, upload.tally.net_amount, upload.tally.unreadable) == (1, 3, Decimal(100), 1)
    assert [(one.row, one.reason) for one in upload.tally.problems] == [("row 4", "'oops' is not an amount")]
    assert [one.kind for one in upload.tally.first_lines] == ["sale", "tcs", "tds"]
    assert await count(account, "payout_line_items") == 0


async def test_keeping_a_file_and_keeping_it_again(account: AccountRef, tmp_path: Path) -> None:
    """The second time, and the same lines in another file, change nothing; the files are gone."""

    async def kept(content: bytes) -> Kept:
        upload_id = await put_aside(account, tmp_path, content)
        await uploads.keep(account.seller_id, upload_id, read_csv, data_dir=tmp_path, by="asha")
        return await uploads.keep(account.seller_id, upload_id, read_csv, data_dir=tmp_path, by="asha")

    assert await kept(FILE) == Kept()
    page = await finding.search(account.seller_id, Filters())
    assert [(row.net_amount, row.lines_amount, row.difference_amount, row.lines) for row in page.rows] == [
        (Decimal(100), Decimal(100), Decimal(0), 3)
    ]
    again = await put_aside(account, tmp_path)
    assert (await uploads.preview(account.seller_id, again)).kept_before is not None
    result = await uploads.keep(account.seller_id, again, read_csv, data_dir=tmp_path, by="asha")
    assert (result.new, result.changed) == (0, 0)
    await kept(FILE + b"S1,4,tds,-8,\n")
    assert await count(account, "payout_line_items") == 3
    assert files(tmp_path) == []


async def test_a_file_and_a_sync_with_the_same_keys_agree(account: AccountRef, tmp_path: Path) -> None:
    fact = settlement(line(1, 120, order="403-1"), line(2, -12, LineKind.TCS), line(4, -8, LineKind.TDS), net=100)
    await keep(account, fact)
    upload_id = await put_aside(account, tmp_path)
    await uploads.keep(account.seller_id, upload_id, read_csv, data_dir=tmp_path, by="asha")
    assert await count(account, "payout_line_items") == 3
    assert await count(account, "marketplace_payouts") == 1


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (FILE, "payouts.pdf"),
        (b"something else\n", "payouts.csv"),
        (b"payout,key,kind,amount,order\n", "payouts.csv"),
        (b"x" * (uploads.LARGEST + 1), "a.csv"),
    ],
    ids=["kind", "foreign", "empty", "large"],
)
async def test_a_refused_file_leaves_nothing(account: AccountRef, tmp_path: Path, content: bytes, name: str) -> None:
    with pytest.raises(BadInput) as refused:
        await put_aside(account, tmp_path, content, name)
    assert list(refused.value.fields) == ["file"]
    assert files(tmp_path) == []
    assert await count(account, "payout_uploads") == 0


async def test_a_file_is_its_sellers_only(account: AccountRef, tmp_path: Path) -> None:
    chitra = await make_seller("Chitra Crafts")
    upload_id = await put_aside(account, tmp_path)
    with pytest.raises(NotFound):
        await uploads.preview(chitra, upload_id)
    with pytest.raises(NotFound):
        await uploads.keep(chitra, upload_id, read_csv, data_dir=tmp_path, by="chitra")
    with pytest.raises(NotFound):
        await uploads.discard(chitra, upload_id, data_dir=tmp_path)
    assert len(files(tmp_path)) == 1


async def test_undecided_files_go_after_an_hour(account: AccountRef, tmp_path: Path) -> None:
    upload_id = await put_aside(account, tmp_path)
    assert sweeping.sweep(tmp_path) == 0
    past = (clock.now() - timedelta(minutes=61)).timestamp()
    os.utime(files(tmp_path)[0], (past, past))
    assert sweeping.sweep(tmp_path) == 1
    with pytest.raises(Conflict):
        await uploads.keep(account.seller_id, upload_id, read_csv, data_dir=tmp_path, by="asha")


async def test_nobody_waits_while_a_file_is_opened(account: AccountRef, tmp_path: Path) -> None:
    """A reader may measure a workbook for half a minute before it answers its first row."""

    def read(name: str, stream: BinaryIO) -> Iterator[PayoutFact | UnreadableRow]:
        assert threading.current_thread() is not threading.main_thread()
        return read_csv(name, stream)

    upload_id = await uploads.receive(account, "a.csv", io.BytesIO(FILE), read, data_dir=tmp_path, by="asha")
    assert (await uploads.keep(account.seller_id, upload_id, read, data_dir=tmp_path, by="asha")).new > 0


async def test_a_settlement_larger_than_a_transaction(account: AccountRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept in parts and adds up all the same."""
    monkeypatch.setattr(uploads, "LINES_AT_ONCE", 3)

    def read(name: str, stream: BinaryIO) -> Iterator[PayoutFact]:
        yield settlement(*(line(f"{number:03}", 1) for number in range(10)), net=10)

    upload_id = await uploads.receive(account, "a.csv", io.BytesIO(b"x"), read, data_dir=tmp_path, by="asha")
    await uploads.keep(account.seller_id, upload_id, read, data_dir=tmp_path, by="asha")
    [row] = (await finding.search(account.seller_id, Filters())).rows
    assert (row.lines, row.difference_amount, row.status) == (10, Decimal(0), "RECONCILED")


async def test_sums_by_kind_and_lines_without_their_order(account: AccountRef) -> None:
    """TCS and TDS stand apart from fees; what is not recognised counts; what names an unknown order is visible."""
    await keep_order(account, "403-1")
    kinds = [LineKind.SALE, LineKind.FEE, LineKind.TCS, LineKind.TDS, LineKind.UNMAPPED]
    lines = [
        line(number, 10 + number, kind, order=order)
        for number, (kind, order) in enumerate(zip(kinds, ["403-1", "", "403-9", "", ""], strict=True))
    ]
    await keep(account, settlement(*lines, net=100))
    payout_id = (await finding.search(account.seller_id, Filters())).rows[0].id
    shown = await finding.show(account.seller_id, payout_id)
    assert [(one.kind, one.amount) for one in shown.kinds] == [(kind, Decimal(10 + number)) for number, kind in enumerate(kinds)]
    assert (shown.lines_amount, shown.difference_amount) == (Decimal(60), Decimal(40))
    assert (shown.lines, shown.unmatched, shown.no_order) == (5, 1, 3)
    unmatched = await finding.lines(account.seller_id, payout_id, LineFilters(match="unmatched"))
    assert [one.external_order_id for one in unmatched.rows] == ["403-9"]
    assert [row.id for row in (await finding.search(account.seller_id, Filters(search="403-9", differing=True))).rows] == [payout_id]
    chitra = await make_seller("Chitra Crafts")
    with pytest.raises(NotFound):
        await finding.show(chitra, payout_id)
    assert (await finding.lines(chitra, payout_id, LineFilters())).rows == []


@pytest.fixture
async def asha(account: AccountRef, readable: None, tmp_path: Path) -> AsyncIterator[Browser]:
    async with browsing(Person(account.seller_id), [ROUTES], data_dir=tmp_path) as browser:
        yield browser


async def test_from_file_to_page(asha: Browser, account: AccountRef) -> None:
    """Choose, look, add, see; as a browser without scripts does it."""
    assert "Add a payout file" in (await asha.get("/payouts")).text
    sent = await asha.send_form("/payouts/uploads", {"account": str(account.id)}, files={"file": ("payouts.csv", FILE)})
    assert sent.status_code == 303
    preview = (await asha.get(sent.headers["location"])).text
    assert "row 4" in preview
    assert "&#39;oops&#39; is not an amount" in preview
    added = await asha.send_form(f"{sent.headers['location']}/keep")
    assert added.status_code == 303
    listed = await asha.get(added.headers["location"])
    assert "Kept." in listed.text
    assert "₹100.00" in listed.text
    [payout] = (await finding.search(account.seller_id, Filters())).rows
    shown = await asha.get(f"/payouts/{payout.id}")
    assert "TCS (tax collected at source)" in shown.text
    assert "not known here" in shown.text
    part = await asha.get(f"/payouts/{payout.id}", params={"kind": "tds"}, headers=HTMX)
    assert part.text.strip().startswith('<div id="results">')
    assert "-₹8.00" in part.text
    assert "₹120.00" not in part.text


async def test_a_difference_is_said_plainly(asha: Browser, account: AccountRef) -> None:
    await keep(account, settlement(line(1, "99.99"), net=100))
    [payout] = (await finding.search(account.seller_id, Filters())).rows
    assert "₹0.01 is not explained by the lines" in (await asha.get(f"/payouts/{payout.id}")).text
    async with db.transaction(account.seller_id):
        await service.keep(account, [settlement(line(2, "0.01"))])
    assert "not explained" not in (await asha.get(f"/payouts/{payout.id}")).text


async def test_a_wrong_file_comes_back_with_the_form(asha: Browser, account: AccountRef) -> None:
    for values, upload in (
        ({"account": str(account.id)}, {"file": ("a.csv", b"nothing of ours")}),
        ({"account": str(account.id)}, {"file": ("", b"")}),
        ({"account": "nobody"}, {"file": ("a.csv", FILE)}),
    ):
        answer = await asha.send_form("/payouts/uploads", values, files=upload)
        assert answer.status_code == 422
        assert "There is a problem" in answer.text
    large = await asha.send_form(
        "/payouts/uploads", {"account": str(account.id)}, files={"file": ("a.csv", b"x" * (uploads.LARGEST + 10**5))}
    )
    assert large.status_code == 413


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_payouts_are_for_those_who_may_see_money(account: AccountRef, role: Role) -> None:
    async with browsing(Person(account.seller_id, role), [ROUTES]) as browser:
        assert (await browser.get("/payouts")).status_code == 403
        assert (await browser.get("/payouts/1")).status_code == 403
        assert (await browser.send_form("/payouts/uploads", {})).status_code == 403
