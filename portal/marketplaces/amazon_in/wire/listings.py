"""Listings Items 2021-08-01 and the report of all listings; stock changes as request bodies, and what Amazon made of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.amazon_in.wire.answers import NAME, Money, amount_of, decoded
from portal.marketplaces.amazon_in.wire.documents import Columns, amount
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import LineOutcome, ListingFact, StockLine, UnreadableRow

# ruff: noqa: N815

OWN_STOCK = "DEFAULT"
"""The channel of stock the seller keeps; every other one is a warehouse of Amazon's, where pushing is not ours to do."""


class WireSummary(msgspec.Struct):
    asin: str | None = None
    productType: str | None = None
    status: list[str] | None = None
    itemName: str | None = None


class WireOffer(msgspec.Struct):
    offerType: str | None = None
    price: Money | None = None


class WireAvailability(msgspec.Struct):
    fulfillmentChannelCode: str | None = None
    quantity: int | None = None


class WireListing(msgspec.Struct):
    sku: str
    summaries: list[WireSummary] | None = None
    offers: list[WireOffer] | None = None
    fulfillmentAvailability: list[WireAvailability] | None = None


class _Pagination(msgspec.Struct):
    nextToken: str | None = None


class _Found(msgspec.Struct):
    items: list[msgspec.Raw]
    numberOfResults: int | None = None
    pagination: _Pagination | None = None


class ListingsPage(msgspec.Struct):
    """One page of a search. `total` is the number of SKUs the search has, whether or not it pages through all of them."""

    facts: tuple[ListingFact, ...]
    set_aside: tuple[UnreadableRow, ...]
    total: int | None
    next_token: str


def read_listings(body: bytes) -> ListingsPage:
    """One page of searchListingsItems. WireChanged when it is none; single bad rows are set aside."""
    found = decoded(body, _Found, "listings")
    facts: list[ListingFact] = []
    aside: list[UnreadableRow] = []
    for row in found.items:
        try:
            facts.append(listing_fact(msgspec.json.decode(row, type=WireListing)))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            aside.append(_unreadable(row, str(error)))
    return ListingsPage(tuple(facts), tuple(aside), found.numberOfResults, (found.pagination.nextToken or "") if found.pagination else "")


def _unreadable(row: msgspec.Raw, reason: str) -> UnreadableRow:
    try:
        found = msgspec.json.decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    raw = found if isinstance(found, dict) else {}
    sku = raw.get("sku")
    return UnreadableRow(external_id=sku if isinstance(sku, str) else "", reason=reason, raw=raw)


def listing_fact(listing: WireListing) -> ListingFact:
    """One listing in our words. ValueError for a price that cannot be true."""
    summary = listing.summaries[0] if listing.summaries else WireSummary()
    words = summary.status or []
    offer = next((one for one in listing.offers or () if one.offerType in (None, "B2C")), None)
    price = offer.price if offer else None
    own = [one for one in listing.fulfillmentAvailability or () if one.fulfillmentChannelCode == OWN_STOCK]
    foreign = [one for one in listing.fulfillmentAvailability or () if one.fulfillmentChannelCode not in (None, OWN_STOCK)]
    return ListingFact(
        sku=listing.sku,
        external_listing_id=summary.asin or "",
        title=summary.itemName or "",
        status="active" if "BUYABLE" in words else "inactive",
        raw_status=",".join(words),
        quantity_seen=own[0].quantity if own and not foreign else None,
        price=amount_of(price),
        currency=(price.currencyCode if price else None) or "INR",
        pushable=not foreign,
        attributes=_attributes(summary.productType, foreign[0].fulfillmentChannelCode if foreign else OWN_STOCK),
    )


def _attributes(product_type: str | None, channel: str | None) -> tuple[tuple[str, str], ...]:
    known = (("product_type", product_type or ""), ("channel", channel or ""))
    return tuple((name, value) for name, value in known if value)


REPORT_REQUIRED = ("seller-sku", "quantity", "fulfillment-channel")


class ListingsReader:
    """Feed it the lines of the report of all listings; it gives facts and rows that resist."""

    def __init__(self) -> None:
        self._columns: Columns | None = None
        self._number = 0

    def feed(self, lines: Iterable[str]) -> Iterator[ListingFact | UnreadableRow]:
        """WireChanged when the first line is not the report's header."""
        for line in lines:
            self._number += 1
            if not line.strip():
                continue
            cells = line.split("\t")
            if self._columns is None:
                self._columns = Columns(cells)
                if missing := [name for name in REPORT_REQUIRED if name not in self._columns]:
                    raise WireChanged(NAME, f"a listings report without the column {missing[0]}")
                continue
            row = self._columns.row(cells)
            try:
                yield _reported(row)
            except ValueError as error:
                yield UnreadableRow(external_id=row.get("seller-sku", ""), reason=f"row {self._number}: {error}", raw=dict(row))


