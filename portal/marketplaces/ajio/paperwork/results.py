"""What the panel gives back for a confirmation: our rows with a verdict on each. Its columns are this project's proposal."""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from portal.errors import BadInput
from portal.marketplaces.ajio.workbook import HEADING_ROWS, MOST_ROWS, plain, sheets
from portal.spreadsheets import Row

HOW = "Upload the result that the seller panel gave for the confirmation, as it is."
COLUMNS = {
    # heading in plain letters: our field
    "uploadid": "upload_id",
    "custorderno": "order",
    "custordernumber": "order",
    "orderno": "order",
    "status": "status",
    "remarks": "remarks",
    "remark": "remarks",
    "errormessage": "remarks",
}
NEEDED = frozenset({"order", "status"})
ACCEPTED, REJECTED = frozenset({"ACCEPTED", "SUCCESS"}), frozenset({"REJECTED", "FAILED", "ERROR"})
MOST_WORDS = 300


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that were refused, with AJIO's words. `problems` say which rows cannot be taken as they are, a sentence each."""

    rejected: dict[str, str]
    problems: tuple[str, ...]


def read(name: str, content: bytes, *, orders: Collection[str], upload_id: str) -> Result:
    """The verdicts on these orders. Raises BadInput for a file that is no such result."""
    columns, rows = _table(name, content)
    rejected: dict[str, str] = {}
    seen: set[str] = set()
    problems: list[str] = []
    for number, row in rows:
        cells = {field: str(row[place]).strip() for place, field in columns.items() if place < len(row)}
        if not any(cells.values()):
            continue
        order, status = cells.get("order", ""), plain(cells.get("status", "")).upper()
        if cells.get("upload_id", upload_id) != upload_id:
            raise BadInput("This is the result of another confirmation. Take the one that belongs to the file on this page.")
        if order not in orders:
            problems.append(f"Row {number}: order {order[:80] or 'without a number'} is not in this confirmation.")
        elif status in REJECTED:
            rejected.setdefault(order, cells.get("remarks", "")[:MOST_WORDS] or "AJIO gave no reason")
        elif status not in ACCEPTED:
            problems.append(f"Row {number}: the status of order {order} is neither accepted nor rejected.")
        seen.add(order)
    problems += [f"Order {order} has no row in this file." for order in orders if order not in seen]
    return Result(rejected=rejected, problems=tuple(problems))


def _table(name: str, content: bytes) -> tuple[dict[int, str], Iterator[tuple[int, Row]]]:
    """The columns by their place, and the numbered rows below the headings."""
    for _, rows in sheets(name, content, HOW):
        walk = enumerate(rows, start=1)
        for number, row in walk:
            columns = _columns(row)
            if set(columns.values()) >= NEEDED:
                return columns, _bounded(walk)
            if number >= HEADING_ROWS:
                break
    raise BadInput(f"No sheet of this file has the columns Cust Order No and Status. {HOW}")


def _bounded(walk: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    for number, row in walk:
        if number > MOST_ROWS:
            raise BadInput("This file has more rows than any confirmation. Upload the result itself.")
        yield number, row


def _columns(row: Sequence[object]) -> dict[int, str]:
    found: dict[int, str] = {}
    for place, cell in enumerate(row):
        field = COLUMNS.get(plain(cell))
        if field and field not in found.values():
            found[place] = field
    return found
