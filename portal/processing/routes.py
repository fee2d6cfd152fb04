"""The batches pages: list, one batch, an account's rules, and a document."""

from datetime import time
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal import clock, files
from portal.errors import BadInput, NotFound
from portal.jobs import Jobs
from portal.marketplaces.errands import Brought
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.processing import closing, desks, errands, finding, held_orders, held_routes, painting, papers, remedies, rules, service
from portal.processing.closing import Rule
from portal.processing.prints import asking, counting
from portal.settings import Settings
from portal.tables.processing import ClosePolicy, StockPolicy
from portal.web.pages import go, page, part

Web = Request[Any, Any, Any]

SMALL_PARTS = 64 * 1024
"""What the other fields of a form with a file take, in bytes."""


@get("/batches", opt=needs(Permission.READ))
async def index(request: Web, seller_id: NamedDependency[UUID]) -> Response[str]:
    """Batches under way and done, and what can be started."""
    return page(
        request,
        whole="processing/index.html",
        desks=[(desk, closing.countdown(desk.rule, clock.now())) for desk in await desks.listed(seller_id)],
        batches=await finding.listed(seller_id),
        held=await held_orders.count(seller_id),
        painting=painting,
    )


@get("/batches/{batch_id:uuid}", opt=needs(Permission.READ))
async def show(batch_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Response[str]:
    return await _batch_page(request, seller_id, batch_id)


async def _batch_page(request: Web, seller_id: UUID, batch_id: UUID, mistake: BadInput | None = None) -> Response[str]:
    batch = await finding.show(seller_id, batch_id)
    now = clock.now()
    prints_it = request.state.viewer.may(Permission.SEE_BUYERS)
    return page(
        request,
        whole="processing/show.html",
        status=mistake.status if mistake else 200,
        errors=mistake.fields if mistake else {},
        message=mistake.seller_message if mistake else "",
        batch=batch,
        countdown=closing.countdown(batch.rule, now),
        late=closing.late_words(batch.rule, now),
        remedies=await remedies.of_groups(seller_id, batch.held),
        prints=await asking.newest(seller_id, batch_id) if prints_it else [],
        contents=await counting.contents(seller_id, batch_id) if prints_it else None,
        painting=painting,
    )


@get("/p/batches/{batch_id:uuid}/clock", opt=needs(Permission.READ))
async def clock_part(batch_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Response[Any]:
    """The time that is left, painted anew."""
    batch = await finding.show(seller_id, batch_id)
    now = clock.now()
    return part(
        request,
        "processing/_clock.html",
        instead=f"/batches/{batch_id}",
        batch=batch,
        countdown=closing.countdown(batch.rule, now),
        late=closing.late_words(batch.rule, now),
    )


@get("/p/batches/{batch_id:uuid}/track", opt=needs(Permission.READ))
async def track_part(batch_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Response[Any]:
    """The stages, painted anew."""
    batch = await finding.show(seller_id, batch_id)
    return part(request, "processing/_track.html", instead=f"/batches/{batch_id}", batch=batch, painting=painting)


@get("/p/batches/{batch_id:uuid}/errand", opt=needs(Permission.READ))
async def errand_part(batch_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Response[Any]:
    """What the batch waits for its people to do, painted anew."""
    batch = await finding.show(seller_id, batch_id)
    return part(request, "processing/_errand.html", instead=f"/batches/{batch_id}", batch=batch, errors={})


@get("/batches/{batch_id:uuid}/errands/{errand_id:uuid}/file", opt=needs(Permission.SYNC))
async def errand_file(
    batch_id: FromPath[UUID], errand_id: FromPath[UUID], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]
) -> Response[bytes]:
    """What is to be taken to the marketplace's panel."""
    found = await errands.file(seller_id, batch_id, errand_id)
    return _download(await files.at(settings).read(found.key, sha256=found.sha256), found.mime, found.name)


@post(
    "/batches/{batch_id:uuid}/errands/{errand_id:uuid}",
    request_max_body_size=errands.LARGEST + SMALL_PARTS,
    status_code=200,
    opt=needs(Permission.SYNC),
)
async def bring(
    batch_id: FromPath[UUID],
    errand_id: FromPath[UUID],
    request: Web,
    seller_id: NamedDependency[UUID],
    settings: NamedDependency[Settings],
    jobs: NamedDependency[Jobs],
) -> Response[str] | Redirect:
    """What somebody brings back from the marketplace's panel, with `done` their word that it is done there; with `look` nothing yet."""
    form = await request.form()
    if "look" in form:
        await errands.look(seller_id, batch_id, jobs=jobs, by=request.state.viewer.called)
        return go(f"/batches/{batch_id}", notice="We read it again. This page shows what has changed in a moment.")
    given = form.get("brought")
    brought = Brought()
    if "done" not in form and isinstance(given, UploadFile) and given.filename:
        brought = Brought(file_name=given.filename, content=await given.read())
    try:
        if "done" not in form and not brought.file_name:
            raise BadInput("There is no file.", fields={"brought": "Choose a file."})
        await errands.bring(seller_id, batch_id, errand_id, brought, files=files.at(settings), jobs=jobs, by=request.state.viewer.called)
    except BadInput as mistake:
        return await _batch_page(request, seller_id, batch_id, mistake)
    return go(f"/batches/{batch_id}", notice="Thank you. The batch goes on by itself.")


@get("/batches/{batch_id:uuid}/orders/{order:str}", opt=needs(Permission.SEE_BUYERS))
async def order_papers(batch_id: FromPath[UUID], order: FromPath[str], request: Web, seller_id: NamedDependency[UUID]) -> Response[str]:
    """The documents of one order."""
    batch = await finding.show(seller_id, batch_id)
    found = await papers.of_order(seller_id, batch_id, order)
    return page(request, whole="processing/papers.html", batch=batch, order=order, papers=found, painting=painting)


@get("/batches/{batch_id:uuid}/documents/{document_id:uuid}", opt=needs(Permission.SEE_BUYERS))
async def document(
    batch_id: FromPath[UUID], document_id: FromPath[UUID], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]
) -> Response[bytes]:
    """A document to keep or print; it names a buyer, so it is stored nowhere on the way."""
    found = await papers.file(seller_id, batch_id, document_id)
    return _download(await files.at(settings).read(found.key, sha256=found.sha256), found.mime, found.name)


def _download(content: bytes, mime: str, name: str) -> Response[bytes]:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=mime, headers=headers)


@post("/batches/{batch_id:uuid}/close", opt=needs(Permission.SYNC))
async def close(batch_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]) -> Redirect:
    """Close the manifests now, or as soon as they are ready."""
    run_id = await service.close_now(seller_id, batch_id, jobs=jobs, by=request.state.viewer.called)
    return go(f"/syncs/{run_id}")


