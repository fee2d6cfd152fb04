"""Payout files that sellers upload: the settlement as Amazon sends it, or the date-range report of Seller Central."""

from collections.abc import Iterator
from typing import BinaryIO

from portal.errors import BadInput
from portal.marketplaces.amazon_in.wire.date_range import DateRangeReader
from portal.marketplaces.amazon_in.wire.documents import Lines
from portal.marketplaces.amazon_in.wire.settlements import SettlementReader
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import PayoutFact, UnreadableRow

CHUNK = 65_536
WORKBOOK = b"PK\x03\x04"


def read_payout_file(name: str, stream: BinaryIO) -> Iterator[PayoutFact | UnreadableRow]:
    """Parts of payouts and rows that resist, as the file is read; the reason of a row names its number.

    `name` is what the seller called the file; it appears in messages only. BadInput for a file of another kind, also when that
    shows only at its end: then nothing of it counts. A settlement uploaded after it was read by call gives the same lines again.
    """
    try:
        yield from _read(name, stream)
    except WireChanged as error:
        raise BadInput(
            f"We cannot read {name} as an Amazon payout file ({error.what}). "
            "Download the settlement again in Seller Central, Payments, All statements, Download Flat File V2.",
            fields={"file": "This is not an Amazon settlement or date-range report."},
            detail=str(error),
        ) from error


def _read(name: str, stream: BinaryIO) -> Iterator[PayoutFact | UnreadableRow]:
    lines = Lines()
    reader: SettlementReader | DateRangeReader | None = None
    while chunk := stream.read(CHUNK):
        if chunk.startswith(WORKBOOK) and reader is None:
            raise BadInput(
                f"{name} is a workbook or a zip file. Upload the text or CSV file as Amazon gives it.",
                fields={"file": "Upload the .txt or .csv file."},
            )
        portion = lines.feed(chunk)
        if portion:
            reader = reader or _reader(portion[0])
            yield from reader.feed(portion)
    portion = lines.end()
    if reader is None:
        if not portion:
            raise BadInput(f"The file {name} is empty.", fields={"file": "This file is empty."})
        reader = _reader(portion[0])
    yield from reader.feed(portion)
    yield from reader.end()


def _reader(first: str) -> SettlementReader | DateRangeReader:
    """Settlements are tables with tabs and begin with their header; everything else can only be a date-range report."""
    return SettlementReader() if first.startswith("settlement-id\t") else DateRangeReader()
