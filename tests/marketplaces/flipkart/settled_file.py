"""Makes Settled Transactions workbooks as Flipkart lays them out: a row of groups, a row of headings, then order items."""

import io
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from openpyxl import Workbook

GROUPS = {0: "Payment Details", 5: "Transaction Summary", 14: "Marketplace Fees", 25: "Taxes", 28: "Order Details"}
HEADINGS = (
    "NEFT ID",
    "Payment Date",
    "Bank Settlement Value (Rs.) = SUM(H:O)",
    "Input GST + TCS Credits (Rs.) [GST+TCS]",
    "Income Tax Credits (Rs.) [TDS]",
    "Order ID",
    "Order item ID",
    "Sale Amount (Rs.)",
    "Total Offer Amount (Rs.)",
    "My share (Rs.)",
    "Customer Add-ons Amount (Rs.)",
    "Marketplace Fee (Rs.) = SUM(R:Z)",
    "Taxes (Rs.)",
    "Protection Fund (Rs.)",
    "Refund (Rs.)",
    "Tier",
    "Commission Rate (%)",
    "Commission (Rs.)",
    "Fixed Fee (Rs.)",
    "Collection Fee (Rs.)",
    "Pick And Pack Fee (Rs.)",
    "Shipping Fee (Rs.)",
    "Reverse Shipping Fee (Rs.)",
    "No Cost Emi Fee Reimbursement(Rs.)",
    "Installation Fee (Rs.)",
    "TCS (Rs.)",
    "TDS (Rs.)",
    "GST on MP Fees (Rs.)",
    "Dead Weight (kgs)",
    "Length*Breadth*Height",
    "Volumetric Weight (kgs)",
    "Chargeable Weight (kgs)",
    "Shipping Zone",
    "Order Date",
    "Dispatch Date",
    "Order Type",
    "Fulfilment Type",
    "Seller SKU",
    "Quantity",
    "Product Sub Category",
    "Return Type",
    "Shopsy Order",
    "Item Return Status",
    "Invoice ID",
    "Invoice Date",
    *(f"Additional Information {number}" for number in range(1, 18)),
)


def sold(number: int, neft: str, **changes: Any) -> dict[str, Any]:
    """A row that adds up: sold for 500, fees 60 of which 1 is not itemised, taxes 18.50."""
    return {
        "NEFT ID": neft,
        "Payment Date": "2026-11-10",
        "Bank Settlement Value": 421.5,
        "Order ID": f"OD4{number:017d}",
        "Order item ID": f"4{number:016d}00",
        "Sale Amount": 500,
        "Marketplace Fee": -60,
        "Taxes": -18.5,
        "Commission": -40,
        "Fixed Fee": -9,
        "Shipping Fee": -10,
        "TCS": -2.5,
        "TDS": -5,
        "GST on MP Fees": -11,
        "Seller SKU": f"KURTA-{number % 40:03d}",
        "Quantity": 1,
        **changes,
    }


def settled_file(
    rows: Iterable[Mapping[str, Any]], *, sheet: str = "Orders", headings: Iterable[str] = HEADINGS, groups: bool = True
) -> io.BytesIO:
    """The workbook of these rows. Keys of a row are headings, with or without what stands in brackets."""
    book = Workbook(write_only=True)
    book.create_sheet("Help").append(["How to read this file"])
    page = book.create_sheet(sheet)
    headings = list(headings)
    if groups:
        page.append([GROUPS.get(at) for at in range(len(headings))])
    page.append(headings)
    places: dict[str, int] = {}
    for row in rows:
        cells: list[Any] = [None] * len(headings)
        for key, value in row.items():
            if key not in places:
                places[key] = next(at for at, heading in enumerate(headings) if key in {heading, heading.partition("(")[0].strip()})
            cells[places[key]] = float(value) if isinstance(value, Decimal) else value
        page.append(cells)
    stream = io.BytesIO()
    book.save(stream)
    return stream
