"""The data key that seals one seller's buyers on one marketplace: made once, wrapped twice, opened where it is needed."""

import base64
from datetime import datetime
from uuid import UUID

from portal import db
from portal.errors import BuyersUnreadable, SecretUnreadable
from portal.marketplaces.contract import Marketplace
from portal.vault import BUYERS, BuyerSeal, Place, Vault, new_data_key


def place_of(column: str, seller_id: UUID, code: str) -> Place:
    """Where a wrapped data key lives: what its ciphertext is bound to."""
    return Place("buyer_data_keys", column, f"{seller_id}/{code}")


def _unwrapped(vault: Vault, ring: str, column: str, wrapped: str, seller_id: UUID, code: str) -> BuyerSeal:
    """The seal whose data key is wrapped for this ring. Raises BuyersUnreadable."""
    try:
        data_key = vault.open(ring, place_of(column, seller_id, code), wrapped)
    except SecretUnreadable as error:
        raise BuyersUnreadable(
            "The key to your buyers' details cannot be read. Tell whoever runs this portal: nothing you could enter replaces it.",
            detail=error.detail,
        ) from error
    return BuyerSeal(base64.urlsafe_b64decode(data_key), f"{seller_id}/{code}")


async def seal_at_work(seller_id: UUID, place: Marketplace, vault: Vault) -> BuyerSeal:
    """The seal as a worker of this marketplace opens it; made when this seller has none yet."""
    async with db.transaction(seller_id) as held:
        async with db.acting_as(place.role) as reader:
            wrapped = await reader.fetchval("SELECT wrapped_for_marketplace FROM buyer_data_keys WHERE marketplace_code = $1", place.code)
        if wrapped is None:
            fresh = new_data_key()
            # Two workers may begin at once: the first key wins, and the second reads it.
            await held.execute(
                """INSERT INTO buyer_data_keys (id, seller_id, marketplace_code, wrapped_for_marketplace, wrapped_for_buyers)
                   VALUES (gen_random_uuid(), $1, $2, $3, $4) ON CONFLICT (seller_id, marketplace_code) DO NOTHING""",
                seller_id,
                place.code,
                vault.seal(place.code, place_of("wrapped_for_marketplace", seller_id, place.code), fresh),
                vault.seal(BUYERS, place_of("wrapped_for_buyers", seller_id, place.code), fresh),
            )
            async with db.acting_as(place.role) as reader:
                wrapped = await reader.fetchval(
                    "SELECT wrapped_for_marketplace FROM buyer_data_keys WHERE marketplace_code = $1", place.code
                )
    return _unwrapped(vault, place.code, "wrapped_for_marketplace", wrapped, seller_id, place.code)


async def seal_for_page(seller_id: UUID, code: str, vault: Vault) -> BuyerSeal | None:
    """The seal as the web opens it with the buyer ring, for one detail page; None when nothing was ever sealed. In the caller's transaction."""
    wrapped = await db.connection().fetchval("SELECT wrapped_for_buyers FROM buyer_data_keys WHERE marketplace_code = $1", code)
    if wrapped is None:
        return None
    return _unwrapped(vault, BUYERS, "wrapped_for_buyers", wrapped, seller_id, code)


async def key_made_after(code: str, moment: datetime) -> bool:
    """Whether the key of this seller's buyers is newer than that: what was sealed before opens for nobody any more. In the caller's
    transaction.
    """
    query = "SELECT EXISTS (SELECT FROM buyer_data_keys WHERE marketplace_code = $1 AND created_at > $2)"
    return bool(await db.connection().fetchval(query, code, moment))
