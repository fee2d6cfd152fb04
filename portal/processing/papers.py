"""The documents of a batch: those of one order, and one of them with the place where its bytes are kept."""

from typing import Any
from uuid import UUID

import msgspec

from portal import db
from portal.errors import NotFound


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    number: str
    external_order_id: str
    size: int


class PaperFile(msgspec.Struct, frozen=True, kw_only=True):
    """Where a document's bytes are kept, and what a browser is to call it."""

    key: str
    mime: str
    sha256: str
    name: str


async def file(seller_id: UUID, batch_id: UUID, document_id: UUID) -> PaperFile:
    """NotFound when it is not this seller's, or of another batch."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            "SELECT key, mime, sha256, kind, number, external_order_id FROM documents WHERE id = $1 AND batch_id = $2",
            document_id,
            batch_id,
        )
    if row is None:
        raise NotFound("document")
    words = "-".join(word for word in (row["kind"], row["external_order_id"], row["number"]) if word)
    name = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in words)
    return PaperFile(key=row["key"], mime=row["mime"], sha256=row["sha256"], name=f"{name}.pdf")


async def of_order(seller_id: UUID, batch_id: UUID, external_order_id: str) -> list[Paper]:
    """The documents of one order of the batch, in the order in which they came."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            "SELECT * FROM documents WHERE batch_id = $1 AND external_order_id = $2 ORDER BY created_at", batch_id, external_order_id
        )
    return [of_row(row) for row in rows]


def of_row(row: Any) -> Paper:
    """A row of `documents`."""
    return Paper(id=row["id"], kind=row["kind"], number=row["number"], external_order_id=row["external_order_id"], size=row["size"])
