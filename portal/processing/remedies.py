"""What helps where the stock of held orders is not known: the listings, read by a sync or from a file."""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from portal import db
from portal.marketplaces import reach
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.processing.held_orders import Group

OF_STOCK = ("stock_unknown", "stock_short", "stock_taken")


class Remedy(StrEnum):
    """How the account's listings come to us."""

    SYNC = "sync"
    FILE = "file"


async def of_groups(seller_id: UUID, groups: Sequence[Group]) -> dict[UUID, Remedy]:
    """By account, for those whose orders are held for their stock."""
    found: dict[UUID, Remedy] = {}
    async with db.transaction(seller_id):
        for group in (one for one in groups if one.code in OF_STOCK):
            place = marketplace(group.marketplace_code)
            if ScheduleTarget.LISTINGS in await reach.open_to(place, group.account_id):
                found[group.account_id] = Remedy.SYNC
            elif place.read_listing_file is not None:
                found[group.account_id] = Remedy.FILE
    return found
