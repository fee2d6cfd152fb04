"""What a print file says: the parcels of a batch in packing order, with what goes into each and whom it goes to."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.documents.parcels import Recipient, Slip, SlipLine
from portal.marketplaces.facts import BatchLine
from portal.tables.audit import Action
from portal.tables.printing import PrintKind
from portal.vault import BuyerSeal

FIRST, LAST = ("label",), ("vendor_invoice",)
"""Of the papers of one parcel: what goes on it comes first, then what goes into it, and at the end what stays with the seller."""

BUYER = ("buyer_name", "buyer_address")


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A document as the marketplace issued it."""

    kind: str
    key: str
    sha256: str


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel of the batch, and the papers issued for its order. `printed`: our slip is, and so names whom it goes to."""

    slip: Slip
    printed: bool
    papers: tuple[Paper, ...]


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it is packed. `closing` are papers of the whole batch, such as manifests."""

    number: int
    account_name: str
    parcels: tuple[Packed, ...]
    closing: tuple[Paper, ...]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which print file: of a batch, or of one order where that is named."""

    kind: PrintKind
    batch_id: UUID
    account_id: UUID
    external_order_id: str = ""

    def prints_slip(self, papers: Sequence[Paper]) -> bool:
        """Whether our slip is in it for a parcel with these papers: on request, and in place of a label that is not there."""
        if self.kind is PrintKind.PICKS:
            return False
        return self.kind is PrintKind.SLIPS or not any(paper.kind in FIRST for paper in papers)


async def gather(seller_id: UUID, wanted: Wanted, seal: BuyerSeal, *, by: str) -> Gathered:
    """The orders that go on in this batch or went through it, in packing order: carrier by carrier, the same article side by side.

    Buyers are opened for the slips that are printed and for no others, and that `by` had so many opened goes on record in the same
    transaction. Raises SecretUnreadable.
    """
    async with db.transaction(seller_id) as held:
        about = await held.fetchrow(
            """SELECT b.number, a.name AS account_name, s.name AS sender FROM batches b
               JOIN marketplace_accounts a ON a.id = b.marketplace_account_id JOIN sellers s ON s.id = b.seller_id WHERE b.id = $1""",
            wanted.batch_id,
        )
        rows = await held.fetch(_ORDERS, wanted.batch_id, wanted.external_order_id)
        titles = await _titles([row["order_id"] for row in rows if row["order_id"] is not None])
        papers = await _papers(wanted)
        parcels = [_packed(row, wanted, about["sender"], titles, tuple(papers.get(row["external_order_id"], ())), seal) for row in rows]
        named = sum(parcel.printed and _knows_buyer(row) for row, parcel in zip(rows, parcels, strict=True))
        if named:
            told = f"Buyers of {named} orders of batch {about['number']} opened for their packing slips"
            await audit.write(seller_id, Action.BUYERS_PRINTED, told, actor=by, account_id=wanted.account_id)
    whole = () if wanted.external_order_id else tuple(papers.get("", ()))
    return Gathered(number=about["number"], account_name=about["account_name"], parcels=tuple(sorted(parcels, key=_packing)), closing=whole)


_ORDERS = """
SELECT o.external_order_id, o.lines, o.confirmed, o.marks, k.id AS order_id, k.dispatch_by, k.ship_city, k.ship_state, k.ship_pincode,
       k.buyer_name, k.buyer_address, parcel.awb, parcel.carrier
FROM batch_orders o
LEFT JOIN orders k ON k.marketplace_account_id = o.marketplace_account_id AND k.external_order_id = o.external_order_id
LEFT JOIN LATERAL (SELECT awb, carrier FROM shipments WHERE order_id = k.id AND awb <> '' ORDER BY id DESC LIMIT 1) AS parcel ON true
WHERE o.batch_id = $1 AND o.state IN ('in', 'done') AND ($2 = '' OR o.external_order_id = $2)
ORDER BY o.id
"""


def _packing(parcel: Packed) -> tuple[str, bool, str, str]:
    slip = parcel.slip
    return (slip.carrier, len(slip.lines) > 1, slip.lines[0].sku if slip.lines else "", slip.order_number)


async def _titles(order_ids: Sequence[int]) -> dict[tuple[int, str], str]:
    rows = await db.connection().fetch("SELECT order_id, external_item_id, title FROM order_items WHERE order_id = ANY($1)", order_ids)
    return {(row["order_id"], row["external_item_id"]): row["title"] for row in rows}


async def _papers(wanted: Wanted) -> dict[str, list[Paper]]:
    """By order, those of the whole batch under the empty name."""
    rows = await db.connection().fetch(
        """SELECT external_order_id, kind, key, sha256 FROM documents WHERE batch_id = $1 AND ($2 = '' OR external_order_id = $2)
           ORDER BY (kind = ANY($3)) DESC, kind = ANY($4), kind, number""",
        wanted.batch_id,
        wanted.external_order_id,
        FIRST,
        LAST,
    )
    found: dict[str, list[Paper]] = {}
    for row in rows:
        found.setdefault(row["external_order_id"], []).append(Paper(kind=row["kind"], key=row["key"], sha256=row["sha256"]))
    return found


def _knows_buyer(row: Any) -> bool:
    return any(row[column] is not None for column in BUYER)


def _packed(
    row: Any, wanted: Wanted, sender: str, titles: dict[tuple[int, str], str], papers: tuple[Paper, ...], seal: BuyerSeal
) -> Packed:
    printed, natural = wanted.prints_slip(papers), f"{wanted.account_id}/{row['external_order_id']}"
    buyer = {column: seal.open(column, natural, row[column]) for column in BUYER if printed and row[column] is not None}
    return Packed(slip=_slip(row, sender, titles, buyer), printed=printed, papers=papers)


def _slip(row: Any, sender: str, titles: dict[tuple[int, str], str], buyer: dict[str, str]) -> Slip:
    marks = msgspec.json.decode(row["marks"], type=dict[str, str])
    # What a person has corrected stands in the marks, and counts.
    pincode, state = marks.get("pincode") or row["ship_pincode"] or "", marks.get("state") or row["ship_state"] or ""
    town = f"{row['ship_city'] or ''} {pincode}".strip()
    street = " ".join(buyer.get("buyer_address", "").split())
    return Slip(
        order_number=row["external_order_id"],
        sender=sender,
        to=Recipient(name=buyer.get("buyer_name", "") or "As on the label", address=tuple(part for part in (street, town, state) if part)),
        lines=_lines(row, titles),
        awb=marks.get("awb") or row["awb"] or "",
        carrier=marks.get("carrier") or row["carrier"] or "",
        dispatch_by=_day(row["dispatch_by"]),
    )


def _lines(row: Any, titles: dict[tuple[int, str], str]) -> tuple[SlipLine, ...]:
    """What was promised of each line; lines that get nothing are not in the parcel."""
    confirmed = msgspec.json.decode(row["confirmed"], type=dict[str, int])
    ordered = msgspec.json.decode(row["lines"], type=list[BatchLine])
    pieces = ((line, confirmed.get(line.external_item_id, line.ordered)) for line in ordered)
    return tuple(
        SlipLine(sku=line.sku or line.external_item_id, title=titles.get((row["order_id"], line.external_item_id), ""), quantity=many)
        for line, many in pieces
        if many
    )


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else clock.in_ist(moment).date()
