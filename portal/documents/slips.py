"""Packing slips for a label printer, and the pick list that goes before them."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from portal.documents.paper import LABEL, Paper
from portal.documents.parcels import Pick, Slip, SlipLine
from portal.documents.symbols import Unprintable, draw_code128, draw_qr

LINES_A_SLIP = 8
ROW = 9.0
QR_SIDE = 24.0
MARGIN_TOP = 5.0


def packing_slips(slips: Iterable[Slip]) -> tuple[bytes, list[int]]:
    """A PDF of one page per parcel in the given order, more where a parcel has many lines; and how many pages each parcel has.

    Raises ValueError without slips, Unprintable for an order number that no QR code can hold.
    """
    paper = Paper(LABEL, title="Packing slips")
    pages = [_slip(paper, slip) for slip in slips]
    if not pages:
        raise ValueError("nothing to print")
    return paper.finished(), pages


def _slip(paper: Paper, slip: Slip) -> int:
    parts = [slip.lines[at : at + LINES_A_SLIP] for at in range(0, max(1, len(slip.lines)), LINES_A_SLIP)]
    for number, lines in enumerate(parts, start=1):
        paper.add_page()
        _head(paper, slip, f"{number} of {len(parts)}" if len(parts) > 1 else "")
        _lines(paper, lines)
        _foot(paper, slip)
    return len(parts)


def _head(paper: Paper, slip: Slip, part: str) -> None:
    wide = paper.inside - QR_SIDE
    paper.say("Packing slip", y=MARGIN_TOP, width=wide, size=13, bold=True)
    paper.say(f"Order {slip.order_number}", width=wide, size=9)
    if slip.dispatch_by:
        paper.say(f"Dispatch by {slip.dispatch_by:%-d %b %Y}", width=wide, size=9, bold=True)
    if part:
        paper.say(f"Sheet {part}", width=wide, size=8)
    draw_qr(paper, slip.order_number, x=paper.w - paper.r_margin - QR_SIDE, y=MARGIN_TOP, side=QR_SIDE)
    y = MARGIN_TOP + QR_SIDE + 1
    paper.rule(y)
    paper.say("To", y=y + 1, size=7)
    paper.say(slip.to.name, size=12, bold=True, lines=2)
    paper.say(", ".join(slip.to.address), size=9, lines=3)


def _lines(paper: Paper, lines: Sequence[SlipLine]) -> None:
    y = paper.get_y() + 2
    paper.rule(y)
    for line in lines:
        paper.say(line.sku, y=y + 0.5, width=paper.inside - 15, size=8.5, bold=True)
        paper.say(line.title, width=paper.inside - 15, size=7.5)
        paper.say(f"× {line.quantity}", x=paper.w - paper.r_margin - 15, y=y + 1.5, width=15, size=12, bold=line.quantity > 1, align="R")
        y += ROW
    paper.rule(y)


def _foot(paper: Paper, slip: Slip) -> None:
    if slip.awb:
        # A number that no symbol of this width can hold stands below in letters all the same.
        with suppress(Unprintable):
            draw_code128(paper, slip.awb, x=paper.l_margin, y=paper.bottom - 22, width=paper.inside, height=12)
        paper.say(f"{slip.carrier}  {slip.awb}".strip(), y=paper.bottom - 9.5, size=9, bold=True, align="C", width=paper.inside)
    paper.say(f"From {slip.sender}", y=paper.bottom - 4, size=6.5, width=paper.inside)


def pick_list(found: Sequence[Pick], *, heading: str) -> bytes:
    """A PDF on A4 with a box to tick per SKU."""
    paper = Paper(title=heading, margin=12)
    y = paper.bottom
    page = 0
    for pick in found:
        if y + 11 > paper.bottom:
            page += 1
            y = _list_head(paper, heading, found, page)
        paper.rect(paper.l_margin, y + 2, 5, 5)
        paper.say(str(pick.quantity), x=paper.l_margin + 8, y=y + 1, width=18, size=15, bold=True, align="R")
        paper.say(pick.sku, x=paper.l_margin + 30, y=y + 0.5, width=75, size=10, bold=True)
        paper.say(pick.title, x=paper.l_margin + 30, y=y + 5.2, width=75, size=8)
        paper.say(", ".join(pick.orders), x=paper.l_margin + 108, y=y + 1.5, width=paper.inside - 108, size=7.5, lines=2)
        y += 11
        paper.rule(y)
    if not found:
        _list_head(paper, heading, found, 1)
        paper.say("Nothing to pick.", size=11)
    return paper.finished()


def _list_head(paper: Paper, heading: str, found: Sequence[Pick], page: int) -> float:
    paper.add_page()
    paper.say(heading, y=12, size=15, bold=True, width=paper.inside)
    pieces = sum(pick.quantity for pick in found)
    paper.say(f"Pieces {pieces}, SKUs {len(found)}. Page {page}.", size=9)
    y = paper.get_y() + 3
    paper.rule(y)
    return y
