"""Papers as a printer would make them: pages as pictures, and the symbols a scanner finds in them."""

from collections.abc import Iterator

import pypdfium2
import zxingcpp
from PIL.Image import Image

DOTS_AN_INCH = 203
"""What an ordinary label printer has."""


def pictures(pdf: bytes, *, dots: int = DOTS_AN_INCH) -> Iterator[Image]:
    """Each page in grey, at the resolution of a printer."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for page in document:
            yield page.render(scale=dots / 72, grayscale=True).to_pil()
    finally:
        document.close()


def read(pdf: bytes) -> list[dict[str, str]]:
    """Per page, what a scanner reads, by the kind of symbol."""
    return [{one.format.name: one.text for one in zxingcpp.read_barcodes(picture)} for picture in pictures(pdf)]


def texts(pdf: bytes) -> list[str]:
    """Per page, the text that can be copied out of it."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()
