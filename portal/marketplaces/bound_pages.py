"""Single pages of a marketplace's PDF, bound anew for the parcel they belong to. Loaded with the first of them: the library is heavy."""

from collections.abc import Iterable
from io import BytesIO

from pypdf import PageObject, PdfWriter
from pypdf.errors import PyPdfError

UNREADABLE = (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What pypdf raises for a file that is damaged, locked, or built in a way it does not know."""


def bound(pages: Iterable[PageObject]) -> bytes:
    """A PDF of these pages in their order."""
    writer = PdfWriter()
    for page in pages:
        writer.add_page(page)
    made = BytesIO()
    writer.write(made)
    writer.close()
    return made.getvalue()
