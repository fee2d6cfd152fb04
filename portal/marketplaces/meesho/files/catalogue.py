"""A catalogue file: what a supplier sells on Meesho, by his own list, since Meesho gives out none."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from portal.errors import BadInput
from portal.marketplaces.facts import ListingFact, UnreadableRow
from portal.marketplaces.meesho.files import workbook
from portal.marketplaces.meesho.files.workbook import plain
from portal.marketplaces.meesho.wire.rows import text
from portal.spreadsheets import is_workbook

COLUMNS = {
    # our word: how the column may be called
    "sku": ("sku", "suppliersku", "skuid"),
    "product_id": ("productid", "meeshopid", "meeshoproductid"),
    "title": ("productname", "title", "name"),
    "variation": ("variation", "size"),
    "stock": ("stock", "quantity", "inventory"),
}
NEEDED = {"sku": "SKU", "product_id": "Product ID"}
MOST_STOCK = 1_000_000
TITLES = 10

Lines = Iterator[tuple[int, Sequence[object]]]


def read_listing_file(name: str, stream: BinaryIO) -> Iterator[ListingFact | UnreadableRow]:
    """Listings of a catalogue file, .csv (UTF-8) or .xlsx, with the columns SKU, Product ID, Product Name, Variation, Stock.

    The last three may be missing or empty. A line that cannot be read comes as UnreadableRow, with its number. Raises BadInput at
    once for another file; a file that turns out damaged further down raises it there.
    """
    lines = workbook.rows(name, stream) if is_workbook(stream) else _csv_lines(name, stream)
    return _listings(_header(name, lines), lines)


def _header(name: str, lines: Lines) -> dict[str, int]:
    """Where which column is."""
    for number, cells in lines:
        given = [plain(str(cell)) for cell in cells]
        places = {ours: place for ours, names in COLUMNS.items() for place in [_place(given, names)] if place is not None}
        if all(column in places for column in NEEDED):
            return places
        if number >= TITLES:
            break
    wanted = " and ".join(f"“{shown}”" for shown in NEEDED.values())
    raise BadInput(f"{name} has no columns {wanted} near its top. A catalogue file has SKU, Product ID, Product Name, Variation and Stock.")


def _place(given: list[str], names: Sequence[str]) -> int | None:
    return next((given.index(name) for name in names if name in given), None)


def _csv_lines(name: str, stream: BinaryIO) -> Lines:
    """Numbers and cells of a CSV file, whichever of comma, semicolon or tab it uses."""
    start = stream.read(8_192)
    stream.seek(0)
    if b"\x00" in start:
        raise BadInput(f"{name} is neither a .csv nor an .xlsx file. Save the catalogue as CSV (UTF-8) or as .xlsx.")
    first = start.splitlines()[0] if start.strip() else b""
    delimiter = max((",", ";", "\t"), key=lambda mark: first.count(mark.encode()))
    words = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    reader = csv.reader(words, delimiter=delimiter)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except UnicodeDecodeError:
        raise BadInput(f"{name} is not written in UTF-8. In Excel choose “Save as” and “CSV UTF-8”, or save it as .xlsx.") from None
    except csv.Error:
        raise BadInput(f"Line {reader.line_num} of {name} is not CSV. Save the catalogue again as CSV (UTF-8) or as .xlsx.") from None
    finally:
        words.detach()  # the stream stays its owner's


def _listings(places: dict[str, int], lines: Lines) -> Iterator[ListingFact | UnreadableRow]:
    met: dict[str, int] = {}
    for number, cells in lines:
        told = {column: _cell(cells, place) for column, place in places.items()}
        if not any(told.values()):
            continue
        try:
            listing = _listing(told)
            if listing.sku in met:
                raise ValueError(f"SKU {listing.sku} is in row {met[listing.sku]} already. Each size needs its own SKU.")
            met[listing.sku] = number
            yield listing
        except ValueError as error:
            raw = {column: text(value, 200) for column, value in told.items()}
            yield UnreadableRow(external_id=text(told["sku"], 80) or f"row {number}", reason=f"Row {number}: {error}", raw=raw)


def _listing(told: dict[str, str]) -> ListingFact:
    sku, product_id, variation = told["sku"], told["product_id"], told.get("variation", "")
    if not sku or len(sku) > 120:
        raise ValueError("The SKU is missing." if not sku else "The SKU is longer than 120 characters.")
    if not product_id or len(product_id) > 80:
        raise ValueError("The Product ID is missing." if not product_id else "The Product ID is longer than 80 characters.")
    known = (("product_id", product_id), ("variation", text(variation, 80)))
    return ListingFact(
        sku=sku,
        external_listing_id=product_id,
        title=text(told.get("title", ""), 500),
        status="active",
        raw_status="",
        quantity_seen=_stock(told.get("stock", "")),
        attributes=tuple((name, value) for name, value in known if value),
    )


def _stock(written: str) -> int | None:
    """Pieces in stock; None where the file says nothing."""
    if not written:
        return None
    if not written.isascii() or not written.isdigit() or len(written) > 7 or int(written) > MOST_STOCK:
        raise ValueError("Stock is not a whole number of pieces.")
    return int(written)


def _cell(cells: Sequence[object], place: int) -> str:
    """The cell as text. A whole number in a spreadsheet is its digits, so an id does not grow a point."""
    value = cells[place] if place < len(cells) else ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return text(str(value), 1_000).strip() if value is not None else ""
