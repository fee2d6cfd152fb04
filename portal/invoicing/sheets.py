"""Rows of a file of HSN codes and rates, CSV or XLSX, found by the words of its first row."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from portal.errors import BadInput
from portal.spreadsheets import Bounds, Unusable, opened

LARGEST = 5 * 1024 * 1024
MOST_ROWS = 100_000
BOUNDS = Bounds(packed=LARGEST, unpacked=50 * 1024 * 1024, rows=MOST_ROWS)

COLUMNS = {
    # heading in plain letters: the column it means
    "sku": "sku", "sellersku": "sku", "sellerskuid": "sku", "ownsku": "sku", "yoursku": "sku",
    "hsn": "hsn", "hsncode": "hsn", "hsnsaccode": "hsn",
    "rate": "rate", "gst": "rate", "gstrate": "rate", "taxrate": "rate", "igstrate": "rate",
}  # fmt: skip
HEADINGS = "Its first row has to name the columns SKU, HSN and GST rate."

Row = tuple[str, dict[str, str]]
"""Where it stands ("row 17"), and its sku, hsn and rate."""


def rows(name: str, source: BinaryIO) -> Iterator[Row]:
    """Every row that holds anything. Raises BadInput for a file that is too big, of another kind, or without the three columns."""
    held = source.read(LARGEST + 1)
    if len(held) > LARGEST:
        raise BadInput("This file is too big.", fields={"file": "Choose a file of 5 MB at most."})
    if not name.lower().endswith((".csv", ".xlsx")):
        raise BadInput("We read CSV and XLSX files.", fields={"file": "Choose a file that ends in .csv or .xlsx."})
    lines = enumerate(_workbook(name, held) if held.startswith(b"PK") else _commas(held), start=1)
    columns = _columns(next(lines, (1, []))[1])
    return _named(lines, columns)


def _named(lines: Iterable[tuple[int, list[Any]]], columns: dict[str, int]) -> Iterator[Row]:
    for number, line in lines:
        if number > MOST_ROWS:
            raise BadInput("This file is too long.", fields={"file": f"Choose a file of {MOST_ROWS} rows at most."})
        told = {name: _text(line[place]) if place < len(line) else "" for name, place in columns.items()}
        if any(told.values()):
            yield f"row {number}", told


def _columns(heading: list[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, cell in enumerate(heading):
        plain = "".join(letter for letter in str(cell).lower() if letter.isalpha())
        if plain in COLUMNS:
            found.setdefault(COLUMNS[plain], place)
    if len(found) < len(set(COLUMNS.values())):
        raise BadInput("We do not find the columns of this file.", fields={"file": HEADINGS})
    return found


def _text(cell: Any) -> str:
    """A cell as a person reads it: a spreadsheet keeps 6103 as 6103.0."""
    return f"{cell:.10g}" if isinstance(cell, float) else str(cell).strip()


def _commas(held: bytes) -> Iterator[list[Any]]:
    unread = BadInput("We cannot read this file.", fields={"file": "Save it as CSV in UTF-8, or as XLSX."})
    try:
        text = held.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unread from None
    if "\0" in text:  # letters of two bytes each, which look like ours
        raise unread
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in text.partition("\n")[0] else ",")
    except csv.Error:
        raise unread from None


def _workbook(name: str, held: bytes) -> Iterator[list[Any]]:
    try:
        with opened(name, io.BytesIO(held), bounds=BOUNDS, how="Save it as CSV in UTF-8, or as XLSX.") as book:
            rows = book.sheet(book.sheet_names[0]).rows()
        for _, row in rows:
            yield row
    except Unusable as refused:
        raise BadInput("We cannot read this file.", fields={"file": refused.seller_message}) from None
