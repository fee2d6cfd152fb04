"""The first proof: what a live test read along the way, and the stock call that would follow. Nothing of it is written anywhere."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from portal.marketplaces.facts import ListingFact, OrderFact, OrderStatus, StockLine

EXAMPLE_QUANTITY = 10
"""Stands in a preview where the marketplace does not tell what is in stock now."""

NO_TASK = UUID(int=0)
LONGEST_CALL = 600


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was read or prepared. `name` is its id at the marketplace, empty where there is none; then `line` says why."""

    name: str = ""
    line: str = ""


class FirstProof(msgspec.Struct, frozen=True, kw_only=True):
    """One order and one SKU as these keys read them, and the change of stock as it would be sent. No buyer is in it.

    `call` is the body of that change, as text; empty where stock cannot be sent with these keys.
    """

    order: Sample
    sku: Sample
    stock: Sample
    call: str = ""


def first_proof(
    *,
    orders: Sequence[OrderFact] = (),
    no_order: str = "There is no order yet.",
    sku: Sample | None = None,
    no_sku: str = "There is no product yet.",
    stock: Sample | None = None,
    no_stock: str = "",
    call: Any = None,
) -> FirstProof:
    """A proof of what was found. The three sentences stand where nothing was; without one for stock, that of the SKU does."""
    return FirstProof(
        order=order_sample(orders[0]) if orders else Sample(line=no_order),
        sku=sku or Sample(line=no_sku),
        stock=stock or Sample(line=no_stock or no_sku),
        call=_text(call) if call is not None else "",
    )


def order_sample(order: OrderFact) -> Sample:
    """An order by its id, with what it is worth: `2 pieces · 1,299.00 INR · shipped`."""
    pieces = sum(item.quantity for item in order.items)
    parts = [f"{pieces} piece" if pieces == 1 else f"{pieces} pieces"]
    if order.total_amount is not None:
        parts.append(f"{order.total_amount:,.2f} {order.currency}")
    if order.status is not OrderStatus.UNKNOWN:
        parts.append(order.status.replace("_", " "))
    return Sample(name=order.external_order_id, line=" · ".join(parts))


def listing_sample(listing: ListingFact) -> Sample:
    """A SKU of the catalogue, with its title and stock."""
    stock = "stock not told" if listing.quantity_seen is None else f"{listing.quantity_seen} in stock"
    return Sample(name=listing.sku, line=" · ".join(part for part in (listing.title[:80], stock) if part))


def sold_sample(order: OrderFact) -> Sample | None:
    """A SKU as an order names it, where the marketplace lists no catalogue; None for an order that names none."""
    item = next((one for one in order.items if one.sku), None)
    return Sample(name=item.sku, line=" · ".join(part for part in (item.title[:80], "read from the order") if part)) if item else None


def listing_line(listing: ListingFact) -> StockLine:
    """The line that would set this listing to what it has already."""
    return StockLine(
        task_id=NO_TASK,
        sku=listing.sku,
        quantity=EXAMPLE_QUANTITY if listing.quantity_seen is None else listing.quantity_seen,
        external_listing_id=listing.external_listing_id,
        attributes=listing.attributes,
    )


def sold_line(order: OrderFact) -> StockLine | None:
    """The line that would set the stock of an order's first SKU; the number is an example."""
    item = next((one for one in order.items if one.sku), None)
    if item is None:
        return None
    return StockLine(
        task_id=NO_TASK,
        sku=item.sku,
        quantity=EXAMPLE_QUANTITY,
        external_listing_id=item.external_listing_id,
        attributes=item.attributes,
    )


def stock_sample(line: StockLine, *, known: bool, where: str = "") -> Sample:
    """What a push of this line would do. `known`: the quantity is what the marketplace has now, so the call would change nothing."""
    number = f"{line.quantity}, as it is now" if known else f"{line.quantity}, an example"
    return Sample(name=line.sku, line=f"We would set it to {number}{f', at {where}' if where else ''}. Nothing was sent.")


def _text(call: Any) -> str:
    body = call if isinstance(call, bytes) else msgspec.json.encode(call)
    return msgspec.json.format(body, indent=2).decode()[:LONGEST_CALL]
