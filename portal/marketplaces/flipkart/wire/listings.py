"""Listings v3: what is on sale, and how its stock is told. Maps are keyed by the seller's own SKU."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.facts import LineOutcome, ListingFact, StockLine, UnreadableRow
from portal.marketplaces.flipkart.wire.decoding import Id, Sku, decode, money, read_rows

BATCH = 10
"""SKUs that one read or one stock update may name."""

HARMLESS = frozenset(
    {"sku_id", "listing_id", "product_id", "listing_status", "fulfillment_profile", "archived_status", "price", "mrp"}
    | {"selling_price", "currency", "locations", "id", "status", "inventory"}
)


class _Place(msgspec.Struct):
    listings: Any
    has_more: bool = False
    next_page_id: str | None = None


class _Named(msgspec.Struct):
    sku_id: Sku
    product_id: Id | None = None


class _Price(msgspec.Struct):
    selling_price: Decimal | None = None
    currency: str | None = None


class _Location(msgspec.Struct):
    id: Id
    status: str | None = None
    inventory: int | None = None


class _Listing(msgspec.Struct):
    product_id: Id
    listing_status: str
    listing_id: str | None = None
    product_title: str | None = None
    price: _Price | None = None
    fulfillment_profile: str | None = None
    locations: list[_Location] | None = None
    archived_status: str | None = None


class _ReadAnswer(msgspec.Struct):
    available: dict[str, msgspec.Raw]
    unavailable: list[str] | None = None
    invalid: list[str] | None = None


class FoundListings(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the catalogue: SKUs in their order, and those of them that stand for several products."""

    skus: list[str]
    ambiguous: frozenset[str]
    set_aside: list[UnreadableRow]
    next_page_id: str
    content: bytes


def search_body(page_id: str) -> dict[str, Any]:
    """The body of `POST /listings/v3/search` for all listings, whatever their status."""
    return {"filters": {}, "page_id": page_id} if page_id else {"filters": {}}


def read_search(body: bytes) -> FoundListings:
    """Up to 500 SKUs. The specification draws `listings` as one object, the guide as a list; both are taken."""
    page = decode(body, _Place, "listings page")
    rows = page.listings if isinstance(page.listings, list) else [page.listings]
    raws = [msgspec.Raw(msgspec.json.encode(row)) for row in rows]
    named, bad = read_rows(raws, lambda row: msgspec.json.decode(row, type=_Named), id_key="sku_id", keep=HARMLESS)
    products: dict[str, set[str | None]] = {}
    for one in named:
        products.setdefault(one.sku_id, set()).add(one.product_id)
    return FoundListings(
        skus=list(products),
        ambiguous=frozenset(sku for sku, several in products.items() if len(several) > 1),
        set_aside=bad,
        next_page_id=(page.next_page_id or "") if page.has_more else "",
        content=b"\n".join(bytes(row) for row in raws),
    )


def read_listings(body: bytes, ambiguous: Iterable[str] = (), *, ships_from: str = "") -> tuple[list[ListingFact], list[UnreadableRow]]:
    """What `GET /listings/v3/{skus}` shows. SKUs it does not show though the catalogue names them are set aside.

    Of a SKU that is sold from several locations the stock at `ships_from` counts, where one is chosen; else that of all together.
    """
    answer = decode(body, _ReadAnswer, "listings")
    doubtful = frozenset(ambiguous)
    good: list[ListingFact] = []
    bad: list[UnreadableRow] = []
    for sku, row in answer.available.items():

        def read(body: bytes, sku: str = sku) -> ListingFact:
            return _listing(sku, body, pushable=sku not in doubtful, ships_from=ships_from)

        facts, unread = read_rows([row], read, id_key="listing_id", keep=HARMLESS)
        good += facts
        bad += [msgspec.structs.replace(one, external_id=sku[:80]) for one in unread]
    for missing, reason in ((answer.unavailable, "no longer sold by you"), (answer.invalid, "not a SKU it knows")):
        bad += [
            UnreadableRow(external_id=sku[:80], reason=f"Flipkart lists this SKU, but says it is {reason}.", raw={})
            for sku in missing or ()
        ]
    return good, bad


