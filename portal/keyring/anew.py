"""Some rows of one table, opened and sealed again with the newest key of their ring, each on record in the same transaction.

A satellite's row, and what was typed to reconnect, is an event of its account. What was typed for an account to come, and data keys, which
are no account's, stand on their seller's audit trail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from portal import db
from portal.audit import service as audit
from portal.connecting.service.sealing import OFFERED
from portal.errors import SecretUnreadable
from portal.keyring import places
from portal.marketplaces import details
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.orders import buyers
from portal.tables.accounts import EventKind
from portal.tables.audit import Action
from portal.vault import BUYERS, Place, Vault, key_of

ACTOR = "key rotation"
TOLD = "Opened and sealed again in one step, and used for nothing else."


class Rows(NamedTuple):
    """Some rows of one seller in one table."""

    seller_id: UUID
    table: str
    ids: Sequence[UUID]


@dataclass(slots=True)
class Sealed:
    """How many ciphertexts were replaced, and the rows that hold one that does not open: those stay as they are, whole."""

    values: int = 0
    broken: list[tuple[UUID, SecretUnreadable]] = field(default_factory=list)

    def row(self, row_id: UUID, parts: Mapping[str, tuple[str, Place, str | None]], vault: Vault) -> dict[str, str | None] | None:
        """A row's columns as they are to stand there now; None when nothing of it changes. `parts`: ring, place, ciphertext by column."""
        try:
            new = {column: _newest(vault, *part) for column, part in parts.items()}
        except SecretUnreadable as error:
            self.broken.append((row_id, error))
            return None
        changed = sum(new[column] != sealed for column, (_, _, sealed) in parts.items())
        self.values += changed
        return new if changed else None


async def seal_anew(rows: Rows, vault: Vault) -> Sealed:
    """In a transaction of the rows' seller, who sees the record from the moment it is done."""
    kind = {places.SECRETS: _secrets, places.DATA_KEYS: _data_keys}.get(rows.table, _satellites)
    return await kind(rows, vault)


async def _satellites(rows: Rows, vault: Vault) -> Sealed:
    place = next(one for one in MARKETPLACES if one.details is not None and details.table_of(one) == rows.table)
    columns, done = details.sealed_columns(place), Sealed()
    # Accounts before satellites, as whoever saves a credential takes them; the events would ask for the accounts afterwards.
    await db.connection().execute("SELECT FROM marketplace_accounts WHERE id = ANY ($1::uuid[]) ORDER BY id FOR KEY SHARE", rows.ids)
    new: dict[UUID, dict[str, str | None]] = {}
    for row in await _locked(rows.table, "marketplace_account_id", rows.ids, columns, place):
        account_id = row["marketplace_account_id"]
        parts = {column: (place.code, details.place_of(place, column, account_id), row[column]) for column in columns}
        if changed := done.row(account_id, parts, vault):
            new[account_id] = changed
    await _write(rows.table, "marketplace_account_id", new)
    await _on_record(rows.seller_id, [*new], vault.newest[place.code])
    return done


async def _secrets(rows: Rows, vault: Vault) -> Sealed:
    done = Sealed()
    setups = await db.connection().fetch(
        """SELECT s.id, s.marketplace_code, s.column_name, coalesce(w.sealed_for, w.account_id) AS account_id
           FROM connect_wizards w JOIN connect_wizard_secrets s ON s.wizard_id = w.id
           WHERE s.id = ANY ($1::uuid[]) ORDER BY w.id FOR UPDATE OF w""",
        rows.ids,
    )
    for place in {setup["marketplace_code"]: marketplace(setup["marketplace_code"]) for setup in setups}.values():
        own = {setup["id"]: setup for setup in setups if setup["marketplace_code"] == place.code}
        new: dict[UUID, dict[str, str | None]] = {}
        for row in await _locked(rows.table, "id", [*own], ("sealed",), place):
            setup = own[row["id"]]
            final = details.place_of(place, setup["column_name"].removeprefix(OFFERED), setup["account_id"])
            if changed := done.row(row["id"], {"sealed": (place.code, final, row["sealed"])}, vault):
                new[row["id"]] = changed
        await _write(rows.table, "id", new)
        await _typed_on_record(rows.seller_id, place, {own[one]["account_id"] for one in new}, vault.newest[place.code])
    return done


