"""Codes and rates of articles: typed, or from a file whose every row is kept or named."""

import io

import pytest

from portal.errors import BadInput
from portal.invoicing import articles, sheets
from portal.invoicing.articles import read, read_rate
from portal.postgres import Addresses
from tests.factories import make_seller
from tests.invoicing.making import rows
from tests.workbooks import workbook

pytestmark = pytest.mark.anyio

KEPT = "SELECT sku, hsn, rate FROM tax_articles ORDER BY sku"


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("18", 1800),
        (" 18% ", 1800),
        ("0.25", 25),
        ("5.0", 500),
        ("0", 0),
        ("0.18", None),
        ("17", None),
        ("", None),
        ("x", None),
        ("1e999999", None),
    ],
)
def test_rates_are_those_of_the_law(text: str, rate: int | None) -> None:
    """A spreadsheet's 18% is 0.18 in its cell: that is no rate, and is not taken for one."""
    assert read_rate(text) == rate


@pytest.mark.parametrize("hsn", ["", "61", "610", "61031", "6103100", "610310000", "61O3", "６１０３"])
def test_codes_have_four_six_or_eight_digits(hsn: str) -> None:
    with pytest.raises(BadInput):
        read("KURTA-M", hsn, "5")


def book(*lines: tuple[object, ...]) -> bytes:
    """The lines as a spreadsheet, numbers as numbers."""

    def cell(value: object) -> str:
        return f"<c><v>{value}</v></c>" if isinstance(value, int | float) else f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    return workbook("".join(f"<row>{''.join(map(cell, line))}</row>" for line in lines))


LINES = (
    ("Seller SKU", "Title", "HSN Code", "GST %"),
    ("KURTA-M", "Kurta", 6103, 5),
    ("BAG-L", "Bag", "420212", "18%"),
    ("CAP", "Cap", 65, 5),
)
FILES: dict[str, bytes] = {
    "a.csv": ("\ufeff" + "\n".join(",".join(map(str, line)) for line in LINES)).encode(),
    "b.csv": "\r\n".join(";".join(map(str, line)) for line in LINES).encode(),
    "c.xlsx": book(*LINES),
}


@pytest.mark.parametrize("name", FILES)
async def test_a_file_is_kept_row_by_row(connected: Addresses, name: str) -> None:
    """The rows that are right, whatever became of the others; and those are named with their place."""
    asha, content = await make_seller(), FILES[name]
    for _ in range(2):
        taken = await articles.take(asha, name, io.BytesIO(content), by="Asha")
        assert (taken.kept, taken.unreadable) == (2, 1)
        assert taken.problems == (("row 4", "An HSN code has 4, 6 or 8 digits."),)
        assert [tuple(row) for row in await rows(asha, KEPT)] == [("BAG-L", "420212", 1800), ("KURTA-M", "6103", 500)]
    trail = await rows(asha, "SELECT actor, after FROM audit_entries WHERE action = 'tax.articles_saved'")
    assert [tuple(row) for row in trail] == [("Asha", f"HSN codes and rates of 2 SKUs from {name}")] * 2


async def test_the_later_of_two_rows_counts(connected: Addresses) -> None:
    asha = await make_seller()
    await articles.take(asha, "a.csv", io.BytesIO(b"sku,hsn,rate\nA,6103,5\nA,6104,12\n\n,,\n"), by="Asha")
    assert [tuple(row) for row in await rows(asha, KEPT)] == [("A", "6104", 1200)]


OTHERS = (
    ("a.csv", b""),
    ("a.csv", b"sku,rate\nA,5\n"),
    ("a.csv", b"sku,hsn,rate\n"),
    ("a.csv", b"sku,hsn,rate\nA,61,5\n"),
    ("a.csv", "sku,hsn,rate\nपट,6103,5".encode("utf-16")),
    ("a.pdf", b"sku,hsn,rate\nA,6103,5\n"),
    ("a.xlsx", b"PK no archive"),
    ("a.xlsx", book(("sku", "hsn"))),
    ("a.csv", "sku,hsn,rate\nA,6103,5\n".encode("utf-16-le")),
    ("a.csv", b"sku,hsn,rate\n" + b"A,6103,5\n" * 600_000),
    ("a.csv", b"sku,hsn,rate\n" + b"A,6103,5\n" * sheets.MOST_ROWS),
    ("a.csv", b"sku,hsn,rate\n" + b"A,6103,5\n" * 3_000 + b'B,"' + b"6" * 140_000),
)


async def test_other_files_are_refused_in_words(connected: Addresses) -> None:
    """Empty, without a column, without a row or a good one, in other letters, of another kind, damaged, too big, too long, and one that
    breaks off behind many good rows: of none is anything kept.
    """
    asha = await make_seller()
    for name, content in OTHERS:
        with pytest.raises(BadInput) as refused:
            await articles.take(asha, name, io.BytesIO(content), by="Asha")
        assert refused.value.fields["file"], (name, content[:40])
    assert await rows(asha, KEPT) == []
