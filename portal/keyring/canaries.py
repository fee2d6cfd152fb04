"""A known value sealed with every key: whoever holds the wrong rings hears of it at start, not at the first sync."""

from collections.abc import Collection

import asyncpg

from portal import db
from portal.errors import Misconfigured, SecretUnreadable
from portal.tables.canaries import KeyCanary
from portal.vault import Place, Vault

SAID = "canary"


def _place(key_id: str) -> Place:
    return Place(KeyCanary._meta.tablename, "sealed", key_id)


def try_one(vault: Vault, ring: str, key_id: str, sealed: str) -> bool:
    """Whether the private keys held here open it."""
    try:
        return vault.open(ring, _place(key_id), sealed) == SAID
    except SecretUnreadable:
        return False


async def check(vault: Vault, rings: Collection[str]) -> None:
    """Raises Misconfigured unless every canary of these rings opens here. A ring that has sealed nothing yet has none."""
    try:
        async with db.pool().acquire() as held:
            rows = await held.fetch("SELECT ring, key_id, sealed FROM key_canaries WHERE ring = ANY ($1::text[]) ORDER BY ring", [*rings])
    except asyncpg.UndefinedTableError:
        raise Misconfigured("The database is not at this version.", hint="Run `python -m portal migrate`.") from None
    refuse([f"{row['ring']} {row['key_id']}" for row in rows if not try_one(vault, row["ring"], row["key_id"], row["sealed"])])


def refuse(unopened: Collection[str]) -> None:
    """Raise Misconfigured for these `RING key-id`; none, no complaint."""
    if unopened:
        raise Misconfigured(
            f"The private key rings do not fit this database: they do not open what these keys sealed: {', '.join(unopened)}.",
            hint="Set PORTAL_OPEN_KEYS and PORTAL_BUYER_OPEN_KEYS to the rings this database was used with, or bring them back from their backup. "
            "Where a key is lost for good, `python -m portal keys give-up KEY` lets the portal start without it.",
        )


async def plant(vault: Vault) -> None:
    """One canary for the newest key of every ring this process seals with; those that are there stay."""
    async with db.pool().acquire() as held:
        known = {row["key_id"] for row in await held.fetch("SELECT key_id FROM key_canaries")}
        for ring, key_id in vault.newest.items():
            if key_id not in known:
                await held.execute(
                    "INSERT INTO key_canaries (key_id, ring, sealed) VALUES ($1, $2, $3) ON CONFLICT (key_id) DO NOTHING",
                    key_id,
                    ring,
                    vault.seal(ring, _place(key_id), SAID),
                )


async def remove(key_ids: Collection[str]) -> None:
    """Those of keys that are retired."""
    async with db.pool().acquire() as held:
        await held.execute("DELETE FROM key_canaries WHERE key_id = ANY ($1::text[])", [*key_ids])