async def _typed_on_record(seller_id: UUID, place: Marketplace, account_ids: set[UUID], key_id: str) -> None:
    """As of every opening of what was typed: an event of the account that is being reconnected, else an entry of the trail."""
    rows = await db.connection().fetch("SELECT id FROM marketplace_accounts WHERE id = ANY ($1::uuid[])", [*account_ids])
    known = {row["id"] for row in rows}
    await _on_record(seller_id, [*known], key_id)
    for account_id in account_ids - known:
        told = f"{place.name}: what was typed to connect ({key_id})"
        await audit.write(seller_id, Action.SECRET_RESEALED, told, actor=ACTOR, account_id=account_id)


async def _data_keys(rows: Rows, vault: Vault) -> Sealed:
    done = Sealed()
    new: dict[UUID, dict[str, str | None]] = {}
    for row in await db.connection().fetch(f"SELECT * FROM {rows.table} WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE", rows.ids):  # noqa: S608 (our own table's name)
        code = row["marketplace_code"]
        rings = {"wrapped_for_marketplace": code, "wrapped_for_buyers": BUYERS}
        parts = {column: (ring, buyers.place_of(column, row["seller_id"], code), row[column]) for column, ring in rings.items()}
        if changed := done.row(row["id"], parts, vault):
            new[row["id"]] = changed
            told = f"{marketplace(code).name}: the key of buyers' details ({vault.newest[code if vault.opens(code) else BUYERS]})"
            await audit.write(rows.seller_id, Action.SECRET_RESEALED, told, actor=ACTOR)
    await _write(rows.table, "id", new)
    return done


def _newest(vault: Vault, ring: str, place: Place, sealed: str | None) -> str | None:
    """The ciphertext by its ring's newest key; as it is where that is so already, or its ring is not held here. Raises SecretUnreadable."""
    if sealed is None or not vault.opens(ring) or key_of(sealed) == vault.newest[ring]:
        return sealed
    return vault.seal(ring, place, vault.open(ring, place, sealed))


async def _locked(table: str, key: str, row_ids: Sequence[UUID], columns: Sequence[str], place: Marketplace) -> Sequence[Any]:
    """The rows that are still there, locked as the tenant may lock them, and read as their marketplace's role may read them."""
    those = f"FROM {table} WHERE {key} = ANY ($1::uuid[])"
    await db.connection().execute(f"SELECT {those} ORDER BY {key} FOR UPDATE", row_ids)
    async with db.acting_as(place.role) as reader:
        rows: Sequence[Any] = await reader.fetch(f"SELECT {key}, {', '.join(columns)} {those}", row_ids)
    return rows


async def _write(table: str, key: str, new: Mapping[UUID, Mapping[str, str | None]]) -> None:
    """Each row's columns, with one statement."""
    if not new:
        return
    columns = [*next(iter(new.values()))]
    marks = ", ".join(f"{column} = new.{column}" for column in columns)
    texts = ", ".join(f"${number}::text[]" for number in range(2, len(columns) + 2))
    await db.connection().execute(
        f"UPDATE {table} SET {marks} FROM unnest($1::uuid[], {texts}) AS new (id, {', '.join(columns)}) WHERE {table}.{key} = new.id",  # noqa: S608 (our own words)
        [*new],
        *([row[column] for row in new.values()] for column in columns),
    )


async def _on_record(seller_id: UUID, account_ids: Sequence[UUID], key_id: str) -> None:
    """One event for each account: by whom it was opened, and the key that it is sealed with now."""
    await db.connection().execute(
        """INSERT INTO marketplace_credential_events (id, seller_id, marketplace_account_id, kind, code, message, actor)
           SELECT gen_random_uuid(), $1, account, $3, $4, $5, $6 FROM unnest($2::uuid[]) AS account""",
        seller_id,
        account_ids,
        EventKind.RESEALED,
        key_id,
        TOLD,
        ACTOR,
    )