def _reported(row: Mapping[str, str]) -> ListingFact:
    if not row.get("seller-sku"):
        raise ValueError("no SKU")
    channel = row.get("fulfillment-channel") or OWN_STOCK
    own = channel.upper() == OWN_STOCK
    status = row.get("status", "")
    return ListingFact(
        sku=row["seller-sku"],
        external_listing_id=row.get("asin1") or row.get("product-id", ""),
        title=row.get("item-name", ""),
        status="active" if status.lower() == "active" else "inactive",
        raw_status=status,
        quantity_seen=int(row["quantity"]) if own and row.get("quantity") else None,
        price=_price(row.get("price", "")),
        pushable=own,
        attributes=_attributes(None, OWN_STOCK if own else channel),
    )


def _price(text: str) -> Decimal | None:
    return amount(text) if text else None


def kept_by_amazon(line: StockLine) -> bool:
    """Whether the line's listing is fulfilled from Amazon's own warehouse."""
    return dict(line.attributes).get("channel", OWN_STOCK) != OWN_STOCK


def stock_patch(line: StockLine) -> dict[str, Any]:
    """The change of one quantity. `merge` leaves handling time and restock date alone; `replace` would wipe them."""
    return {"productType": dict(line.attributes).get("product_type", "PRODUCT"), "patches": [_merge(line.quantity)]}


def _merge(quantity: int) -> dict[str, Any]:
    value = [{"fulfillment_channel_code": OWN_STOCK, "quantity": max(0, quantity)}]
    return {"op": "merge", "path": "/attributes/fulfillment_availability", "value": value}


def stock_feed(seller: str, lines: Sequence[StockLine]) -> bytes:
    """A JSON_LISTINGS_FEED document; the message id of a line is its place, from 1."""
    messages = [{"messageId": place, "sku": line.sku, "operationType": "PATCH", **stock_patch(line)} for place, line in enumerate(lines, 1)]
    return msgspec.json.encode({"header": {"sellerId": seller, "version": "2.0", "issueLocale": "en_US"}, "messages": messages})


class _Issue(msgspec.Struct):
    code: str | None = None
    message: str | None = None
    severity: str | None = None
    messageId: int | None = None


class _Submitted(msgspec.Struct):
    status: str
    issues: list[_Issue] | None = None


class _FeedSummary(msgspec.Struct):
    messagesInvalid: int | None = None
    messagesProcessed: int | None = None


class _FeedResult(msgspec.Struct):
    summary: _FeedSummary
    issues: list[_Issue] | None = None


def patch_outcome(body: bytes, line: StockLine) -> LineOutcome:
    """What Amazon says to one change. 200 with INVALID is a refusal; ACCEPTED means taken and queued over there."""
    answer = decoded(body, _Submitted, "the answer to a stock change")
    if answer.status in ("ACCEPTED", "VALID"):
        return LineOutcome(task_id=line.task_id, sku=line.sku, state="accepted")
    return refused_line(line, answer.issues or [_Issue(code=answer.status)])


def refused_line(line: StockLine, issues: Sequence[_Issue]) -> LineOutcome:
    worst = next((one for one in issues if one.severity == "ERROR"), issues[0])
    said = worst.message or "Amazon refused this quantity without a reason."
    return LineOutcome(task_id=line.task_id, sku=line.sku, state="refused", message=said[:300], code=worst.code or "")


def feed_outcomes(lines_of_result: Iterable[str], lines: Sequence[StockLine]) -> tuple[LineOutcome, ...]:
    """One outcome per line of a feed, from its processing report. WireChanged when that is none."""
    result = decoded("\n".join(lines_of_result).encode(), _FeedResult, "the result of a stock feed")
    wrong: dict[int, list[_Issue]] = {}
    for issue in result.issues or ():
        if issue.severity == "ERROR" and issue.messageId is not None:
            wrong.setdefault(issue.messageId, []).append(issue)
    if result.summary.messagesInvalid and not wrong:
        raise WireChanged(NAME, "a stock feed with refused lines it does not name")
    return tuple(
        refused_line(line, wrong[place]) if place in wrong else LineOutcome(task_id=line.task_id, sku=line.sku, state="accepted")
        for place, line in enumerate(lines, 1)
    )