@post("/batches/{batch_id:uuid}/orders/{order:str}/out", opt=needs(Permission.SYNC))
async def take_out(batch_id: FromPath[UUID], order: FromPath[str], request: Web, seller_id: NamedDependency[UUID]) -> Redirect:
    """Take one order out of an open manifest; it is held from now on."""
    await service.take_out(seller_id, batch_id, order, by=request.state.viewer.called)
    return go(f"/batches/{batch_id}", notice=f"Order {order} is out of its manifest. Put it back with Try again, or cancel it.")


@get("/accounts/{account_id:uuid}/processing", opt=needs(Permission.READ))
async def rules_form(account_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID]) -> Response[str]:
    """How an account's orders are processed."""
    desk = await _desk(seller_id, account_id)
    return _rules_page(request, desk, _written(desk.rule))


def _written(rule: Rule) -> dict[str, str]:
    """The rules as their form has them."""
    return {
        "stock_policy": rule.stock_policy.value,
        "close_policy": rule.close_policy.value,
        "cutoff": f"{rule.cutoff // 60:02d}:{rule.cutoff % 60:02d}",
        "close_before": str(rule.close_before),
        "holidays": "\n".join(day.isoformat() for day in rule.holidays),
        "tax_number": rule.tax_number,
    }


def _rules_page(request: Web, desk: desks.Desk, typed: dict[str, str], mistake: BadInput | None = None) -> Response[str]:
    return page(
        request,
        whole="processing/rules.html",
        status=mistake.status if mistake else 200,
        desk=desk,
        typed=typed,
        errors=mistake.fields if mistake else {},
        message=mistake.seller_message if mistake else "",
        painting=painting,
        may_change=request.state.viewer.may(Permission.SCHEDULE),
    )


@post("/accounts/{account_id:uuid}/processing", status_code=200, opt=needs(Permission.SCHEDULE))
async def save_rules(
    account_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]
) -> Response[str] | Redirect:
    desk = await _desk(seller_id, account_id)
    typed = {name: str(value) for name, value in (await request.form()).items()}
    # The form asks only for what this account's pipeline heeds; the rest stays as it is.
    kept = {name: typed.get(name, before).strip() for name, before in _written(desk.rule).items()}
    try:
        await rules.save(seller_id, account_id, _rule(kept), by=viewer.called)
    except BadInput as mistake:
        return _rules_page(request, desk, kept, mistake)
    return go("/batches", notice=f"Saved. This is how orders of {desk.account_name} are processed from now on.")


def _rule(typed: dict[str, str]) -> Rule:
    """The rules of a form. Raises BadInput for what is none."""
    try:
        moment = time.fromisoformat(typed["cutoff"])
    except ValueError:
        raise BadInput("Some of this needs another look.", fields={"cutoff": "Write the time as 17:30."}) from None
    if typed["stock_policy"] not in list(StockPolicy) or typed["close_policy"] not in list(ClosePolicy):
        raise BadInput("Choose one of the answers.")
    return Rule(
        stock_policy=StockPolicy(typed["stock_policy"]),
        close_policy=ClosePolicy(typed["close_policy"]),
        cutoff=moment.hour * 60 + moment.minute,
        close_before=int(typed["close_before"]) if typed["close_before"].isdecimal() and len(typed["close_before"]) < 5 else 0,
        holidays=rules.read_days(typed["holidays"]),
        tax_number=typed["tax_number"].upper(),
    )


async def _desk(seller_id: UUID, account_id: UUID) -> desks.Desk:
    """NotFound for an account that is not this seller's, or that cannot be processed."""
    for desk in await desks.listed(seller_id):
        if desk.account_id == account_id:
            return desk
    raise NotFound("account")


ROUTES = (
    index,
    show,
    clock_part,
    track_part,
    errand_part,
    errand_file,
    bring,
    order_papers,
    document,
    close,
    take_out,
    rules_form,
    save_rules,
    *held_routes.ROUTES,
)
