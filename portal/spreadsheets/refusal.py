"""How big a workbook may be, and what is said about one that cannot be used."""

from enum import StrEnum

import msgspec

from portal.errors import BadInput


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The most that is read of one workbook. `packed` and `unpacked` are bytes, of the file and of all its parts.

    `rows` and `columns` are places: a sheet with one cell in row 900 has 900 rows. `cells` is their product on one sheet.
    `letters` may stand in one cell, and `text` in all cells that share their text with others, which costs the file next to nothing.
    """

    packed: int
    unpacked: int
    rows: int
    parts: int = 2_000
    sheets: int = 100
    columns: int = 16_384
    cells: int = 8_000_000
    letters: int = 32_767
    text: int = 256 * 1024 * 1024


class Fault(StrEnum):
    """Why a file is not used."""

    OTHER = "other"
    LOCKED = "locked"
    DAMAGED = "damaged"
    TOO_BIG = "too_big"
    TOO_LONG = "too_long"
    TOO_WIDE = "too_wide"
    LONG_CELL = "long_cell"


class Unusable(BadInput):
    """A file that is no workbook, or none that can be read safely. `fault` says why, the sentence what to do."""

    def __init__(self, fault: Fault, name: str, how: str, bounds: Bounds, *, detail: str = "") -> None:
        super().__init__(_said(fault, name, how, bounds), detail=detail)
        self.fault = fault


def _said(fault: Fault, name: str, how: str, bounds: Bounds) -> str:
    match fault:
        case Fault.OTHER:
            return f"{name} is not an Excel file (.xlsx). {how}"
        case Fault.LOCKED:
            return f"{name} is an old Excel file or has a password. Save it as .xlsx without a password and upload it again."
        case Fault.DAMAGED:
            return f"{name} is damaged, or is no Excel file. {how}"
        case Fault.TOO_BIG:
            return f"{name} is too big once unpacked. Choose less, and upload it in several parts."
        case Fault.TOO_LONG:
            return f"{name} has more than {bounds.rows:,} rows. Choose less, and upload it in several parts."
        case Fault.TOO_WIDE:
            return f"{name} has cells far outside its table. Copy the table to a new workbook and upload that."
        case Fault.LONG_CELL:
            return f"{name} has more text in one cell than Excel itself allows. Shorten it and upload the file again."
