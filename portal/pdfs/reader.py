"""The process that reads one PDF and ends. Nothing else imports this: the library is heavy, and its limits bind the whole process."""

import sys
from collections.abc import Sequence
from io import BytesIO

import msgspec
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from portal.pdfs.asking import Answer, Asked
from portal.pdfs.confining import confine

UNREADABLE = (PyPdfError, DependencyError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError)
"""What the library raises for a file that is damaged, locked, or built in a way it does not know."""


def main() -> None:
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Asked)
    confine(asked.memory, asked.seconds)
    try:
        said = msgspec.msgpack.encode(answered(asked))
    except MemoryError:
        said = b""
    if not 0 < len(said) <= asked.answer:
        said = msgspec.msgpack.encode(Answer(fault="too_much", why="memory"))
    sys.stdout.buffer.write(said)
    sys.stdout.flush()


def answered(asked: Asked) -> Answer:
    """The texts or the bound pages that are asked for, or what is wrong with the PDF."""
    try:
        pages: Sequence[PageObject] = PdfReader(BytesIO(asked.content)).pages
        if len(pages) > asked.most_pages:
            return Answer(fault="too_long")
        if asked.groups is None:
            return Answer(texts=[_text(page) for page in pages])
        return Answer(bound={name: _bound([pages[number] for number in numbers]) for name, numbers in asked.groups.items()})
    except LimitReachedError as error:
        return Answer(fault="too_much", why=type(error).__name__)
    except UNREADABLE as error:
        return Answer(fault="damaged", why=type(error).__name__)


def _text(page: PageObject) -> str | None:
    try:
        # Fonts may name halves of letters, which are none and cannot be sent.
        return page.extract_text().encode("utf-8", "replace").decode()
    except LimitReachedError:
        raise
    except UNREADABLE:
        return None


def _bound(pages: Sequence[PageObject]) -> bytes:
    writer = PdfWriter()
    for page in pages:
        writer.add_page(page)
    made = BytesIO()
    writer.write(made)
    writer.close()
    return made.getvalue()


if __name__ == "__main__":
    main()
