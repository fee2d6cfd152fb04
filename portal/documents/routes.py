"""A run's report as a page and as a PDF, and kept documents by links that are for one seller and end."""

from mimetypes import guess_type
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from portal import files
from portal.documents import links, reports, service
from portal.errors import NotPermitted
from portal.people.permissions import Permission, needs
from portal.settings import Settings
from portal.vault import Vault
from portal.web.pages import page

PDF = "application/pdf"


@get("/syncs/{run_id:uuid}/report", opt=needs(Permission.READ))
async def show(run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """What the run did, what it held and why, and the deadlines ahead."""
    report = await service.report_of(seller_id, run_id)
    return page(request, whole="documents/report.html", run_id=run_id, report=report, ahead=reports.in_time(report.ahead))


@get("/syncs/{run_id:uuid}/report.pdf", opt=needs(Permission.READ))
async def printed(run_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Response[bytes]:
    """The same on paper."""
    report = await service.report_of(seller_id, run_id)
    # Fonts and layout take a tenth of a second, for which nobody else should wait.
    content = await sync_to_thread(reports.sheet, report)
    return _download(content, f"{report.number}.pdf", PDF)


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
) -> Response[bytes]:
    """The bytes the link was made for. NotFound for a link of another seller, LinkExpired after its time, NotPermitted for a wrong role."""
    name = str(key).lstrip("/")
    path = f"/documents/{permission}/{until}/{sha256}/{name}"
    links.check(vault.derived(links.SECRET), seller_id, path, until=until, given=t)
    if not request.state.viewer.may(permission):
        raise NotPermitted("Your role does not include this document. Ask the owner of this business.")
    content = await files.at(settings).read(name, sha256=sha256)
    return _download(content, name.rpartition("/")[2], guess_type(name)[0] or "application/octet-stream")


def _download(content: bytes, name: str, mime: str) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(content, media_type=mime, headers=headers)


ROUTES = (show, printed, download)
