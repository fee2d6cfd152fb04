"""Uploaded files: the same payments as by call, honest about bad rows, calm about hostile files."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.errors import BadInput
from portal.marketplaces.facts import LineKind, ListingFact, PayoutFact, UnreadableRow
from portal.marketplaces.meesho.files import read_listing_file, read_payout_file
from portal.marketplaces.meesho.sandbox.rows import PaymentRow
from portal.marketplaces.meesho.sandbox.store import Store
from tests.marketplaces.meesho.shopping import SHOP, Sandboxed, as_ledger, facts_of, in_paise, merged

NEWER = {
    # the sandbox's column: its header in the payment file of 2026
    "sub_order_no": "Sub Order No",
    "order_date": "Order Date",
    "dispatch_date": "Dispatch Date",
    "product_name": "Product Name",
    "supplier_sku": "Supplier SKU",
    "live_order_status": "Live Order Status",
    "product_gst": "Product GST %",
    "listing_price_incl_taxes": "Listing Price (Incl. taxes)",
    "quantity": "Quantity",
    "transaction_id": "Transaction ID",
    "payment_date": "Payment Date",
    "final_settlement_amount": "Final Settlement Amount",
    "price_type": "Price Type",
    "total_sale_amount": "Total Sale Amount (Incl. Shipping & GST)",
    "total_sale_return_amount": "Total Sale Return Amount (Incl. Shipping & GST)",
    "fixed_fee_incl_gst": "Fixed Fee (Incl. GST)",
    "warehousing_fee_incl_gst": "Warehousing fee (Incl. GST)",
    "return_premium_incl_gst": "Return premium (incl GST)",
    "meesho_commission_percentage": "Meesho Commission Percentage",
    "meesho_commission_incl_gst": "Meesho Commission (Incl. GST)",
    "return_shipping_charge_incl_gst": "Return Shipping Charge (Incl. GST)",
    "gst_compensation_prp_shipping": "GST Compensation (PRP Shipping)",
    "shipping_charge_incl_gst": "Shipping Charge (Incl. GST)",
    "other_support_service_charges_excl_gst": "Other Support Service Charges (Excl. GST)",
    "waivers_excl_gst": "Waivers (Excl. GST)",
    "net_other_support_service_charges_excl_gst": "Net Other Support Service Charges (Excl. GST)",
    "gst_on_net_other_support_service_charges": "GST on Net Other Support Service Charges",
    "tcs": "TCS",
    "tds_rate": "TDS Rate %",
    "tds": "TDS",
    "compensation": "Compensation",
    "claims": "Claims",
    "recovery": "Recovery",
    "compensation_reason": "Compensation Reason",
}
GST = Decimal("1.18")
WITH_GST_BESIDE = ("fixed_fee_incl_gst", "meesho_commission_incl_gst", "return_shipping_charge_incl_gst")


def sheet(rows: Iterable[Sequence[Any]], *, name: str = "Order Payments", others: Sequence[str] = ("Ads Cost",)) -> io.BytesIO:
    """A spreadsheet with those rows, among other sheets as Meesho's file has them."""
    book = openpyxl.Workbook(write_only=True)
    for other in others:
        book.create_sheet(other).append(["Deduction Date", "Campaign ID"])
    found = book.create_sheet(name)
    for row in rows:
        found.append(list(row))
    written = io.BytesIO()
    book.save(written)
    written.seek(0)
    return written


def newer(paid: Iterable[PaymentRow], titles: int = 1) -> io.BytesIO:
    """The layout of 2026: amounts with GST, as numbers, with dates as dates."""
    cells = ([_cell(getattr(row, column)) for column in NEWER] for row in paid)
    return sheet([*([["Order Related Details", None, "Payment Details"]] * titles), list(NEWER.values()), *cells])


def older(paid: Iterable[PaymentRow]) -> io.BytesIO:
    """The layout before: fees without GST and the GST beside them, amounts and days as text, two title rows."""
    header = [title.replace("Incl. GST", "Excl. GST") if column in WITH_GST_BESIDE else title for column, title in NEWER.items()]
    header += [f"GST on {NEWER[column].partition(' (')[0]}" for column in WITH_GST_BESIDE]

    def cells(row: PaymentRow) -> list[Any]:
        fees = {column: (getattr(row, column) / GST).quantize(Decimal("0.01")) for column in WITH_GST_BESIDE}
        plain = [f"{fees.get(column, getattr(row, column)):,}" if _money(row, column) else _day_first(row, column) for column in NEWER]
        return [*plain, *(f"₹{getattr(row, column) - fees[column]}" for column in WITH_GST_BESIDE)]

    return sheet([["Meesho"], ["Order Related Details"], header, *(cells(row) for row in paid)])


