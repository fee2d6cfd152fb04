"""Every way to connect one of the four marketplaces, and its pages beyond the first sync: what a seller does there."""

import asyncio
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.async_api import Locator, expect

from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Shop
from tests.browser.pages import PATIENCE_MS, Run, Seller
from tests.browser.ways import EVERY, Typed

SHORTEST_SECRET = 12
"""Anything shorter may stand on a page by chance."""


@dataclass(frozen=True, kw_only=True)
class Way(Typed):
    """One marketplace by one method. `slips` are details that its live test refuses, `field` is where and `said` what it says then."""

    slips: Mapping[str, str]
    field: str
    said: str

    def secrets(self, shop: Shop) -> set[str]:
        """Each text that must not come back: the secret details, right and wrong, and the parts of those that are made of parts."""
        hidden = {name for name, one in self.method.fields().items() if one.secret}
        typed = [value for values in (self.keys(shop), self.slips) for name, value in values.items() if name in hidden]
        return {part for value in typed for part in _parts(value) if len(part) >= SHORTEST_SECRET}


def _parts(value: str) -> list[str]:
    if not value.startswith("["):
        return [] if value.startswith("{") else [value]
    return [cookie["value"] for cookie in json.loads(value)]


def _way(code: str, method: str, field: str, said: str, **slips: str) -> Way:
    place = marketplace(code)
    return Way(place=place, method=place.method(method), slips=slips, field=field, said=said)


WAYS = (
    _way(
        "AMAZON_IN",
        "private_app",
        "refresh_token",
        "Amazon access was removed",
        refresh_token="Atzr|a-token-that-this-marketplace-never-gave-out",
    ),
    _way("FLIPKART", "self_access", "app_secret", "the secret does not belong to it", app_secret="a-secret-of-another-application"),
    _way("MEESHO", "api_key", "api_secret", "signature", api_secret="a-secret-of-another-supplier"),
    _way("AJIO", "partner_api", "api_password", "does not accept this POB ID", api_password="a-password-before-its-reset"),
    _way(
        "AJIO",
        "portal_session",
        "session_cookies",
        "panel session has ended",
        session_cookies="vms_session=a-session-of-yesterday",
        access_token="a-token-of-yesterday-that-has-ended",
    ),
)


every_way = pytest.mark.parametrize(
    "way", [pytest.param(way, id=way.id, marks=[] if number == 0 else pytest.mark.soak) for number, way in enumerate(WAYS)]
)
"""For a journey that is the same for all who type: one way in `make test`, every way in `make soak`."""


def offered() -> set[str]:
    """Every way there should be: all whose form asks for something."""
    return {way.id for way in EVERY if isinstance(way, Typed)}


async def type_again(seller: Seller, way: Way, keys: Mapping[str, str]) -> None:
    """Replace the secrets that were wrong; the others are kept."""
    wrong = [name for name in way.slips if name in keys]
    for name in wrong:
        await seller.press(seller.page.locator(f"button[name=replace][value={name}]"))
        await expect(seller.page.locator(f"[name={name}]:not(button)")).to_be_visible()
    for name in wrong:
        await seller.type(seller.page.locator(f"[name={name}]:not(button)"), keys[name])
    await seller.press(seller.button("Test and continue"))


def mistake(seller: Seller, field: str) -> Locator:
    """The sentence at a field."""
    return seller.page.locator(".field.wrong", has=seller.page.locator(f"#{field}, button[value={field}]")).locator(".mistake")


async def confirm(seller: Seller, days: int) -> Run:
    await seller.press(seller.link("Continue"))
    await seller.at("/connect/[^/]+/5")
    await seller.page.get_by_label("How far back").select_option(str(days))
    await seller.press(seller.button("Connect and start first sync"))
    run, again = Run(seller), seller.link("Check again")
    await expect(run.state.or_(again)).to_be_visible(timeout=PATIENCE_MS)
    while await again.is_visible():
        await seller.press(again)
        await expect(run.state.or_(again)).to_be_visible()
    return run


async def pages_in(recording: Path) -> list[tuple[str, str]]:
    """Address and text of every page and part of a page that was recorded."""
    har: dict[str, Any] = json.loads(await asyncio.to_thread(recording.read_text))
    return [
        (entry["request"]["url"], entry["response"]["content"].get("text", ""))
        for entry in har["log"]["entries"]
        if entry["response"]["status"] not in (301, 302, 303) and entry["response"]["content"].get("mimeType", "").startswith("text/html")
    ]


# Payout files

