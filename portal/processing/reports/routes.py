"""A run's report as a page and as a PDF."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from portal.documents import links, reports
from portal.documents.reports import RunReport
from portal.people.permissions import Permission, needs
from portal.processing.prints import asking
from portal.processing.reports import reading
from portal.vault import Vault
from portal.web.pages import page


@get("/syncs/{run_id:uuid}/report", opt=needs(Permission.READ))
async def show(
    run_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], vault: NamedDependency[SkipValidation[Vault]]
) -> Response[str]:
    """What the run did, what it held and why, the deadlines ahead, and its papers for those who may see buyers."""
    report = await reading.report_of(seller_id, run_id)
    made = await asking.of_run(seller_id, run_id) if request.state.viewer.may(Permission.SEE_BUYERS) else None
    href = ""
    if made is not None and made.stored is not None:
        href = links.link(vault.derived(links.SECRET), seller_id, made.stored, permission=Permission.SEE_BUYERS, until=made.expires_at)
    return page(
        request,
        whole="documents/report.html",
        run_id=run_id,
        report=report,
        ahead=reports.in_time(report.ahead),
        papers=made,
        papers_href=href,
    )


@get("/syncs/{run_id:uuid}/report.pdf", opt=needs(Permission.READ))
async def printed(run_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Response[bytes]:
    """The same on paper."""
    report = await reading.report_of(seller_id, run_id)
    # Fonts and layout take a tenth of a second, for which nobody else should wait.
    content = await sync_to_thread(_drawn, report)
    headers = {"Content-Disposition": f'attachment; filename="{report.number}.pdf"', "Cache-Control": "private, no-store"}
    return Response(content, media_type="application/pdf", headers=headers)


def _drawn(report: RunReport) -> bytes:
    # What draws is loaded with the first report that is drawn: few are, and it weighs as much as the rest of this process.
    from portal.documents.sheets import sheet

    return sheet(report)


ROUTES = (show, printed)
