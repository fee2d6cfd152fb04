"""An account as adapters and keepers know it."""

from uuid import UUID

from portal import db
from portal.errors import NotFound
from portal.marketplaces.contract import AccountRef


async def account_ref(seller_id: UUID, account_id: UUID) -> AccountRef:
    """The account with this id. NotFound when it is not this seller's."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            "SELECT id, marketplace_code, external_account_id, name, ships_from FROM marketplace_accounts WHERE id = $1", account_id
        )
    if row is None:
        raise NotFound("account")
    return AccountRef(
        id=row["id"],
        seller_id=seller_id,
        code=row["marketplace_code"],
        external_account_id=row["external_account_id"],
        name=row["name"],
        ships_from=row["ships_from"],
    )
