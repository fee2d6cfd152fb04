"""What an order's page says of its tax invoice, and the list of all that were issued."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec
from asyncpg import Record

from portal import db, paging
from portal.documents.parties import STATES, state_code
from portal.errors import NotFound
from portal.invoicing import issuing
from portal.invoicing import kept as on_record
from portal.invoicing import settings as tax_settings
from portal.marketplaces.contract import Invoicing
from portal.marketplaces.registry import marketplace
from portal.paging import Slice, Sorting, Where

NEWEST_FIRST = Sorting(name="issued", value="i.created_at", id="i.id", ids=UUID)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice of an order: `number` and `day` once it is issued, else what stands in its way.

    `settled`: the account's settings are complete. `shipped`: the order is. `theirs`: we hold the invoice that the marketplace made.
    `states` are to choose from where nobody knows what state the order went to, as pairs of GST code and name.
    """

    marketplace_name: str
    invoicing: Invoicing
    number: str = ""
    day: date | None = None
    settled: bool = False
    shipped: bool = False
    theirs: bool = False
    states: tuple[tuple[str, str], ...] = ()

    @property
    def can_be_made(self) -> bool:
        return not self.number and self.settled and self.shipped and not self.theirs and self.invoicing is not Invoicing.VENDOR


async def offer(seller_id: UUID, order_id: int) -> Offer:
    """NotFound for a stranger's order."""
    async with db.transaction(seller_id) as held:
        order = await held.fetchrow(
            """SELECT o.*, a.marketplace_code FROM orders o JOIN marketplace_accounts a ON a.id = o.marketplace_account_id WHERE o.id = $1""",
            order_id,
        )
        if order is None:
            raise NotFound("order")
        account_id, external = order["marketplace_account_id"], order["external_order_id"]
        kept = await on_record.of_order(account_id, external)
        settled = await tax_settings.of_account(account_id) is not None
        theirs = await on_record.theirs(account_id, external)
    place = marketplace(order["marketplace_code"])
    return Offer(
        marketplace_name=place.name,
        invoicing=place.invoicing,
        number=kept.number if kept else "",
        day=kept.day if kept else None,
        settled=settled,
        shipped=order["status"] in issuing.SHIPPED,
        theirs=theirs,
        states=() if state_code(order["ship_state"], order["ship_pincode"]) else tuple(sorted(STATES.items(), key=lambda one: one[1])),
    )


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the list of tax invoices. `order_id` is None where the order went with the history of its account; `total` is in rupees."""

    id: UUID
    number: str
    day: date
    total: Decimal
    external_order_id: str
    order_id: int | None
    account_name: str
    marketplace_name: str


async def issued(seller_id: UUID, account_id: UUID | None, cursor: str = "") -> Slice[Issued]:
    """A page of tax invoices, the newest first, of one account or of all, also of those that are disconnected."""
    where = Where()
    if account_id is not None:
        where.add("i.marketplace_account_id = {}", account_id)
    async with db.transaction(seller_id):
        found = await paging.fetch(
            """i.id, i.number, i.issued_on, i.total, i.external_order_id, a.name AS account_name, a.marketplace_code, (
                   SELECT id FROM orders o WHERE o.marketplace_account_id = i.marketplace_account_id
                                             AND o.external_order_id = i.external_order_id) AS order_id""",
            "tax_invoices i",
            where,
            NEWEST_FIRST,
            paging.decode(NEWEST_FIRST, cursor),
            beside="JOIN marketplace_accounts a ON a.id = i.marketplace_account_id",
        )
    return found._replace(rows=[_issued(row) for row in found.rows])


def _issued(row: Record) -> Issued:
    return Issued(
        id=row["id"],
        number=row["number"],
        day=row["issued_on"],
        total=Decimal(row["total"]) / 100,
        external_order_id=row["external_order_id"],
        order_id=row["order_id"],
        account_name=row["account_name"],
        marketplace_name=marketplace(row["marketplace_code"]).name,
    )
