"""Documents on disk: what is kept under a key is whole or not there at all. Rows keep key, type, size and checksum."""

import asyncio
import hashlib
import os
import re
from pathlib import Path
from uuid import uuid4

import msgspec

from portal.errors import NotFound

SAFE_KEY = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$")


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What a row remembers about a kept document."""

    key: str
    mime: str
    size: int
    sha256: str


class Files:
    """A folder of documents. Keys are paths of letters, digits, dots and dashes; nothing else reaches the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, key: str, content: bytes, mime: str) -> Stored:
        """Write these bytes under the key, replacing what was there. On the disk for good when this returns."""
        await asyncio.to_thread(self._write, self._path(key), content)
        return Stored(key=key, mime=mime, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    async def read(self, key: str) -> bytes:
        """The bytes under the key. NotFound when there are none."""
        try:
            return await asyncio.to_thread(self._path(key).read_bytes)
        except FileNotFoundError:
            raise NotFound("document") from None

    def _path(self, key: str) -> Path:
        if not SAFE_KEY.match(key):
            raise ValueError("a key that is no plain path")
        return self._folder / key

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Renamed when complete: a process killed in between leaves a stray file and never half a document.
        fresh = path.with_name(f".{uuid4().hex}")
        with fresh.open("wb") as held:
            held.write(content)
            held.flush()
            os.fsync(held.fileno())
        fresh.rename(path)
