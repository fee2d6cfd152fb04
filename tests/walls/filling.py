"""One row in every table of a seller, made from the catalogue alone: what a test of walls plants on the other side of them.

A new table gets its row without a line here, unless a column takes a word of its own (`MEANT`).
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import asyncpg

Owner = asyncpg.Connection

ROOMY = 60
"""A text column at least this long takes any words; shorter ones hold a code that the portal knows."""

MEANT: dict[str, Any] = {
    # Words that a page looks up; the database itself would take any. A name without a table is meant in all of them.
    "target": "ORDERS",
    "orders.status": "open",
    "order_returns.status": "open",
    "listings.status": "active",
    "marketplace_credential_events.kind": "saved",
    "marketplace_credential_events.code": "",
    "sync_events.kind": "line",
    "sync_events.level": "info",
    "connect_wizards.step": 1,
    "connect_wizards.error_field": "",
    "connect_wizard_secrets.column_name": "refresh_token",
    "schedules.set_times": [600],
    "payout_line_items.kind": "sale",
    "intended_posts.path": "/home",
    "marketplace_accounts.marketplace_code": "AMAZON_IN",
    "marketplace_accounts.reconnect_code": "",
    "mails.link": "",
    "amazon_account_details.method": "private_app",
    "connect_wizards.method": "private_app",
    "payout_uploads.sha256": "0" * 64,
    "batches.state": "closed",
    "batch_orders.external_order_id": "403-7",
    "documents.key": "papers/nowhere.pdf",
    "batch_errands.file_key": "papers/nowhere.xlsx",
    "batch_errands.brought_key": "",
    "sync_runs.state": "succeeded",
    "sync_runs.finished_at": datetime(2026, 11, 20, tzinfo=UTC),
    "sync_runs.error_code": "",
    "connect_wizards.first_targets": "",
    "connect_wizards.first_proof": "",
    "problem_mutes.code": "other",
    "set_asides.payload": "{}",
    "tax_settings.gstin": "27AAPFU0939F1ZV",
    "tax_settings.default_hsn": "6103",
    "tax_invoices.content": '{"seller": {"name": "Walls", "address": ["1 Wall Street"], "state": "27", "gstin": "27AAPFU0939F1ZV"}, "buyer": null, '
    '"place_of_supply": "27", "sales": [{"description": "Brick", "hsn": "6901", "quantity": 1, "amount": 100, "rate": 500}], "order_number": "1"}',
}


FOLLOWED = ("session_id", "batch_id")
"""References that may be empty and are not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A seller with a row everywhere. `marker` stands in each of its free texts, inside markup that no page may let through, after a sign that no
    cell of a spreadsheet may begin with."""

    seller_id: UUID
    marker: str
    keys: dict[str, Any] = field(default_factory=dict)
    """The primary key of its row, by table."""

    @property
    def draft_id(self) -> UUID:
        """What its one stock change belongs to; a draft has no table of its own."""
        return uuid5(self.seller_id, "draft")

    @property
    def hostile(self) -> str:
        return f"=<i>{self.marker}</i>"


@dataclass(frozen=True, slots=True)
class Column:
    table: str
    name: str
    kind: str
    length: int | None
    needed: bool
    default: str | None

    @property
    def full_name(self) -> str:
        return f"{self.table}.{self.name}"


_COLUMNS = """
SELECT table_name, column_name, udt_name, character_maximum_length, is_nullable = 'NO' AS needed, nullif(split_part(column_default, '::', 1), 'NULL')
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
"""
_KEYS = """
SELECT conrelid::regclass::text AS table_name, attname AS column_name FROM pg_constraint JOIN pg_attribute
ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'p' AND connamespace = 'public'::regnamespace
"""
_REFERENCES = """
SELECT attname AS column_name, confrelid::regclass::text AS referred FROM pg_constraint JOIN pg_attribute
ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""
_CHECKS = """
SELECT conrelid::regclass::text AS table_name, pg_get_constraintdef(oid) AS told FROM pg_constraint
WHERE contype = 'c' AND connamespace = 'public'::regnamespace
"""
_FIRST_WORD = re.compile(r"\(?\((\w+)\)::text = (?:ANY \(\(ARRAY\[)?'([^']*)'")


async def tables_with(owner: Owner, column: str) -> list[str]:
    """Every table that has such a column, by name."""
    rows = await owner.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = $1 ORDER BY 1", column
    )
    return [row["table_name"] for row in rows]


async def tables(owner: Owner) -> list[str]:
    return [row["tablename"] for row in await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]


