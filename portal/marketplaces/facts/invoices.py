"""The invoices that a seller makes himself, where a marketplace buys from him."""

from decimal import Decimal

import msgspec


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is invoiced of one SKU. `unit_amount` is in major units, with tax inside it or before tax. `hsn` is empty where nobody told it."""

    sku: str
    title: str
    quantity: int
    unit_amount: Decimal | None
    tax_included: bool
    hsn: str = ""


class InvoiceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """An order for which a marketplace that buys expects the seller's own invoice. `reference` is its number of the purchase."""

    external_order_id: str
    reference: str
    lines: tuple[InvoiceLine, ...]


class OwnInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """The seller's own invoice as it was issued: its number, and the paper as a PDF."""

    number: str
    content: bytes

    def __repr__(self) -> str:
        return f"OwnInvoice({self.number}, {len(self.content)} bytes)"


class InvoicesMade(msgspec.Struct, frozen=True, kw_only=True):
    """By order: the invoice that was issued, or why none could be, in a sentence. An order is asked for again and has the same one."""

    made: dict[str, OwnInvoice]
    problems: dict[str, str] = {}
