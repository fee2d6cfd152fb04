"""Seal anew, with the newest key of its ring, whatever still names an older one. Online: syncs and setups go on meanwhile.

A row is locked against other writers for the instant between reading and writing it; readers never wait. What was done stays done,
so a run that was cut short is simply begun again.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

import structlog

from portal import db
from portal.connecting.service.sealing import OFFERED
from portal.errors import Misconfigured, SecretUnreadable
from portal.keyring import places
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Marketplace
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.orders import buyers
from portal.vault import BUYERS, Place, Vault, key_of

log = structlog.get_logger()

ACTOR = "key rotation"
AT_ONCE = 20
"""Rows of one seller in one transaction: some hundredths of a second, for which a sync that ends may have to wait."""

_BEGINNING = ("", UUID(int=0))


@dataclass(slots=True)
class Resealed:
    """`values` were sealed anew; `unreadable` are ciphertexts that do not open, by table and row."""

    values: int = 0
    unreadable: list[str] = field(default_factory=list)


async def in_use() -> dict[tuple[str, str], int]:
    """How many ciphertexts name each (ring, key id)."""
    return {(row["ring"], row["key_id"]): row["held"] for row in await db.door("door_sealing_keys")}


def waiting(used: Collection[tuple[str, str]], newest: dict[str, str]) -> list[tuple[str, str]]:
    """Those of the keys in use that are not the newest of their ring."""
    return sorted((ring, key_id) for ring, key_id in used if ring in newest and key_id != newest[ring])


async def reseal(vault: Vault, *, batch: int = 200, told: Callable[[int], Awaitable[None]] | None = None) -> Resealed:
    """Go through everything sealed with a ring whose private keys are held here. `told` hears the count after each batch."""
    rings = [ring for ring in vault.newest if vault.opens(ring)]
    done = Resealed()
    after_table, after_id = _BEGINNING
    while rows := await db.door("door_sealed_by_others", rings, [vault.newest[ring] for ring in rings], after_table, after_id, batch):
        after_table, after_id = rows[-1]["found"], rows[-1]["row_id"]
        for (seller_id, table), own in groupby(
            sorted(rows, key=lambda row: (row["seller_id"], row["found"], row["row_id"])), key=lambda row: (row["seller_id"], row["found"])
        ):
            ids = [row["row_id"] for row in own]
            for start in range(0, len(ids), AT_ONCE):
                await _of_seller(seller_id, table, ids[start : start + AT_ONCE], vault, done)
        if told is not None:
            await told(done.values)
    return done


async def _of_seller(seller_id: UUID, table: str, ids: Sequence[UUID], vault: Vault, done: Resealed) -> None:
    """Some rows of one table, in one short transaction."""
    anew = {places.SECRETS: _secret, places.DATA_KEYS: _data_key}.get(table, _satellite)
    broken: list[tuple[UUID, SecretUnreadable]] = []
    async with db.transaction(seller_id):
        for row_id in ids:
            try:
                done.values += await anew(table, row_id, vault)
            except SecretUnreadable as error:
                broken.append((row_id, error))
    for row_id, why in broken:
        log.warning("not_resealed", table=table, row=str(row_id), reason=str(why))
        done.unreadable.append(f"{table} {row_id}")
        # A satellite's row has its account's id; the others have none, and go to the audit trail.
        broken_of = AccountRef(id=row_id, seller_id=seller_id, code="", external_account_id="", name="")
        await details.put_on_record_unreadable(broken_of, why, actor=ACTOR)


async def _satellite(table: str, account_id: UUID, vault: Vault) -> int:
    place = next(one for one in MARKETPLACES if one.details is not None and details.table_of(one) == table)
    columns = details.sealed_columns(place)
    row = await _held(table, "marketplace_account_id", account_id, columns, place)
    changed = {
        column: _anew(vault, place.code, details.place_of(place, column, account_id), row[column])
        for column in columns
        if row is not None and _older(vault, place.code, row[column])
    }
    return await _write(table, "marketplace_account_id", account_id, changed)


async def _secret(table: str, secret_id: UUID, vault: Vault) -> int:
    wizard = await db.connection().fetchrow(
        """SELECT coalesce(w.sealed_for, w.account_id) AS account_id, s.marketplace_code FROM connect_wizards w
           JOIN connect_wizard_secrets s ON s.wizard_id = w.id WHERE s.id = $1 FOR UPDATE OF w""",
        secret_id,
    )
    if wizard is None:
        return 0
    place = marketplace(wizard["marketplace_code"])
    row = await _held(table, "id", secret_id, ("column_name", "sealed"), place)
    if row is None or not _older(vault, place.code, row["sealed"]):
        return 0
    final = details.place_of(place, row["column_name"].removeprefix(OFFERED), wizard["account_id"])
    return await _write(table, "id", secret_id, {"sealed": _anew(vault, place.code, final, row["sealed"])})


async def _data_key(table: str, key_id: UUID, vault: Vault) -> int:
    row = await db.connection().fetchrow(f"SELECT * FROM {table} WHERE id = $1 FOR UPDATE", key_id)  # noqa: S608 (our own table's name)
    if row is None:
        return 0
    changed = {
        column: _anew(vault, ring, buyers.place_of(column, row["seller_id"], row["marketplace_code"]), row[column])
        for column, ring in (("wrapped_for_marketplace", row["marketplace_code"]), ("wrapped_for_buyers", BUYERS))
        if _older(vault, ring, row[column])
    }
    return await _write(table, "id", key_id, changed)


async def _held(table: str, key: str, row_id: UUID, columns: Sequence[str], place: Marketplace) -> Any:
    """The row's columns as its marketplace's role may read them, locked as the tenant may lock it; None when it is gone."""
    if not await db.connection().fetchval(f"SELECT 1 FROM {table} WHERE {key} = $1 FOR UPDATE", row_id):  # noqa: S608 (our own words)
        return None
    async with db.acting_as(place.role) as reader:
        return await reader.fetchrow(f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = $1", row_id)  # noqa: S608


def _older(vault: Vault, ring: str, sealed: str | None) -> bool:
    return sealed is not None and vault.opens(ring) and key_of(sealed) != vault.newest[ring]


def _anew(vault: Vault, ring: str, place: Place, sealed: str) -> str:
    return vault.seal(ring, place, vault.open(ring, place, sealed))


async def _write(table: str, key: str, row_id: UUID, changed: dict[str, str]) -> int:
    if changed:
        marks = ", ".join(f"{column} = ${number}" for number, column in enumerate(changed, 2))
        await db.connection().execute(f"UPDATE {table} SET {marks} WHERE {key} = $1", row_id, *changed.values())  # noqa: S608 (our own words)
    return len(changed)


async def none_left(newest: dict[str, str]) -> None:
    """Raises Misconfigured while any ciphertext of these rings names another key than the newest of its ring."""
    used = await in_use()
    left = waiting(used, newest)
    if left:
        told = ", ".join(f"{used[one]} of {one[0]} by {one[1] or 'no key of ours'}" for one in left)
        raise Misconfigured(
            f"Older keys are still in use: {told}.",
            hint="Run `python -m portal keys rotate` to the end first. What does not open any more needs its seller to reconnect.",
        )
