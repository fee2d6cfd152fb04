"""The tax invoice of an order: issued to its buyer, and printed again as often as somebody needs it."""

from uuid import UUID

import msgspec
from anyio import to_thread
from asyncpg import Record

from portal import db
from portal.audit import service as audit
from portal.errors import NotFound, SecretUnreadable
from portal.invoicing import issuing
from portal.invoicing import kept as on_record
from portal.invoicing.kept import Consumer, Kept
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
    return await _printed(seller_id, order, vault, by=by)


async def printed_by_id(seller_id: UUID, invoice_id: UUID, vault: Vault, *, by: str) -> Paper:
    """The same, also of an order whose history was deleted. NotFound when it is not this seller's."""
    async with db.transaction(seller_id) as held:
        sold = await held.fetchrow(
            """SELECT i.marketplace_account_id, i.external_order_id, a.marketplace_code, a.name AS account_name FROM tax_invoices i
               JOIN marketplace_accounts a ON a.id = i.marketplace_account_id WHERE i.id = $1""",
            invoice_id,
        )
    if sold is None:
        raise NotFound("invoice")
    return await _printed(seller_id, sold, vault, by=by)


async def _printed(seller_id: UUID, order: Record, vault: Vault, *, by: str) -> Paper:
    """`order` is a row that names the account, its marketplace and the order."""
    account_id, external = order["marketplace_account_id"], order["external_order_id"]
    async with db.transaction(seller_id):
        kept = await on_record.of_order(account_id, external)
    if kept is None:
        raise NotFound("invoice")
    try:
        async with db.transaction(seller_id):
            consumer = await _consumer(seller_id, order, kept, vault)
            if consumer != Consumer():
                told = f"Buyer of order {external} shown on invoice {kept.number}"
                await audit.write(seller_id, Action.BUYER_SHOWN, told, actor=by, account_id=account_id)
    except SecretUnreadable as error:
        await put_on_record_unreadable(seller_id, order, error, by=by)
        raise
    # Fonts and layout take a tenth of a second, for which nobody else should wait.
    return Paper(number=kept.number, content=await to_thread.run_sync(on_record.printed, kept, consumer))


async def _consumer(seller_id: UUID, order: Record, kept: Kept, vault: Vault) -> Consumer:
    """Whom it was issued to. Nobody where the key he was sealed with is gone, with a history that was erased, though there is a new one."""
    if not kept.names_a_consumer:
        return Consumer()
    code = order["marketplace_code"]
    seal = await buyers.seal_for_page(seller_id, code, vault)
    try:
        return on_record.opened(kept, order["marketplace_account_id"], order["external_order_id"], seal)
    except SecretUnreadable:
        if await buyers.key_made_after(code, kept.issued_at):
            return Consumer()
        raise