def _listing(sku: str, row: bytes, *, pushable: bool, ships_from: str) -> ListingFact:
    if not 0 < len(sku) <= 120:
        raise ValueError("a SKU that is empty or longer than 120 characters")
    read = msgspec.json.decode(row, type=_Listing)
    price = read.price or _Price()
    places = [place for place in read.locations or [] if place.status != "DISABLED"] or (read.locations or [])
    counting = [place for place in places if place.id == ships_from] or places
    counted = [place.inventory for place in counting if place.inventory is not None]
    return ListingFact(
        sku=sku,
        external_listing_id=read.product_id,
        title=read.product_title or "",
        status=_status(read),
        raw_status=read.listing_status[:80],
        quantity_seen=sum(counted) if counted else None,
        price=None if price.selling_price is None else money(price.selling_price),
        currency=price.currency or "INR",
        # Stock in Flipkart's own warehouses (FBF) is not ours to count.
        pushable=pushable and read.fulfillment_profile != "FBF",
        attributes=(
            ("product_id", read.product_id),
            ("listing_id", read.listing_id or ""),
            *(("location", place.id) for place in places),
        ),
    )


def _status(listing: _Listing) -> str:
    if listing.archived_status == "ARCHIVED":
        return "archived"
    return {"ACTIVE": "active", "INACTIVE": "inactive"}.get(listing.listing_status, "unknown")


class _Complaint(msgspec.Struct):
    severity: str | None = None
    code: int | str | None = None
    description: str | None = None
    attribute: str | None = None


class _Result(msgspec.Struct):
    status: str
    errors: list[_Complaint] | None = None
    attribute_errors: list[_Complaint] | None = None


def unpushable(line: StockLine, ships_from: str = "") -> str:
    """Why a line cannot be sent, as a sentence; empty when it can. `ships_from`: the location chosen where a SKU is sold from several."""
    if line.quantity < 0:
        return "Stock cannot be below 0."
    if not _product(line):
        return "We do not know Flipkart's product number of this SKU yet. Read listings first, then push again."
    places = _places(line)
    if not places:
        return "Flipkart shows no location for this SKU. Read listings first, then push again."
    if len(places) > 1 and ships_from not in places:
        return (
            f"This SKU is sold from {len(places)} locations, and one number does not say how to share it. Choose one on the account's page."
        )
    return ""


def stock_body(lines: Sequence[StockLine], ships_from: str = "") -> dict[str, Any]:
    """The body of `POST /listings/v3/update/inventory`: absolute stock, one location per SKU, the others left as they are.

    `status` goes along although the official example leaves it out, because the schema asks for it.
    """
    return {
        line.sku: {
            "product_id": _product(line),
            "locations": [{"id": place_of(line, ships_from), "status": "ENABLED", "inventory": line.quantity}],
        }
        for line in lines
    }


def read_stock_answer(body: bytes, lines: Sequence[StockLine]) -> list[LineOutcome]:
    """One outcome per line. The call answers 200 even when SKUs fail, so the status beside each SKU is what counts."""
    answer = decode(body, dict[str, _Result], "stock answer")
    return [_outcome(line, answer) for line in lines]


def _outcome(line: StockLine, answer: Mapping[str, _Result]) -> LineOutcome:
    result = answer.get(line.sku)
    if result is None:
        return refused(line, "Flipkart did not say what became of this SKU. It is safe to push it again.", code="no_answer")
    complaints = [*(result.errors or []), *(result.attribute_errors or [])]
    words = "; ".join(" ".join(part for part in (one.attribute, one.description) if part) for one in complaints)[:300]
    code = next((str(one.code) for one in complaints if one.code is not None), "")
    if result.status in {"SUCCESS", "WARNING"}:
        return LineOutcome(task_id=line.task_id, sku=line.sku, state="accepted", message=words, code=code)
    return refused(line, words or "Flipkart refused this SKU without a reason.", code=code or result.status[:40])


def refused(line: StockLine, message: str, *, code: str) -> LineOutcome:
    return LineOutcome(task_id=line.task_id, sku=line.sku, state="refused", message=message, code=code)


def _product(line: StockLine) -> str:
    return dict(line.attributes).get("product_id") or line.external_listing_id


def place_of(line: StockLine, ships_from: str = "") -> str:
    """Where stock of a line goes: to the chosen location if its SKU is sold from there, else to the SKU's own."""
    places = _places(line)
    return ships_from if ships_from in places else places[0]


def _places(line: StockLine) -> list[str]:
    return [value for name, value in line.attributes if name == "location" and value]