def _cell(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _money(row: PaymentRow, column: str) -> bool:
    return isinstance(getattr(row, column), Decimal)


def _day_first(row: PaymentRow, column: str) -> Any:
    value = getattr(row, column)
    return f"{value:%d-%m-%Y}" if isinstance(value, date) else value


def paid_rows() -> list[PaymentRow]:
    return Store(SHOP).payments.rows()


def payouts(stream: io.BytesIO, name: str = "payments.xlsx") -> tuple[list[PayoutFact], list[UnreadableRow]]:
    found = list(read_payout_file(name, stream))
    return [one for one in found if isinstance(one, PayoutFact)], [one for one in found if isinstance(one, UnreadableRow)]


@pytest.mark.anyio
@pytest.mark.parametrize("write", [newer, older])
async def test_file_and_call_bring_the_same_payouts(shop: Sandboxed, write: Any) -> None:
    """Same keys, same kinds, same paise: reading one after the other changes nothing, whichever layout the file has."""
    async with shop.adapter() as adapter:
        by_call = facts_of([page async for page in adapter.sync_payouts(shop.context())])

    by_file, problems = payouts(write(paid_rows()))

    assert problems == []
    assert merged(by_file) == merged(by_call) == merged([*by_call, *by_file]) == merged([*by_file, *by_call])
    assert merged(by_file) == [in_paise(payout) for payout in await shop.ledger("payouts")]


@pytest.mark.parametrize("titles", [0, 1, 2])
def test_titles_above_the_header_do_not_matter(titles: int) -> None:
    assert payouts(newer(paid_rows()[:5], titles)) == payouts(newer(paid_rows()[:5], 1))


def test_line_keys_are_unique_and_the_net_amount_comes_last() -> None:
    found, _ = payouts(newer(paid_rows()))

    keys = [(payout.external_payout_id, line.line_key) for payout in found for line in payout.lines]
    assert len(keys) == len(set(keys))
    days = {payout.external_payout_id for payout in found}
    assert {payout.external_payout_id for payout in found if payout.net_amount is not None} == days


def test_a_row_that_cannot_be_read_is_named_by_its_number() -> None:
    """The line in the spreadsheet, the reason, and nothing of the row but what holds no person. The others are kept."""
    rows = paid_rows()[:4]
    titles = [*NEWER.values(), "Customer Phone"]
    lines = [[*(_cell(getattr(row, column)) for column in NEWER), "9000012345"] for row in rows]
    lines[1][list(NEWER).index("payment_date")] = "next week"
    lines[2][list(NEWER).index("tcs")] = "a little"
    lines.insert(1, [None] * len(titles))

    found, problems = payouts(sheet([["Title"], titles, *lines]))

    assert [problem.reason for problem in problems] == ["Row 5: The payment date is no date.", "Row 6: TCS is no amount."]
    assert [problem.external_id for problem in problems] == [rows[1].sub_order_no, rows[2].sub_order_no]
    assert "9000012345" not in msgspec.json.encode(problems).decode()
    assert {line.external_order_id for payout in found for line in payout.lines} == {rows[0].sub_order_no, rows[3].sub_order_no}


def test_a_row_that_comes_twice_counts_once() -> None:
    """The same line again changes nothing; the same line with other money is shown instead of silently chosen."""
    (row,) = paid_rows()[:1]
    other = msgspec.structs.replace(row, tcs=row.tcs - 1)

    found, problems = payouts(newer([row, row, other]))

    assert found[-1].net_amount == row.final_settlement_amount
    assert [problem.reason for problem in problems] == ["Row 5: This sub-order and transaction came before with other amounts."]


def test_net_support_charges_count_only_where_they_stand_alone() -> None:
    """Charges, waivers and their net stand side by side in the file; adding all three would charge twice."""
    titles = ["Sub Order No", "Transaction ID", "Payment Date", "Final Settlement Amount", "Net Other Support Service Charges"]
    row = ["1_1", "T1", "2026-11-18", -3, -3]

    (alone,), _ = payouts(sheet([titles, row]))
    (beside,), _ = payouts(sheet([[*titles, "Other Support Service Charges", "Waivers"], [*row, -4, 1]]))

    assert [(line.kind, line.amount) for line in alone.lines] == [(LineKind.FEE, Decimal(-3))]
    assert {(line.kind, line.amount) for line in beside.lines} == {(LineKind.FEE, Decimal(-4)), (LineKind.REIMBURSEMENT, Decimal(1))}


def test_an_id_that_a_spreadsheet_rounded_is_not_trusted() -> None:
    """A number of 18 digits has lost its last ones in the spreadsheet; a short one is whole."""
    titles = ["Sub Order No", "Transaction ID", "Payment Date", "Final Settlement Amount", "Total Sale Amount"]

    (found,), (problem,) = payouts(sheet([titles, [123456, 99, "2026-11-18", 5, 5], [123456789012345678, 99, "2026-11-18", 5, 5]]))

    assert found.lines[0].line_key == "123456:99:sale"
    assert problem.reason == "Row 3: The Sub Order No is not readable."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"Sub Order No,Transaction ID\n1,2\n", "is not an Excel file (.xlsx)"),
        (b"", "is not an Excel file (.xlsx)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "is an old Excel file or has a password"),
        (b"PK\x03\x04" + b"\x00" * 400, "damaged"),
        (sheet([["a"]], name="Orders").getvalue(), "has no sheet named “Order Payments”. It has “Ads Cost”, “Orders”"),
        (sheet([["Order Id", "Settlement Value"], [1, 2]]).getvalue(), "has no column “Sub Order No”"),
        (sheet([["Sub Order No", "Payment Date"], [1, 2]]).getvalue(), "lacks the column “Transaction ID”, “Final Settlement Amount”"),
        (sheet([]).getvalue(), "has no column “Sub Order No”"),
    ],
    ids=["csv", "empty", "xls", "damaged", "other sheets", "other columns", "columns missing", "empty sheet"],
)
def test_a_wrong_file_is_refused_with_its_name_and_a_sentence(content: bytes, sentence: str) -> None:
    """At once, before the first row is asked for."""
    with pytest.raises(BadInput) as caught:
        read_payout_file("november.xlsx", io.BytesIO(content))

    assert "november.xlsx" in caught.value.seller_message
    assert sentence in caught.value.seller_message


