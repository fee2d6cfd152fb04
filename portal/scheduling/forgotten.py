"""Accounts that were connected before there were schedules: they are given what a new account begins with, once."""

from portal import db
from portal.marketplaces.contract import AccountRef
from portal.scheduling import service
from portal.tables.accounts import MarketplaceAccount


async def begin_forgotten() -> int:
    """Schedules and a nightly check for every account that never had any. Answers how many accounts there were.

    One whose schedules are all turned off has them, so it is left alone.
    """
    rows = await db.door("door_accounts_without_schedules")
    for row in rows:
        async with db.transaction(row["seller_id"]):
            account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == row["account_id"]).first()
            if account is not None:
                await service.begin(_ref(account))
    return len(rows)


def _ref(account: MarketplaceAccount) -> AccountRef:
    return AccountRef(
        id=account.id,
        seller_id=account.seller_id,
        code=account.marketplace_code,
        external_account_id=account.external_account_id,
        name=account.name,
    )
