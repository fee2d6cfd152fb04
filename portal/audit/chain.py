"""Proving that the trail is whole: every hash is computed again here, not by the database that is being checked.

Each entry's hash is SHA-256 over its fields in the order of `_told`, each as `length:text` (length in UTF-8 bytes), joined by commas. The
hash of the entry before is one of the fields, so nothing can be altered, removed or put in between without breaking every later one; the
head says how many there are, so a missing end shows as well. Who can write as the database's owner could make up a whole new chain:
against that, keep the count and hash that `audit verify` prints somewhere else.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from portal import db

AT_ONCE = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a chain found. `broken` is empty when all is well, else our sentence with the first entry that is wrong."""

    seller_id: UUID
    checked: int
    entries: int
    head: str
    broken: str = ""


class Broken(Exception):
    """The first thing that is wrong with a chain, as a sentence."""


async def verify(seller_id: UUID, *, latest: int | None = None) -> Verified:
    """Follow a seller's chain from its first entry to its head; with `latest`, only over the last so many entries."""
    async with db.transaction(seller_id) as held:
        # In one statement: entries that are added from now on belong to a later head.
        head = await held.fetchrow(
            """SELECT h.entries, h.hash, (SELECT count(*) FROM audit_entries WHERE position IS NULL OR position > coalesce(h.entries, 0)) AS stray
               FROM (SELECT) AS one LEFT JOIN audit_heads h ON true"""
        )
        length, end = head["entries"] or 0, head["hash"] or b""
        start = max(length - latest, 0) if latest is not None else 0
        broken = ""
        try:
            if head["stray"]:
                raise Broken(f"{head['stray']} entries do not belong to the chain.")
            await _follow(held, start, length, end)
        except Broken as error:
            broken = str(error)
    return Verified(seller_id=seller_id, checked=0 if broken else length - start, entries=length, head=end.hex(), broken=broken)


async def _follow(held: Any, start: int, length: int, end: bytes) -> None:
    """Raises Broken at the first entry after `start` that does not fit."""
    position, previous = start, None if start else b""
    while rows := await held.fetch(
        "SELECT * FROM audit_entries WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3", position, length, AT_ONCE
    ):
        for row in rows:
            if row["position"] != position + 1:
                raise Broken(f"Entry {position + 1} is missing.")
            if previous is not None and row["previous_hash"] != previous:
                raise Broken(f"Entry {row['position']} does not follow the one before it.")
            if row["hash"] != hash_of(row):
                raise Broken(f"Entry {row['position']} was altered.")
            position, previous = row["position"], row["hash"]
    if position != length:
        raise Broken(f"Entry {position + 1} is missing.")
    if previous is not None and previous != end:
        raise Broken("The end of the chain was altered.")


def hash_of(entry: Mapping[str, Any]) -> bytes:
    """What the hash of an entry has to be, from the entry's other columns."""
    parts = (part.encode() for part in _told(entry))
    return hashlib.sha256(b",".join(str(len(part)).encode() + b":" + part for part in parts)).digest()


def _told(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        str(entry["position"]),
        (entry["previous_hash"] or b"").hex(),
        str(entry["id"]),
        str(entry["seller_id"]),
        str((entry["occurred_at"] - EPOCH) // timedelta(microseconds=1)),
        entry["actor"],
        entry["action"],
        str(entry["marketplace_account_id"] or ""),
        entry["before"],
        entry["after"],
        entry["device"],
        entry["masked_address"],
        entry["result"],
    )
