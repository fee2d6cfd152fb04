"""Tax invoices on record: found by their order, opened for a reader, printed the same at every printing."""

from datetime import date
from uuid import UUID

import msgspec

from portal import db
from portal.documents.billing import Invoice
from portal.documents.parties import Party
from portal.documents.tax import Sale
from portal.vault import BuyerSeal

THEIR_PAPERS = ("invoice", "customer_invoice")
NOBODY = "Unregistered buyer"
"""What a consumer is called whose name nobody knows; rule 46 asks for it only above fifty thousand rupees."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on an invoice besides number and day. `buyer` is a business; a consumer is sealed in columns of his own."""

    seller: Party
    buyer: Party | None
    place_of_supply: str
    sales: tuple[Sale, ...]
    order_number: str


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer who is no business. `address` is in lines."""

    name: str = ""
    address: str = ""

    def __repr__(self) -> str:
        return "Consumer(…)"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as it is on record. `consumer` are the sealed columns of whoever is no business."""

    id: UUID
    number: str
    day: date
    content: Content
    buyer_name: bytes | None
    buyer_address: bytes | None

    @property
    def names_a_consumer(self) -> bool:
        """Whether anything of him is sealed."""
        return self.buyer_name is not None or self.buyer_address is not None


def bound_to(account_id: UUID, external_order_id: str) -> str:
    """What the sealed buyer of an invoice is bound to: it opens as nobody's else, and not as the order's own."""
    return f"{account_id}/{external_order_id}/invoice"


async def of_order(account_id: UUID, external_order_id: str) -> Kept | None:
    """The invoice of an order, in the caller's transaction; None while there is none."""
    row = await db.connection().fetchrow(
        """SELECT id, number, issued_on, content, buyer_name, buyer_address FROM tax_invoices
           WHERE marketplace_account_id = $1 AND external_order_id = $2""",
        account_id,
        external_order_id,
    )
    if row is None:
        return None
    return Kept(
        id=row["id"],
        number=row["number"],
        day=row["issued_on"],
        content=msgspec.json.decode(row["content"], type=Content),
        buyer_name=row["buyer_name"],
        buyer_address=row["buyer_address"],
    )


async def theirs(account_id: UUID, external_order_id: str) -> bool:
    """Whether we hold an invoice that the marketplace made for this order, in the caller's transaction."""
    query = "SELECT EXISTS (SELECT FROM documents WHERE marketplace_account_id = $1 AND external_order_id = $2 AND kind = ANY($3))"
    return bool(await db.connection().fetchval(query, account_id, external_order_id, THEIR_PAPERS))


def opened(kept: Kept, account_id: UUID, external_order_id: str, seal: BuyerSeal | None) -> Consumer:
    """The consumer an invoice was issued to; nobody where the key of this seller's buyers is gone. Raises SecretUnreadable."""
    row = bound_to(account_id, external_order_id)
    told = {
        name: seal.open(f"buyer_{name}", row, sealed)
        for name, sealed in (("name", kept.buyer_name), ("address", kept.buyer_address))
        if seal is not None and sealed is not None
    }
    return Consumer(**told)


def paper_of(kept: Kept, consumer: Consumer) -> Invoice:
    """The invoice as it is printed; the same at every printing."""
    content = kept.content
    lines = tuple(line.strip() for line in consumer.address.splitlines() if line.strip())
    return Invoice(
        number=kept.number,
        day=kept.day,
        seller=content.seller,
        buyer=content.buyer or Party(name=consumer.name or NOBODY, address=lines, state=content.place_of_supply),
        place_of_supply=content.place_of_supply,
        sales=content.sales,
        order_number=content.order_number,
    )


def printed(kept: Kept, consumer: Consumer | None = None) -> bytes:
    """The invoice as a PDF."""
    from portal.documents.invoices import invoices  # what draws is loaded with the first paper

    return invoices([paper_of(kept, consumer or Consumer())])
