"""What an order's page says of its tax invoice."""

from datetime import date
from uuid import UUID

import msgspec

from portal import db
from portal.documents.parties import STATES, state_code
from portal.errors import NotFound
from portal.invoicing import issuing
from portal.invoicing import kept as on_record
from portal.invoicing import settings as tax_settings
from portal.marketplaces.contract import Invoicing
from portal.marketplaces.registry import marketplace


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
