"""The tax invoice of an order: issued to its buyer, and printed again as often as somebody needs it."""

from uuid import UUID

import msgspec
from anyio import to_thread

from portal import db
from portal.audit import service as audit
from portal.errors import NotFound, SecretUnreadable
from portal.invoicing import issuing
from portal.invoicing import kept as on_record
from portal.orders import buyers
from portal.orders.finding import held_order, put_on_record_unreadable
from portal.tables.audit import Action
from portal.vault import Vault


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as a PDF."""

    number: str
    content: bytes

    def __repr__(self) -> str:
        return f"Paper({self.number}, {len(self.content)} bytes)"


async def issue(seller_id: UUID, order_id: int, vault: Vault, *, by: str, place_of_supply: str = "") -> None:
    """Issue the invoice, or find that it is. Raises what `issuing.issue` does, and SecretUnreadable, which is on record then."""
    async with db.transaction(seller_id):
        order = await held_order(order_id)
    try:
        async with db.transaction(seller_id):
            seal = await buyers.seal_for_page(seller_id, order["marketplace_code"], vault)
            await issuing.issue(seller_id, order_id, seal=seal, by=by, place_of_supply=place_of_supply)
    except SecretUnreadable as error:
        await put_on_record_unreadable(seller_id, order, error, by=by)
        raise


async def printed(seller_id: UUID, order_id: int, vault: Vault, *, by: str) -> Paper:
    """The invoice of an order on paper; that `by` opened its buyer for it is on record. NotFound while none is issued.

    Raises SecretUnreadable, which is on record as well.
    """
    async with db.transaction(seller_id):
        order = await held_order(order_id)
        account_id, external = order["marketplace_account_id"], order["external_order_id"]
        kept = await on_record.of_order(account_id, external)
    if kept is None:
        raise NotFound("invoice")
    try:
        async with db.transaction(seller_id):
            seal = await buyers.seal_for_page(seller_id, order["marketplace_code"], vault) if kept.names_a_consumer else None
            consumer = on_record.opened(kept, account_id, external, seal)
            if consumer != on_record.Consumer():
                told = f"Buyer of order {external} shown on invoice {kept.number}"
                await audit.write(seller_id, Action.BUYER_SHOWN, told, actor=by, account_id=account_id)
    except SecretUnreadable as error:
        await put_on_record_unreadable(seller_id, order, error, by=by)
        raise
    # Fonts and layout take a tenth of a second, for which nobody else should wait.
    return Paper(number=kept.number, content=await to_thread.run_sync(on_record.printed, kept, consumer))
