"""Where documents lie: a folder of this machine, or a bucket of an S3-compatible store."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from portal.errors import Misconfigured, PortalError
from portal.settings import is_loopback

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

PIECE = 256 * 1024
"""Bytes of a document that are in memory at a time while it is handed out."""

NO_CLIENT_HINT = "Install the extra `s3` (obstore) of this project, or remove the setting to keep documents on disk."
ADDRESS_HINT = "Write s3://bucket/folder?region=ap-south-1, with &endpoint=https://... for a store with an address of its own."


class StoreUnavailable(PortalError):
    """The store does not answer, or refuses us."""

    code = "store_unavailable"
    status = 503
    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__("Our store of documents does not answer. Nothing is lost. Try again in a minute.", detail=reason)


class StoreRefuses(StoreUnavailable):
    """The store knows us not, or lets us not: nothing that passes by itself."""


class Shelf(Protocol):
    """Where bytes lie. `get` and `pieces` raise FileNotFoundError; `remove` of what is not there is fine.

    What is put is either the bytes or the file that holds them.
    """

    async def put(self, path: str, content: bytes | Path, mime: str) -> None: ...

    async def get(self, path: str) -> bytes: ...

    def pieces(self, path: str) -> AsyncIterator[bytes]: ...

    async def remove(self, path: str) -> None: ...


class Folder:
    """A folder on this machine's disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, path: str, content: bytes | Path, mime: str) -> None:
        await asyncio.to_thread(self._write, self._folder / path, content)

    async def get(self, path: str) -> bytes:
        with _disk():
            return await asyncio.to_thread((self._folder / path).read_bytes)

    async def pieces(self, path: str) -> AsyncIterator[bytes]:
        with _disk():
            held = await asyncio.to_thread((self._folder / path).open, "rb")
            try:
                while piece := await asyncio.to_thread(held.read, PIECE):
                    yield piece
            finally:
                held.close()

    async def remove(self, path: str) -> None:
        with _disk():
            await asyncio.to_thread((self._folder / path).unlink, missing_ok=True)

    def _write(self, path: Path, content: bytes | Path) -> None:
        # Renamed when complete: a process killed in between leaves a stray file and never half a document.
        fresh = path.with_name(f".{uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with fresh.open("xb") as held:
                os.fchmod(held.fileno(), 0o600)
                if isinstance(content, Path):
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, held, PIECE)
                else:
                    held.write(content)
                held.flush()
                os.fsync(held.fileno())
            fresh.replace(path)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise _away(error) from error
        # The names have to survive a power cut as well, and so do those of folders that were just made.
        folder = path.parent
        while folder.is_relative_to(self._folder):
            _flush_names(folder)
            folder = folder.parent


@contextmanager
def _disk() -> Iterator[None]:
    """What is not there from what cannot be had."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _away(error) from error


def _away(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"{type(error).__name__} {error.errno}")


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

    async def put(self, path: str, content: bytes | Path, mime: str) -> None:
        with _told_apart():
            # A big file goes in parts, as the client sees fit; what is in memory anyway goes in one request.
            in_parts = None if isinstance(content, Path) else False
            await self._store.put_async(path, content, attributes={"Content-Type": mime}, use_multipart=in_parts)

    async def get(self, path: str) -> bytes:
        with _told_apart():
            found = await self._store.get_async(path)
            return bytes(await found.bytes_async())

    async def pieces(self, path: str) -> AsyncIterator[bytes]:
        with _told_apart():
            found = await self._store.get_async(path)
            async for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)

    async def remove(self, path: str) -> None:
        with _told_apart(), suppress(FileNotFoundError):
            await self._store.delete_async(path)


@contextmanager
def _told_apart() -> Iterator[None]:
    """What is not there from what cannot be had. The client's own text may name addresses and keys, so only its kind is kept."""
    from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except NotFoundError:
        raise FileNotFoundError from None
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise StoreRefuses(type(error).__name__) from None
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
    # Stores of other makers know a bucket by the path, not by the host's name.
    chosen: S3Config = {"virtual_hosted_style_request": not endpoint}
    if region:
        chosen["region"] = region
    if endpoint:
        chosen["endpoint"] = endpoint
    return Bucket(
        S3Store(
            parts.hostname,
            prefix=parts.path.strip("/") or None,
            config=chosen,
            client_options={"allow_http": local, "timeout": "30s"},
            retry_config={"max_retries": 2},
        )
    )
