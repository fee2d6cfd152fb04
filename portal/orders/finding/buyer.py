"""An order's buyer in clear, on request and on record."""

from uuid import UUID

import msgspec
from asyncpg import Record

from portal import db
from portal.audit import service as audit
from portal.errors import SecretUnreadable
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef
from portal.orders import buyers
from portal.orders.finding.showing import BUYER_COLUMNS, held_order
from portal.tables.audit import Action
from portal.vault import Vault


class BuyerShown(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer in clear, for one answer that is stored nowhere."""

    name: str = ""
    phone: str = ""
    email: str = ""
    address: str = ""

    def __repr__(self) -> str:
        return "BuyerShown(…)"


async def show_buyer(seller_id: UUID, order_id: int, vault: Vault, *, by: str) -> BuyerShown:
    """The buyer in clear, and an entry in the audit trail that `by` has seen him: both or neither.

    Raises NotFound for a stranger's order, and SecretUnreadable where something of it does not open here; that is on record then.
    """
    async with db.transaction(seller_id):
        order = await held_order(order_id)
    try:
        return await _shown(seller_id, order, vault, by=by)
    except SecretUnreadable as error:
        await put_on_record_unreadable(seller_id, order, error, by=by)
        raise


async def put_on_record_unreadable(seller_id: UUID, order: Record, error: SecretUnreadable, *, by: str) -> None:
    """That a buyer of this order does not open here, in a transaction of its own."""
    account = AccountRef(
        id=order["marketplace_account_id"],
        seller_id=seller_id,
        code=order["marketplace_code"],
        external_account_id="",
        name=order["account_name"],
    )
    await details.put_on_record_unreadable(account, error, actor=by)


async def _shown(seller_id: UUID, order: Record, vault: Vault, *, by: str) -> BuyerShown:
    async with db.transaction(seller_id):
        seal = await buyers.seal_for_page(seller_id, order["marketplace_code"], vault)
        if seal is None:
            return BuyerShown()
        row = f"{order['marketplace_account_id']}/{order['external_order_id']}"
        opened = {
            column.removeprefix("buyer_"): seal.open(column, row, order[column]) for column in BUYER_COLUMNS if order[column] is not None
        }
        told = f"Buyer of order {order['external_order_id']} shown"
        await audit.write(seller_id, Action.BUYER_SHOWN, told, actor=by, account_id=order["marketplace_account_id"])
    return BuyerShown(**opened)
