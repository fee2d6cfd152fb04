"""Barcodes and QR codes drawn as shapes, so that they stay sharp at every printer's resolution."""

from itertools import groupby

import segno
from barcode.codex import Code128
from barcode.errors import BarcodeError

from portal.documents.paper import Paper

QUIET_128, QUIET_QR = 10, 4
"""Modules of white that a reader needs around a symbol."""

LEAST_MODULE_MM = 0.19
"""Two dots of a label printer with 203 dots to the inch would be 0.25; scanners in warehouses still read three quarters of that."""


class Unprintable(ValueError):
    """A number that no symbol of this size can hold."""


def draw_code128(paper: Paper, number: str, *, x: float, y: float, width: float, height: float) -> None:
    """A Code 128 with its white on both sides, `width` by `height` millimetres. Raises Unprintable."""
    if not number:
        raise Unprintable("a parcel without a number has no barcode")
    try:
        bars = Code128(number).build()[0]
    except BarcodeError as error:
        raise Unprintable(f"{number!r} has letters that Code 128 cannot say") from error
    module = width / (len(bars) + 2 * QUIET_128)
    if module < LEAST_MODULE_MM:
        raise Unprintable(f"{number!r} does not fit into {width} mm")
    paper.set_fill_color(0)
    at = x + QUIET_128 * module
    for black, run in groupby(bars):
        wide = module * len(list(run))
        if black == "1":
            paper.rect(at, y, wide, height, style="F")
        at += wide


def draw_qr(paper: Paper, text: str, *, x: float, y: float, side: float) -> None:
    """A QR code that a quarter of damage does not hurt, with its white around it, `side` millimetres square. Raises Unprintable."""
    try:
        rows = segno.make_qr(text, error="q").matrix
    except segno.DataOverflowError as error:
        raise Unprintable("too much text for one QR code") from error
    module = side / (len(rows) + 2 * QUIET_QR)
    if module < LEAST_MODULE_MM:
        raise Unprintable(f"a QR code of {len(text)} letters does not fit into {side} mm")
    paper.set_fill_color(0)
    for down, row in enumerate(rows):
        across = 0
        for black, run in groupby(row):
            length = len(list(run))
            if black:
                left, top = x + (QUIET_QR + across) * module, y + (QUIET_QR + down) * module
                paper.rect(left, top, length * module, module, style="F")
            across += length
