"""Products, and stock on its way to AJIO: absolute quantities, fifty at a time."""

from collections.abc import Sequence
from typing import Any

import msgspec

from portal.marketplaces.ajio.wire.body import MARKETPLACE, Loose, Rows, Unreadable, listed, read_rows, shaped
from portal.marketplaces.ajio.wire.scalars import identifier, quantity, words
from portal.marketplaces.ajio.wire.statuses import listing_status
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import LineOutcome, ListingFact, StockLine

ACCEPTED, REFUSED, QUEUED = "accepted", "refused", "queued"
SENT_BACK = ("productId", "variantId", "hsnCode")
"""What a push must repeat from the product's row."""

NEVER_READ = "Read your AJIO listings first: we do not know this product's number there yet."
NO_REASON = "AJIO refused this line without a reason."
UNCLEAR = "AJIO refused part of this batch without saying which lines. We ask again."


class ProductRow(msgspec.Struct, rename="camel"):
    product_id: Loose = None
    variant_id: Loose = None
    sku: Loose = None
    item_code: Loose = msgspec.field(default=None, name="item_code")
    name: Loose = None
    published_status: Loose = None
    inventory: int | None = None
    hsn_code: Loose = None


class FailedProduct(msgspec.Struct, rename="camel"):
    product_id: Loose = None
    variant_id: Loose = None
    message: Loose = None


def listings(document: dict[str, Any]) -> Rows[ListingFact]:
    """Products on sale. Raises WireChanged."""
    return read_rows(document, listed(document, "products", "products"), ProductRow, _listing, id_name="sku")


def _listing(row: ProductRow) -> ListingFact:
    variant = identifier(row.variant_id, "variantId", limit=120)
    product = identifier(row.product_id, "productId", limit=120)
    raw_status = words(row.published_status)
    return ListingFact(
        sku=words(row.sku, limit=120) or variant,
        external_listing_id=words(row.item_code, limit=120) or product,
        title=words(row.name, limit=500),
        status=listing_status(raw_status),
        raw_status=raw_status,
        quantity_seen=None if row.inventory is None else quantity(row.inventory, "inventory"),
        attributes=tuple(zip(SENT_BACK, (product, variant, words(row.hsn_code, limit=20)), strict=True)),
    )


def sendable(line: StockLine) -> bool:
    """Whether the listing told us all that a push has to repeat."""
    held = dict(line.attributes)
    return bool(held.get("productId") and held.get("variantId")) and line.quantity >= 0


def inventory_body(lines: Sequence[StockLine]) -> dict[str, Any]:
    """The body that sets these lines' quantities."""
    return {"inventoryList": [_entry(line) for line in lines]}


def _entry(line: StockLine) -> dict[str, Any]:
    held = dict(line.attributes)
    return {**{name: held.get(name, "") for name in SENT_BACK}, "inventory": line.quantity}


def unsendable(line: StockLine) -> LineOutcome:
    return LineOutcome(task_id=line.task_id, sku=line.sku, state=REFUSED, message=NEVER_READ, code="listing_unknown")


def outcomes(document: dict[str, Any], lines: Sequence[StockLine]) -> tuple[LineOutcome, ...]:
    """One outcome per line, in their order. Raises WireChanged for an answer without a status we know.

    A refusal that names none of our lines leaves the others unsure: they are `queued`, never called accepted.
    """
    status = document.get("status")
    if status not in ("SUCCESS", "PARTIAL_SUCCESS", "FAILED"):
        raise WireChanged(MARKETPLACE, "stock update")
    refused = _refused(document)
    ours = {(dict(line.attributes)["productId"], dict(line.attributes)["variantId"]) for line in lines}
    unclear = status == "PARTIAL_SUCCESS" and (not refused or not refused.keys() <= ours)
    return tuple(_outcome(line, str(status), refused, unclear=unclear) for line in lines)


def _refused(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Product and variant of each refused line, with AJIO's words."""
    rows = document.get("failedProductList", [])
    if not isinstance(rows, list):
        raise WireChanged(MARKETPLACE, "stock update")
    try:
        failed = [shaped(row, FailedProduct) for row in rows]
    except Unreadable:
        raise WireChanged(MARKETPLACE, "stock update") from None
    return {
        (words(row.product_id, limit=120), words(row.variant_id, limit=120)): words(row.message, limit=300) or NO_REASON for row in failed
    }


def _outcome(line: StockLine, status: str, refused: dict[tuple[str, str], str], *, unclear: bool) -> LineOutcome:
    held = dict(line.attributes)
    said = refused.get((held["productId"], held["variantId"]))
    if said is None and status == "FAILED":
        said = NO_REASON
    if said is not None:
        return LineOutcome(task_id=line.task_id, sku=line.sku, state=REFUSED, message=said, code=status)
    if unclear:
        return LineOutcome(task_id=line.task_id, sku=line.sku, state=QUEUED, message=UNCLEAR, code=status)
    return LineOutcome(task_id=line.task_id, sku=line.sku, state=ACCEPTED)
