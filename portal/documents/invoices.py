"""Tax invoices on paper."""

from collections.abc import Sequence

import msgspec

from portal.documents.billing import Invoice
from portal.documents.paper import Paper
from portal.documents.parties import STATES, WITHOUT_LEGISLATURE, Party
from portal.documents.symbols import draw_code128
from portal.documents.tax import Sale, Taxed, by_hsn, in_words, percent, rupees

ROW = 9.5
QUIET_MM = 2.5
"""The white before a barcode may reach into the margin, so that its bars begin near the text."""


class Column(msgspec.Struct, frozen=True):
    """A column of the table: its words, its width in millimetres, and how it stands."""

    words: str
    width: float
    align: str = "R"


def invoices(made: Sequence[Invoice]) -> bytes:
    """A PDF of these invoices on A4, each on its own page, more where it has many lines. Raises ValueError without any."""
    if not made:
        raise ValueError("nothing to print")
    paper = Paper(title="Tax invoices", margin=12)
    for invoice in made:
        _invoice(paper, invoice)
    return paper.finished()


def _invoice(paper: Paper, invoice: Invoice) -> None:
    columns = _columns(invoice)
    lines = invoice.lines
    y = _head(paper, invoice, columns, sheet=1)
    sheet = 1
    for number, (sale, line) in enumerate(zip(invoice.sales, lines, strict=True), start=1):
        if y + ROW > paper.bottom - 10:
            sheet += 1
            y = _head(paper, invoice, columns, sheet=sheet)
        _row(paper, columns, (str(number), sale.description, sale.hsn, str(sale.quantity), *_money(invoice, sale, line)), y=y, lines=2)
        y += ROW
        paper.rule(y)
    groups = by_hsn(invoice.sales, lines)
    if y + 42 + 5 * len(groups) > paper.bottom:
        y = _head(paper, invoice, columns, sheet=sheet + 1)
    _row(
        paper,
        columns,
        ("", "Total", "", str(sum(sale.quantity for sale in invoice.sales)), *_money(invoice, None, invoice.total)),
        y=y,
        bold=True,
    )
    paper.rule(y + 6)
    _foot(paper, invoice, groups, y=y + 8)


def _columns(invoice: Invoice) -> tuple[Column, ...]:
    first = (Column("", 7, "L"), Column("Description", 58, "L"), Column("HSN", 16, "L"), Column("Qty", 11), Column("Taxable", 24))
    if invoice.between_states:
        return (*first, Column("Rate", 14), Column("IGST", 28), Column("Total ₹", 28))
    return (*first, Column("Rate", 12), Column("CGST", 17), Column(_second_tax(invoice), 17), Column("Total ₹", 24))


def _second_tax(invoice: Invoice) -> str:
    return "UTGST" if invoice.place_of_supply in WITHOUT_LEGISLATURE else "SGST"


def _money(invoice: Invoice, sale: Sale | None, line: Taxed) -> tuple[str, ...]:
    taxes = (line.igst,) if invoice.between_states else (line.cgst, line.sgst)
    return (rupees(line.taxable), percent(sale.rate) if sale else "", *(rupees(tax) for tax in taxes), rupees(line.total))


def _row(paper: Paper, columns: Sequence[Column], cells: Sequence[str], *, y: float, bold: bool = False, lines: int = 1) -> None:
    x = paper.l_margin
    for column, cell in zip(columns, cells, strict=True):
        paper.say(cell, x=x, y=y + 0.6, width=column.width, size=8, bold=bold, align=column.align, lines=lines)
        x += column.width


def _head(paper: Paper, invoice: Invoice, columns: Sequence[Column], *, sheet: int) -> float:
    """Everything above the first line of a sheet. Answers where that line begins."""
    paper.add_page()
    half = paper.inside / 2
    paper.say("Tax invoice", y=12, size=16, bold=True, width=half)
    draw_code128(paper, invoice.number, x=paper.l_margin - QUIET_MM, y=20, width=60, height=6)
    right = paper.l_margin + half
    facts = [f"Invoice {invoice.number}", f"Date {invoice.day:%-d %b %Y}"]
    facts += [f"Order {invoice.order_number}"] if invoice.order_number else []
    facts += [f"Sheet {sheet}"] if sheet > 1 else []
    y = 12.0
    for fact in facts:
        y = paper.say(fact, x=right, y=y, width=half, size=9, bold=fact == facts[0], align="R")
    top = max(y, 28.0)
    left_end = _party(paper, "Sold by", invoice.seller, x=paper.l_margin, y=top, width=half - 4)
    right_end = _party(paper, "Billed to", invoice.buyer, x=right, y=top, width=half)
    place = f"Place of supply: {STATES[invoice.place_of_supply]} ({invoice.place_of_supply}). Tax is not payable on reverse charge."
    y = paper.say(place, y=max(left_end, right_end) + 2, size=8)
    paper.rule(y + 1)
    _row(paper, columns, [column.words for column in columns], y=y + 1, bold=True)
    paper.rule(y + 7)
    return y + 7


def _party(paper: Paper, role: str, party: Party, *, x: float, y: float, width: float) -> float:
    y = paper.say(role, x=x, y=y, width=width, size=7)
    y = paper.say(party.name, x=x, y=y, width=width, size=10, bold=True, lines=2)
    y = paper.say(", ".join((*party.address, f"{party.state_name} ({party.state})")), x=x, y=y, width=width, size=8, lines=4)
    return paper.say(f"GSTIN {party.gstin}", x=x, y=y, width=width, size=8) if party.gstin else y


def _foot(paper: Paper, invoice: Invoice, groups: dict[tuple[str, int], Taxed], *, y: float) -> None:
    y = paper.say(in_words(invoice.total.total), y=y, size=9, bold=True, lines=2)
    for (hsn, rate), group in groups.items():
        taxes = (
            f"IGST {rupees(group.igst)}"
            if invoice.between_states
            else f"CGST {rupees(group.cgst)}, {_second_tax(invoice)} {rupees(group.sgst)}"
        )
        y = paper.say(f"HSN {hsn} at {percent(rate)}: taxable {rupees(group.taxable)}, {taxes}", y=y, size=7.5)
    paper.say(f"For {invoice.seller.name}", y=y + 4, size=9, align="R", width=paper.inside)
    paper.say("Authorised signatory", y=y + 16, size=8, align="R", width=paper.inside)
