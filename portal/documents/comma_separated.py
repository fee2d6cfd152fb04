"""Lines of CSV files for spreadsheets, which must not run what somebody chose as a name."""

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell may begin with that spreadsheets take for a formula, also in the wide letters some of them fold."""

MARK = "\ufeff"
"""Goes first in a file: without it Excel reads Indian scripts as noise."""


def harmless(value: str) -> str:
    """A value that stays text in every spreadsheet."""
    return f"'{value}" if value.lstrip(" \u00a0").startswith(FORMULA) or value.startswith(FORMULA) else value


def lines(rows: Iterable[Sequence[str]]) -> str:
    """The rows as lines, every cell in quotes and as it is: whatever a stranger wrote has to be `harmless` before."""
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
    return written.getvalue()