def big(lines: int) -> io.BytesIO:
    """A payment file of that many lines, its sheet written by hand because openpyxl takes its time."""
    titles = ["Sub Order No", "Transaction ID", "Payment Date", "Final Settlement Amount", "Total Sale Amount", "TCS"]
    small, packed = sheet([titles], others=()), io.BytesIO()
    with zipfile.ZipFile(small) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for part in archive.infolist():
            content = archive.read(part)
            if part.filename.startswith("xl/worksheets/"):
                content = content.replace(b"</sheetData>", b"".join(_big_row(number) for number in range(lines)) + b"</sheetData>")
            written.writestr(part, content)
    packed.seek(0)
    return packed


def _big_row(number: int) -> bytes:
    texts = (f"{number}_1", f"T{number}", f"2026-11-{1 + number % 28:02d}")
    cells = [f'<c r="{column}{number + 2}" t="inlineStr"><is><t>{text}</t></is></c>' for column, text in zip("ABC", texts, strict=True)]
    cells += [f'<c r="{column}{number + 2}"><v>{value}</v></c>' for column, value in zip("DEF", (99.5, 100, -0.5), strict=True)]
    return f'<row r="{number + 2}">{"".join(cells)}</row>'.encode()


def test_fifty_thousand_lines_are_read_in_parts() -> None:
    """A part is given away before the next is made: no fact holds the file, and no row is lost between parts."""
    stream = big(50_000)
    most = total = 0
    net = Decimal(0)
    for part in read_payout_file("november.xlsx", stream):
        assert isinstance(part, PayoutFact)
        most, total = max(most, len(part.lines)), total + len(part.lines)
        net += part.net_amount or Decimal(0)

    assert total == 100_000
    assert most <= 2_000
    assert net == Decimal("99.5") * 50_000


