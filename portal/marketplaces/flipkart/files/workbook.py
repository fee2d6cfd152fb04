"""The one sheet that is read of a workbook somebody uploaded."""

from typing import BinaryIO

from portal.errors import BadInput
from portal.spreadsheets import Bounds, Sheet, opened

BOUNDS = Bounds(packed=64 * 1024 * 1024, unpacked=400 * 1024 * 1024, rows=200_000)
"""50,000 settlement lines unpack to about a quarter of it."""

HOW = "Upload the .xlsx file that Flipkart gives you, unchanged."


def open_sheet(name: str, stream: BinaryIO, sheet_name: str) -> Sheet:
    """The sheet of that name, capitals or not. BadInput, with a sentence, for everything that is not such a workbook."""
    with opened(name, stream, bounds=BOUNDS, how=HOW) as book:
        wanted = next((one for one in book.sheet_names if one.strip().lower() == sheet_name.lower()), None)
        if wanted is None:
            raise BadInput(
                f"{name} has no sheet named {sheet_name}. Download the Settled Transactions file from Payments on the Flipkart "
                "Seller Dashboard and upload it as it is."
            )
        return book.sheet(wanted)
