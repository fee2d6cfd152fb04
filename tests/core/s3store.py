"""A small store that speaks as much of S3 as documents need, on loopback: objects by path, and every request's signature checked.

The signature is worked out here from Amazon's description of Signature Version 4, so that a client with wrong keys is refused.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

KEY_ID, SECRET, REGION = "AKIDEXAMPLE", "a secret for these tests only", "ap-south-1"


@dataclass(slots=True)
class Store:
    """What it holds: content and type by path. `broken` makes it answer 500."""

    port: int = 0
    held: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    broken: bool = False

    @property
    def url(self) -> str:
        return f"s3://papers/portal?region={REGION}&endpoint=http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving() -> AsyncIterator[Store]:
    """A store that listens until the block ends."""
    store = Store()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _one(store, (await reader.readuntil(b"\r\n\r\n")).decode(), reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    store.port = server.sockets[0].getsockname()[1]
    async with server:
        yield store


async def _one(store: Store, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    first, *rest = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    path = target.partition("?")[0]
    status, answer, kind = 200, b"", "application/xml"
    if headers.get("authorization", "").rpartition("Signature=")[2] != _signature(method, target, headers):
        status, answer = 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
    elif store.broken:
        status, answer = 500, b"<Error><Code>InternalError</Code></Error>"
    elif method == "PUT":
        store.held[path] = (body, headers.get("content-type", ""))
    elif method == "POST" and target.endswith("?delete"):
        keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
        for key in keys:
            store.held.pop(f"{path.rstrip('/')}/{key}", None)
        answer = f"<DeleteResult>{''.join(f'<Deleted><Key>{key}</Key></Deleted>' for key in keys)}</DeleteResult>".encode()
    elif path in store.held:
        answer, kind = store.held[path]
    else:
        status, answer = 404, b"<Error><Code>NoSuchKey</Code></Error>"
    etag = hashlib.md5(answer or body, usedforsecurity=False).hexdigest()
    said = (
        f"HTTP/1.1 {status} -\r\nContent-Length: {len(answer)}\r\nContent-Type: {kind}\r\nConnection: close\r\n"
        f'ETag: "{etag}"\r\nLast-Modified: Sun, 22 Nov 2026 03:00:00 GMT\r\n\r\n'
    )
    writer.write(said.encode() + answer)
    await writer.drain()


def _signature(method: str, target: str, headers: dict[str, str]) -> str:
    authorization = headers.get("authorization", "")
    signed = authorization.partition("SignedHeaders=")[2].partition(",")[0]
    scope = authorization.partition("Credential=")[2].partition(",")[0].partition("/")[2]
    path, _, query = target.partition("?")
    canonical = "\n".join(
        (
            method,
            path,
            "&".join(part if "=" in part else f"{part}=" for part in sorted(query.split("&"))) if query else "",
            "".join(f"{name}:{headers.get(name, '')}\n" for name in signed.split(";")),
            signed,
            headers.get("x-amz-content-sha256", ""),
        )
    )
    text = "\n".join(("AWS4-HMAC-SHA256", headers.get("x-amz-date", ""), scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