SMALL = sheet([["Sub Order No"], ["1"]]).getvalue()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(content=st.binary(max_size=300), place=st.integers(0, 4_000), start=st.sampled_from([b"", b"PK\x03\x04"]))
def test_arbitrary_files_are_read_or_refused(content: bytes, place: int, start: bytes) -> None:
    """Nothing but BadInput leaves, for garbage and for good files with a hole in them."""
    holed = SMALL[:place] + content + SMALL[place + len(content) :]
    for hostile in (start + content, holed):
        for read in (read_payout_file, read_listing_file):
            try:
                list(read("x", io.BytesIO(hostile)))
            except BadInput as error:
                assert error.seller_message.startswith(("x ", "The sheet", "Line"))  # noqa: PT017 (both outcomes are right)


CATALOGUE = "SKU,Product ID,Product Name,Variation,Stock\nKURTA-M,5567001,Red Kurta,M,12\nSAREE,5567002,Saree,,\n"


def listings(content: bytes) -> tuple[list[ListingFact], list[UnreadableRow]]:
    found = list(read_listing_file("catalogue.csv", io.BytesIO(content)))
    return [one for one in found if isinstance(one, ListingFact)], [one for one in found if isinstance(one, UnreadableRow)]


@pytest.mark.parametrize(
    "content",
    [
        CATALOGUE.encode(),
        b"\xef\xbb\xbf" + CATALOGUE.encode(),
        CATALOGUE.replace(",", ";").encode(),
        CATALOGUE.replace(",", "\t").replace("\n", "\r\n").encode(),
        sheet([line.split(",") for line in CATALOGUE.splitlines()], others=(), name="Sheet1").getvalue(),
        sheet(
            [
                ["SKU", "Product ID", "Product Name", "Variation", "Stock"],
                ["KURTA-M", 5567001, "Red Kurta", "M", 12],
                ["SAREE", 5567002, "Saree"],
            ],
            others=(),
        ).getvalue(),
    ],
    ids=["csv", "with a mark", "semicolons", "tabs", "texts in a sheet", "numbers in a sheet"],
)
def test_a_catalogue_is_read_however_it_was_saved(content: bytes) -> None:
    found, problems = listings(content)

    assert problems == []
    assert found == [
        ListingFact(
            sku="KURTA-M",
            external_listing_id="5567001",
            title="Red Kurta",
            status="active",
            raw_status="",
            quantity_seen=12,
            attributes=(("product_id", "5567001"), ("variation", "M")),
        ),
        ListingFact(
            sku="SAREE",
            external_listing_id="5567002",
            title="Saree",
            status="active",
            raw_status="",
            attributes=(("product_id", "5567002"),),
        ),
    ]


def test_bad_catalogue_lines_are_numbered_and_the_rest_is_kept() -> None:
    content = CATALOGUE + ",1,No code,M,1\nA,,No product,M,1\nB,1,Half,M,1.5\n\nKURTA-M,5567001,Red Kurta,L,3\nC,9,Fine,M,0\n"

    found, problems = listings(content.encode())

    assert [one.sku for one in found] == ["KURTA-M", "SAREE", "C"]
    assert [problem.reason for problem in problems] == [
        "Row 4: The SKU is missing.",
        "Row 5: The Product ID is missing.",
        "Row 6: Stock is not a whole number of pieces.",
        "Row 8: SKU KURTA-M is in row 2 already. Each size needs its own SKU.",
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"Order Id,Amount\n1,2\n", "has no columns “SKU” and “Product ID”"),
        (b"", "has no columns"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither a .csv nor an .xlsx"),
        ("SKU,Product ID\nA,1\n".encode("utf-16"), "neither a .csv nor an .xlsx"),
        (CATALOGUE.encode() + b"B,1,Caf\xe9,M,1\n", "not written in UTF-8"),
        (CATALOGUE.encode() + b'B,1,"' + b"x" * 200_000 + b'",M,1\n', "is not CSV"),
    ],
    ids=["other columns", "empty", "picture", "utf-16", "latin-1", "endless field"],
)
def test_a_wrong_catalogue_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        listings(content)

    assert "catalogue.csv" in caught.value.seller_message
    assert sentence in caught.value.seller_message


@pytest.mark.anyio
async def test_the_sandboxs_own_catalogue_equals_its_ledger(shop: Sandboxed) -> None:
    async with httpx.AsyncClient(verify=False) as browser:
        content = (await browser.get(f"{shop.base}/_sandbox/catalogue.csv")).content

    found, problems = listings(content)

    assert problems == []
    assert as_ledger(found, "sku") == await shop.ledger("listings")
