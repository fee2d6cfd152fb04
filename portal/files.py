"""Documents: bytes under a key, on disk or in an S3-compatible store. What is kept is whole or not there at all.

Rows keep the key, the type, the size and the SHA-256; the store keeps only bytes. Whoever reads with the checksum of the row gets
the bytes that were kept, or an error.
"""

import asyncio
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import msgspec

from portal.errors import Misconfigured, NotFound, PortalError
from portal.settings import Settings, is_loopback

if TYPE_CHECKING:
    from obstore.store import S3Store

SAFE_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
LONGEST_KEY = 300

NO_CLIENT_HINT = "Install the extra `s3` (obstore) of this project, or remove the setting to keep documents on disk."
ADDRESS_HINT = "Write s3://bucket/folder?region=ap-south-1, with &endpoint=https://... where the store is not on AWS."


class DocumentDamaged(PortalError):
    """The bytes in the store are not the ones that were kept."""

    code = "document_damaged"
    status = 500

    def __init__(self, key: str) -> None:
        super().__init__("This document is damaged in our store, so we do not show it. Please tell support.", detail=f"checksum of {key}")


class StoreUnavailable(PortalError):
    """The store does not answer, or refuses us."""

    code = "store_unavailable"
    status = 503
    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__("Our store of documents does not answer. Nothing is lost. Try again in a minute.", detail=reason)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What a row remembers about a kept document. `size` is in bytes, `sha256` in hexadecimal."""

    key: str
    mime: str
    size: int
    sha256: str


class Shelf(Protocol):
    """Where bytes lie. `get` raises FileNotFoundError; `remove` of what is not there is fine."""

    async def put(self, path: str, content: bytes, mime: str) -> None: ...

    async def get(self, path: str) -> bytes: ...

    async def remove(self, path: str) -> None: ...


class Files:
    """Documents by key. Keys are paths of letters, digits, dots and dashes; anything else is a ValueError before it reaches a store."""

    def __init__(self, shelf: "Shelf | Path") -> None:
        self._shelf = Folder(shelf) if isinstance(shelf, Path) else shelf

    async def keep(self, key: str, content: bytes, mime: str) -> Stored:
        """Keep these bytes under the key, instead of what was there. They are there for good when this returns.

        Raises StoreUnavailable.
        """
        await self._shelf.put(sharded(key), content, mime)
        return Stored(key=key, mime=mime, size=len(content), sha256=hashlib.sha256(content).hexdigest())

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

    async def delete(self, key: str) -> None:
        """Forget these bytes. Nothing happens where there are none. Raises StoreUnavailable."""
        await self._shelf.remove(sharded(key))


def at(settings: Settings) -> Files:
    """The store that the operator chose: PORTAL_FILES_URL, else the folder `documents` of PORTAL_DATA_DIR. Raises Misconfigured."""
    return Files(bucket(settings.files_url) if settings.files_url else settings.data_dir / "documents")


def sharded(key: str) -> str:
    """The key's place in a store: behind two letters of its hash, so that no folder grows without end."""
    if len(key) > LONGEST_KEY or not SAFE_KEY.fullmatch(key):
        raise ValueError("a key that is no plain path")
    return f"{hashlib.sha256(key.encode()).hexdigest()[:2]}/{key}"


class Folder:
    """A folder on this machine's disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, path: str, content: bytes, mime: str) -> None:
        await asyncio.to_thread(self._write, self._folder / path, content)

    async def get(self, path: str) -> bytes:
        return await asyncio.to_thread((self._folder / path).read_bytes)

    async def remove(self, path: str) -> None:
        await asyncio.to_thread((self._folder / path).unlink, missing_ok=True)

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Renamed when complete: a process killed in between leaves a stray file and never half a document.
        fresh = path.with_name(f".{uuid4().hex}")
        try:
            with fresh.open("xb") as held:
                os.fchmod(held.fileno(), 0o600)
                held.write(content)
                held.flush()
                os.fsync(held.fileno())
            fresh.replace(path)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise StoreUnavailable(f"{type(error).__name__} {error.errno}") from error
        # The names have to survive a power cut as well, and so do those of folders that were just made.
        folder = path.parent
        while folder.is_relative_to(self._folder):
            _flush_names(folder)
            folder = folder.parent


def _flush_names(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


class Bucket:
    """A bucket, or a folder of one, in an S3-compatible store."""

    def __init__(self, store: "S3Store") -> None:
        self._store = store

    async def put(self, path: str, content: bytes, mime: str) -> None:
        with _told_apart():
            await self._store.put_async(path, content, attributes={"Content-Type": mime}, use_multipart=False)

    async def get(self, path: str) -> bytes:
        with _told_apart():
            found = await self._store.get_async(path)
            return bytes(await found.bytes_async())

    async def remove(self, path: str) -> None:
        with _told_apart(), suppress(FileNotFoundError):
            await self._store.delete_async(path)


@contextmanager
def _told_apart() -> Iterator[None]:
    """What is not there from what cannot be had. The client's own text may name addresses and keys, so only its kind is kept."""
    from obstore.exceptions import BaseError, NotFoundError

    try:
        yield
    except NotFoundError:
        raise FileNotFoundError from None
    except BaseError as error:
        raise StoreUnavailable(type(error).__name__) from None


def bucket(url: str) -> Bucket:
    """The bucket that `s3://bucket/folder?region=...&endpoint=...` names. Keys come from the environment (AWS_ACCESS_KEY_ID and so on).

    Raises Misconfigured where the address is wrong or the client is not installed.
    """
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    endpoint = asked.pop("endpoint", "")
    region = asked.pop("region", "")
    if parts.scheme != "s3" or not parts.hostname or parts.username or asked:
        raise Misconfigured("PORTAL_FILES_URL is not an address we can use.", hint=ADDRESS_HINT)
    where = urlsplit(endpoint)
    local = where.scheme == "http" and is_loopback(where.hostname or "")
    if endpoint and where.scheme != "https" and not local:
        raise Misconfigured("PORTAL_FILES_URL leads to a store without encryption.", hint="Its endpoint must start with https://.")
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise Misconfigured("PORTAL_FILES_URL names a store for which no client is installed.", hint=NO_CLIENT_HINT) from error
    chosen = {"region": region} if region else {}
    if endpoint:
        # Stores of other makers know a bucket by the path, not by the host's name.
        chosen |= {"endpoint": endpoint}
    return Bucket(
        S3Store(
            parts.hostname,
            prefix=parts.path.strip("/") or None,
            config={**chosen, "virtual_hosted_style_request": "false" if endpoint else "true"},  # type: ignore[typeddict-item]
            client_options={"allow_http": local, "timeout": "30s"},
            retry_config={"max_retries": 2},
        )
    )