PAYMENT_COLUMNS = (
    "Sub Order No",
    "Supplier SKU",
    "Quantity",
    "Transaction ID",
    "Payment Date",
    "Final Settlement Amount",
    "Total Sale Amount (Incl. Shipping & GST)",
    "Meesho Commission (Incl. GST)",
    "TCS",
    "TDS",
)
BAD_ROWS = {
    # row of the spreadsheet: the column that is spoiled there, how, and what is said of it
    4: ("Final Settlement Amount", None, "The Final Settlement Amount is missing."),
    7: ("Final Settlement Amount", "twelve", "Final Settlement Amount is no amount."),
    9: ("Sub Order No", None, "The Sub Order No is missing."),
    12: ("Payment Date", "soon", "The payment date is no date."),
    15: ("Transaction ID", None, "The Transaction ID is missing."),
}


def payment_file(rows: int, *, short: int = 0) -> bytes:
    """Meesho's payment workbook of one day: a title, the header in row 2, sub-orders of 460 rupees net below, BAD_ROWS among them.

    `short`: so many rupees less were paid than the first sub-order's amounts come to.
    """
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Order Payments"
    sheet.append(["Order related details"])
    sheet.append(list(PAYMENT_COLUMNS))
    for number in range(3, rows + 3):
        paid = 460 - (short if number == 3 else 0)
        row = [f"9{number:011d}_1", f"KURTA-{number:03d}", 1, f"TXN{number:06d}", "2026-11-10", paid, 500, -30, -5, -5]
        if number in BAD_ROWS:
            column, value, _ = BAD_ROWS[number]
            row[PAYMENT_COLUMNS.index(column)] = value
        sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def settlement_file(settlement: str) -> bytes:
    """Amazon's settlement V2 with one sale of 100 rupees, paid out whole, and a row whose amount is no number."""
    columns = (
        *("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date", "total-amount", "currency"),
        *("transaction-type", "order-id", "amount-type", "amount-description", "amount", "posted-date"),
    )
    rows: Sequence[Sequence[str]] = (
        columns,
        (settlement, "2026-11-01", "2026-11-08", "2026-11-09", "100.00", "INR"),
        (settlement, *[""] * 5, "Order", "403-1111111-2222222", "ItemPrice", "Principal", "100.00", "03/11/26"),
        (settlement, *[""] * 5, "Order", "403-1111111-3333333", "ItemPrice", "Principal", "a hundred", "03/11/26"),
    )
    return "".join("\t".join((*row, *[""] * (len(columns) - len(row)))) + "\n" for row in rows).encode()


async def upload(seller: Seller, name: str, content: bytes) -> None:
    """Hand a payout file in for the only account."""
    await seller.open("/payouts")
    await seller.page.get_by_label("File", exact=True).set_input_files({"name": name, "mimeType": "", "buffer": content})
    await seller.press(seller.button("Read file"))


async def to_the_preview(seller: Seller, name: str, content: bytes) -> None:
    await upload(seller, name, content)
    await seller.at("/payouts/uploads/[^/]+")


async def fact(seller: Seller, card: str, term: str) -> str:
    """What stands beside a term on a card of facts."""
    pair = seller.page.locator(f"#{card} dl > div").filter(has=seller.page.get_by_text(term, exact=True))
    return (await pair.locator("dd").inner_text()).strip()


async def bad_rows(seller: Seller) -> dict[int, str]:
    """The rows that could not be read: number and reason."""
    reasons = await seller.page.locator("#problems tbody tr td").all_inner_texts()
    found = [re.search(r"[Rr]ow (\d+): (.+)", reason) for reason in reasons]
    return {int(one[1]): one[2] for one in found if one is not None}


# Stock


async def set_stock(seller: Seller, quantities: Sequence[int]) -> list[str]:
    """Type quantities into the first boxes of the stock table, and go to the review. Answers the SKUs they belong to."""
    await seller.open("/inventory")
    rows = seller.page.locator("tbody tr", has=seller.page.locator("input[name^=quantity-]"))
    skus = []
    for place, quantity in enumerate(quantities):
        row = rows.nth(place)
        skus.append(await row.locator("th a").inner_text())
        await seller.type(row.locator("input[name^=quantity-]"), str(quantity))
    await seller.press(seller.button("Review changes"))
    await seller.at("/inventory/push/[^/]+")
    return skus


async def push(seller: Seller) -> Run:
    await seller.press(seller.button("Push stock"))
    await seller.at("/syncs/[^/]+")
    return Run(seller)


def stock_row(seller: Seller, sku: str) -> Locator:
    return seller.page.locator("tbody tr", has=seller.page.get_by_role("link", name=sku, exact=True))
