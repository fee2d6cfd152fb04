"""The payouts pages: list, one settlement with its lines, and files handed in."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal import paging
from portal.errors import BadInput, NotFound
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import LineKind
from portal.marketplaces.registry import marketplace
from portal.payouts import finding, uploads
from portal.payouts.finding import Filters, LineFilters
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.runs import freshness
from portal.runs.refs import account_ref
from portal.settings import Settings
from portal.web.narrowing import Query
from portal.web.pages import go, is_htmx, page

STATUSES = {"PENDING": "Pending", "RECONCILED": "Reconciled", "DISPUTED": "Disputed"}
SUMS = {"differs": "Does not add up"}
KINDS: dict[str, str] = {
    LineKind.SALE: "Sales",
    LineKind.REFUND: "Refunds",
    LineKind.FEE: "Fees",
    LineKind.FEE_TAX: "Tax on fees",
    LineKind.TCS: "TCS (tax collected at source)",
    LineKind.TDS: "TDS (tax deducted at source)",
    LineKind.SHIPPING: "Shipping",
    LineKind.PROMOTION: "Promotions",
    LineKind.RESERVE: "Reserve",
    LineKind.REIMBURSEMENT: "Reimbursements",
    LineKind.ADJUSTMENT: "Adjustments",
    LineKind.UNMAPPED: "Not recognised by us",
}
MATCHES = {"unmatched": "Order not known here", "no_order": "Of no order", "matched": "Order known"}
SMALL_PARTS = 64 * 1024  # the form around the file


@get("/", opt=needs(Permission.SEE_MONEY))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]) -> Response[str]:
    """The list; only the results when htmx asks."""
    return await _index(request, seller_id)


async def _index(request: Request[Any, Any, Any], seller_id: UUID, *, mistake: BadInput | None = None, chosen: str = "") -> Response[str]:
    accounts = await freshness.of_accounts(seller_id, ScheduleTarget.PAYOUTS)
    names = {str(account.account_id): account.account_name for account in accounts}
    query = Query("/payouts", request.query_params)
    filters = Filters(
        search=query.text("search"),
        status=query.choice("status", STATUSES),
        differing=bool(query.choice("sum", SUMS)),
        account_id=UUID(account) if (account := query.choice("account", names)) else None,
    )
    found = await finding.search(seller_id, filters, query.cursor())
    labels = {"search": ("Search", {}), "status": ("Status", STATUSES), "sum": ("Sum", SUMS), "account": ("Account", names)}
    readable = [account for account in accounts if marketplace(account.marketplace_code).read_payout_file is not None]
    return page(
        request,
        whole="payouts/index.html",
        part="payouts/_results.html",
        status=422 if mistake else 200,
        query=query,
        found=found,
        restarted=bool(query.cursor()) and paging.decode(finding.NEWEST_FIRST, query.cursor()) is None,
        chips=query.chips(labels),
        accounts=accounts,
        account_names=names,
        statuses=STATUSES,
        sums=SUMS,
        readable=readable,
        hints={account.marketplace_name: marketplace(account.marketplace_code).payout_file_hint for account in readable},
        # A file that is wrong as a whole says so at its own field, once.
        errors=(mistake.fields or {"file": mistake.seller_message}) if mistake else {},
        message=mistake.seller_message if mistake and mistake.fields else "",
        chosen=chosen,
        is_part=is_htmx(request),
    )


@get("/{payout_id:int}", opt=needs(Permission.SEE_MONEY))
async def show(
    request: Request[Any, Any, Any],
    payout_id: FromPath[int],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
) -> Response[str]:
    """One settlement and a page of its lines; only the lines when htmx asks."""
    payout = await finding.show(seller_id, payout_id)
    query = Query(f"/payouts/{payout_id}", request.query_params)
    filters = LineFilters(kind=query.choice("kind", KINDS), match=query.choice("match", MATCHES))
    found = await finding.lines(seller_id, payout_id, filters, query.cursor())
    return page(
        request,
        whole="payouts/show.html",
        part="payouts/_lines.html",
        payout=payout,
        query=query,
        found=found,
        chips=query.chips({"kind": ("Kind", KINDS), "match": ("Order", MATCHES)}),
        kinds=KINDS,
        matches=MATCHES,
        is_part=is_htmx(request),
        accounts=await freshness.of_row(seller_id, payout.account_id, ScheduleTarget.PAYOUTS),
    )


@post("/uploads", request_max_body_size=uploads.LARGEST + SMALL_PARTS, opt=needs(Permission.SEE_MONEY))
async def upload(
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
) -> Response[Any]:
    """Take a file, read it, and go to its preview. Nothing is kept yet."""
    form = await request.form()
    chosen, file = str(form.get("account", "")), form.get("file")
    try:
        account = await account_ref(seller_id, _account_id(chosen))
        if not isinstance(file, UploadFile) or not file.filename:
            raise BadInput("There is no file.", fields={"file": "Choose a file."})
        upload_id = await uploads.receive(
            account,
            file.filename,
            file.file,  # type: ignore[arg-type]  # a spooled file is one, without saying so
            _reader(account.code),
            data_dir=settings.data_dir,
            by=viewer.email,
        )
    except BadInput as mistake:
        return await _index(request, seller_id, mistake=mistake, chosen=chosen)
    return go(f"/payouts/uploads/{upload_id}")


@get("/uploads/{upload_id:uuid}", opt=needs(Permission.SEE_MONEY))
async def show_upload(
    request: Request[Any, Any, Any],
    upload_id: FromPath[UUID],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
) -> Response[str]:
    """What a file holds, before anything of it is kept."""
    found = await uploads.preview(seller_id, upload_id)
    return page(
        request, whole="payouts/upload.html", upload=found, marketplace_name=marketplace(found.account.code).name, kinds=KINDS, secure=True
    )


@post("/uploads/{upload_id:uuid}/keep", opt=needs(Permission.SEE_MONEY))
async def keep_upload(
    upload_id: FromPath[UUID],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
) -> Redirect:
    """Keep the file's settlements."""
    found = await uploads.preview(seller_id, upload_id)
    kept = await uploads.keep(seller_id, upload_id, _reader(found.account.code), data_dir=settings.data_dir, by=viewer.email)
    told = "Kept." if kept.new or kept.changed else "Everything in this file was here already. Nothing has changed."
    return go(f"/payouts?account={found.account.id}", notice=told)


@post("/uploads/{upload_id:uuid}/discard", opt=needs(Permission.SEE_MONEY))
async def discard_upload(
    upload_id: FromPath[UUID],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
) -> Redirect:
    """Forget the file."""
    await uploads.discard(seller_id, upload_id, data_dir=settings.data_dir)
    return go("/payouts", notice="The file was discarded. Nothing of it was kept.")


def _account_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput("We do not know whose file this is.", fields={"upload-account": "Choose an account."}) from None


def _reader(code: str) -> uploads.Reader:
    reader = marketplace(code).read_payout_file
    if reader is None:
        raise NotFound("kind of upload")
    return reader


ROUTES = Router("/payouts", route_handlers=[index, show, upload, show_upload, keep_upload, discard_upload])
