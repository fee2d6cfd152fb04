"""Documents: bytes under a key, on disk or in an S3-compatible store. What is kept is whole or not there at all.

Rows keep the key, the type, the size and the SHA-256; the store keeps only bytes. Whoever reads with the checksum of the row gets
the bytes that were kept, or an error.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from portal.errors import Misconfigured, NotFound, PortalError
from portal.files.shelves import PIECE, Bucket, Folder, Shelf, StoreRefuses, StoreUnavailable, bucket
from portal.settings import Settings

__all__ = [
    "PIECE",
    "Bucket",
    "DocumentDamaged",
    "Files",
    "Folder",
    "StoreRefuses",
    "StoreUnavailable",
    "Stored",
    "at",
    "bucket",
    "check",
    "sharded",
]

SAFE_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
LONGEST_KEY = 300
PROBE = "portal-was-here"
REFUSED_HINT = "Check that the bucket exists, and that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY may read, write and delete in it."


class DocumentDamaged(PortalError):
    """The bytes in the store are not the ones that were kept."""

    code = "document_damaged"
    status = 500

    def __init__(self, key: str) -> None:
        super().__init__("This document is damaged in our store, so we do not show it. Please tell support.", detail=f"checksum of {key}")


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What a row remembers about a kept document. `size` is in bytes, `sha256` in hexadecimal."""

    key: str
    mime: str
    size: int
    sha256: str


class Files:
    """Documents by key. Keys are paths of letters, digits, dots and dashes; anything else is a ValueError before it reaches a store."""

    def __init__(self, shelf: Shelf | Path) -> None:
        self._shelf = Folder(shelf) if isinstance(shelf, Path) else shelf

    async def keep(self, key: str, content: bytes, mime: str) -> Stored:
        """Keep these bytes under the key, instead of what was there. They are there for good when this returns.

        Raises StoreUnavailable.
        """
        await self._shelf.put(sharded(key), content, mime)
        return Stored(key=key, mime=mime, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    async def keep_file(self, key: str, file: Path, mime: str) -> Stored:
        """The same with the bytes of a file, which are never in memory all at once. Raises StoreUnavailable."""
        size, sha256 = await asyncio.to_thread(_measured, file)
        await self._shelf.put(sharded(key), file, mime)
        return Stored(key=key, mime=mime, size=size, sha256=sha256)

    async def read(self, key: str, *, sha256: str = "") -> bytes:
        """The bytes under the key. With the checksum of their row they are the ones that were kept.

        Raises NotFound, DocumentDamaged and StoreUnavailable.
        """
        try:
            content = await self._shelf.get(sharded(key))
        except FileNotFoundError:
            raise NotFound("document") from None
        if sha256 and hashlib.sha256(content).hexdigest() != sha256:
            raise DocumentDamaged(key)
        return content

    async def stream(self, key: str, *, sha256: str) -> AsyncIterator[bytes]:
        """The bytes under the key, piece by piece. The last piece comes only when all of them are the ones that were kept.

        So a damaged document ends too early and is never taken for a whole one. Raises NotFound, DocumentDamaged and StoreUnavailable.
        """
        seen = hashlib.sha256()
        held_back = b""
        try:
            async for piece in self._shelf.pieces(sharded(key)):
                seen.update(piece)
                if held_back:
                    yield held_back
                held_back = piece
        except FileNotFoundError:
            raise NotFound("document") from None
        if seen.hexdigest() != sha256:
            raise DocumentDamaged(key)
        yield held_back

    async def delete(self, key: str) -> None:
        """Forget these bytes. Nothing happens where there are none. Raises StoreUnavailable."""
        await self._shelf.remove(sharded(key))


def at(settings: Settings) -> Files:
    """The store that the operator chose: PORTAL_FILES_URL, else the folder `documents` of PORTAL_DATA_DIR. Raises Misconfigured."""
    return Files(bucket(settings.files_url) if settings.files_url else settings.data_dir / "documents")


async def check(settings: Settings) -> None:
    """Try the store before anything relies on it: a wrong address, bucket or key is told at the start. Raises Misconfigured.

    One that does not answer at all may be back in a moment, and stops nobody from starting.
    """
    if settings.files_url is None:
        return
    store = Files(bucket(settings.files_url))
    try:
        await store.keep(PROBE, b"", "text/plain")
        await store.delete(PROBE)
    except (StoreRefuses, NotFound, FileNotFoundError) as error:
        raise Misconfigured("The store that PORTAL_FILES_URL names does not take our documents.", hint=REFUSED_HINT) from error
    except StoreUnavailable:
        return


def sharded(key: str) -> str:
    """The key's place in a store: behind two letters of its hash, so that no folder grows without end."""
    if len(key) > LONGEST_KEY or not SAFE_KEY.fullmatch(key):
        raise ValueError("a key that is no plain path")
    return f"{hashlib.sha256(key.encode()).hexdigest()[:2]}/{key}"


def _measured(file: Path) -> tuple[int, str]:
    with file.open("rb") as held:
        return file.stat().st_size, hashlib.file_digest(held, "sha256").hexdigest()