async def fill(owner: Owner, *, number: int) -> Filled:
    """A seller of its own with one row in every table that has a `seller_id`. `number` tells sellers apart."""
    seller_id = UUID(int=(0xA5E11E0 + number) << 64 | number)
    filled = Filled(seller_id=seller_id, marker=f"zq{number:06d}")
    columns = [Column(*row.values()) for row in await owner.fetch(_COLUMNS)]
    own = {column.table for column in columns if column.name == "seller_id"} | {"sellers"}
    keys = {row["table_name"]: row["column_name"] for row in await owner.fetch(_KEYS)}
    referred = {row["column_name"]: row["referred"] for row in await owner.fetch(_REFERENCES)}
    words = {
        f"{row['table_name']}.{found[1]}": found[2] for row in await owner.fetch(_CHECKS) if (found := _FIRST_WORD.search(row["told"]))
    }
    kinds = {(column.table, column.name): column.kind for column in columns}
    # A table whose key is another one's key (a satellite's) has that one's value.
    for table in own:
        root = table
        while keys[root] in referred and referred[keys[root]] != root:
            root = referred[keys[root]]
        filled.keys[table] = _key(filled, root, kinds[root, keys[root]], number)
    values = _Values(filled, referred, words, {table: keys[table] for table in own})
    async with owner.transaction():
        # One marketplace's satellite stands beside another's on the same account: the walls do not depend on it.
        await owner.execute("SET LOCAL session_replication_role = replica")
        for table in sorted(own):
            given = {column.name: value for column in columns if column.table == table if (value := values.of(column)) is not _LEFT}
            marks = ", ".join(f"${place}" for place in range(1, len(given) + 1))
            names = ", ".join(f'"{name}"' for name in given)
            await owner.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING', *given.values())
    return filled


async def empty(owner: Owner, filled: Filled) -> None:
    """Take everything of a seller away but its people and their sessions, however it came to be."""
    async with owner.transaction():
        await owner.execute("SET LOCAL session_replication_role = replica")
        for table in await tables_with(owner, "seller_id"):
            if table not in ("seller_users", "sessions"):
                await owner.execute(f'DELETE FROM "{table}" WHERE seller_id = $1', filled.seller_id)


def _key(filled: Filled, table: str, kind: str, number: int) -> Any:
    if table == "sellers":
        return filled.seller_id
    return uuid5(filled.seller_id, table) if kind == "uuid" else 900_000 + number


_LEFT = object()
"""The column keeps its default."""


class _Values:
    def __init__(self, filled: Filled, referred: dict[str, str], words: dict[str, str], keys: dict[str, str]) -> None:
        self._filled, self._referred, self._words, self._keys = filled, referred, words, keys
        self._now = datetime.now(UTC)

    def of(self, column: Column) -> Any:
        """The value for a column, or `_LEFT`."""
        for name in (column.full_name, column.name):
            if name in MEANT:
                return MEANT[name]
        if column.name == self._keys[column.table]:
            return self._filled.keys[column.table]
        if column.name == "draft_id":
            return self._filled.draft_id
        if column.name == "seller_id":
            return self._filled.seller_id
        if (
            (column.needed or column.name in FOLLOWED)
            and column.name in self._referred
            and self._referred[column.name] in self._filled.keys
        ):
            return self._filled.keys[self._referred[column.name]]
        if column.needed and column.default is None and column.full_name in self._words:
            return self._words[column.full_name]
        if column.kind in ("text", "varchar"):
            return self._text(column)
        return self._plain(column) if column.needed and column.default is None else _LEFT

    def _text(self, column: Column) -> Any:
        if not column.needed or column.full_name in self._words:
            return _LEFT
        if column.default is not None and not column.default.startswith("''"):
            return _LEFT
        if column.length is None or column.length >= ROOMY:
            return f"{self._filled.marker}@example.in" if column.name in ("email", "recipient") else self._filled.hostile
        if column.name == "name":
            return self._filled.hostile
        if column.name == "marketplace_code":
            return "AMAZON_IN"
        return _LEFT if column.default is not None else self._filled.marker[: column.length]

    def _plain(self, column: Column) -> Any:
        plain: dict[str, Any] = {
            "uuid": uuid5(self._filled.seller_id, column.full_name),
            "bytea": f"{self._filled.marker} {column.full_name}".encode(),
            "timestamptz": self._now + timedelta(days=1 if column.name in ("expires_at", "lapses_at", "due_at", "next_at") else 0),
            "date": self._now.date(),
            "bool": False,
            "numeric": 7,
            "float8": 7.0,
        }
        return plain.get(column.kind, 1)
