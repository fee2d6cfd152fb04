"""Marketplaces' own papers in one file for the printer, in the order in which parcels are packed."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError

from portal.errors import PortalError


class PaperUnreadable(PortalError):
    """A paper is no PDF that can be printed. `order_number` says whose."""

    code = "paper_unreadable"
    status = 422

    def __init__(self, order_number: str, why: str) -> None:
        super().__init__(f"The paper of order {order_number} cannot be read. Fetch it again, then print.", detail=why)
        self.order_number = order_number


class PaperMissing(PortalError):
    """Some orders have no paper yet; printing the others in silence would lose parcels. `order_numbers` says which."""

    code = "paper_missing"
    status = 409

    def __init__(self, order_numbers: Sequence[str]) -> None:
        named = ", ".join(order_numbers[:5]) + (f" and {len(order_numbers) - 5} more" if len(order_numbers) > 5 else "")
        super().__init__(f"No paper has come yet for {named}. Nothing was printed.")
        self.order_numbers = tuple(order_numbers)


def in_packing_order(papers: Mapping[str, Sequence[bytes]], order_numbers: Sequence[str]) -> bytes:
    """One PDF of every page of these orders' papers, one order after the other, each order's papers in their own order.

    Raises PaperMissing for orders without a paper, PaperUnreadable for one that is no PDF, ValueError for no orders at all.
    """
    if not order_numbers:
        raise ValueError("nothing to print")
    missing = [number for number in order_numbers if not papers.get(number)]
    if missing:
        raise PaperMissing(missing)
    writer = PdfWriter()
    for number in order_numbers:
        for paper in papers[number]:
            _append(writer, number, paper)
    made = BytesIO()
    writer.write(made)
    writer.close()
    return made.getvalue()


def _append(writer: PdfWriter, order_number: str, paper: bytes) -> None:
    try:
        reader = PdfReader(BytesIO(paper))
        if not len(reader.pages):
            raise PaperUnreadable(order_number, "no pages")
        writer.append(reader, import_outline=False)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # A damaged file fails wherever the reader first stumbles over it.
        raise PaperUnreadable(order_number, type(error).__name__) from error
