"""Kept documents by links that are for one seller and end."""

from collections.abc import AsyncIterator
from mimetypes import guess_type
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from portal import files
from portal.documents import links
from portal.errors import NotPermitted
from portal.people.permissions import Permission, needs
from portal.settings import Settings
from portal.vault import Vault


@get("/documents/{permission:str}/{until:int}/{sha256:str}/{key:path}", opt=needs(Permission.READ))
async def download(
    permission: FromPath[str],
    until: FromPath[int],
    sha256: FromPath[str],
    key: FromPath[str],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
    t: FromQuery[str] = "",
) -> Stream:
    """The bytes the link was made for. NotFound for a link of another seller, LinkExpired after its time, NotPermitted for a wrong role.

    They are handed on as they come from the store, so that a file for a thousand parcels is never whole in this process.
    """
    name = str(key).lstrip("/")
    path = f"/documents/{permission}/{until}/{sha256}/{name}"
    links.check(vault.derived(links.SECRET), seller_id, path, until=until, given=t)
    if not request.state.viewer.may(permission):
        raise NotPermitted("Your role does not include this document. Ask the owner of this business.")
    pieces = files.at(settings).stream(name, sha256=sha256)
    # Waited for here, so that a document that is not there is an answer of its own and no download that breaks off.
    first = await anext(pieces)
    headers = {
        "Content-Disposition": f'attachment; filename="{name.rpartition("/")[2]}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Stream(_rejoined(first, pieces), media_type=guess_type(name)[0] or "application/octet-stream", headers=headers)


async def _rejoined(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in others:
        yield piece


ROUTES = (download,)
