"""Checking a saved connection: the worker tries its keys against the marketplace, now."""

from typing import Any
from uuid import UUID

from portal import db
from portal.accounts import service
from portal.errors import PortalError, SecretUnreadable
from portal.marketplaces import details
from portal.marketplaces.errors import KeysRejected, MarketplaceError
from portal.marketplaces.registry import marketplace


async def check_account(ctx: dict[str, Any], *, account_id: str) -> None:
    """Queue entry point. Whatever happens, the account says so afterwards; only a definite refusal asks for a reconnect."""
    seller_id = await db.seller_of("door_seller_of_account", UUID(account_id))
    if seller_id is None:
        return
    account = service.ref(await service.get(seller_id, UUID(account_id)))
    place = marketplace(account.code)
    try:
        async with db.transaction(seller_id):
            keys = await details.fetch(place, account, ctx["vault"], purpose="check", actor="worker")
        found = await ctx["doorway"].validated(place, account, keys)
        if found.external_account_id != account.external_account_id:
            raise KeysRejected(place.name, f"The saved details belong to another {place.identity_name}.", reason="other_shop")
    except KeysRejected as error:
        await service.refused(account, error)
    except SecretUnreadable as error:
        await details.put_on_record_unreadable(account, error, actor="worker")
        await service.unproven(account, error)
    except (MarketplaceError, PortalError) as error:
        await service.unproven(account, error)
    else:
        await service.accepted(account, validation=found)
