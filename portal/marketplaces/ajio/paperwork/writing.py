"""An Excel file of a few columns. Loaded with the first sheet that is written."""

import io
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

WIDTH = 22


def written(title: str, rows: Sequence[Sequence[str | int]]) -> bytes:
    """One page with these rows, the first of which are the headings."""
    book = Workbook()
    page = book.worksheets[0]
    page.title = title
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row, start=1):
            cell = page.cell(row=number, column=place, value=value)
            if isinstance(value, str):
                # A number of AJIO's or a SKU is never a formula, whatever it begins with.
                cell.data_type = "s"
    page.freeze_panes = "A2"
    for place in range(1, len(rows[0]) + 1):
        page.column_dimensions[get_column_letter(place)].width = WIDTH
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()
