"""Stages 7 to 9 over the panel: the seller packs there, and brings labels and invoices as the panel prints them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from portal.errors import BadInput
from portal.marketplaces.ajio.paperwork import sheets
from portal.marketplaces.ajio.paperwork.papers import Paper, told_apart
from portal.marketplaces.ajio.stages.over_panel.work import PanelWork, told, told_of
from portal.marketplaces.ajio.stages.papers import CUSTOMER, LABEL, VENDOR
from portal.marketplaces.ajio.stages.work import CUSTOMER_LEFT
from portal.marketplaces.ajio.wire import processing as wire
from portal.marketplaces.ajio.wire.reports import Standing
from portal.marketplaces.errands import Errand
from portal.marketplaces.facts import BatchOrder, Decision, DocumentFact, HeldOrder, PassedOrder, StageOutcome

UNPACKED = frozenset({"NEW", "ACKNOWLEDGED", "CONFIRMED", "POCREATED"})
PACKED_FIRST = "Pack these orders in the seller panel with this sheet, download their labels there as PDF, and upload the PDF here."
GIVEN_UP = "You said that the seller panel gives none for it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of paper: what the seller is asked for, and what its number and `marks` are in the report.

    `problem` says why a paper cannot be right, empty where it can.
    """

    kind: str
    words: str
    returns: str
    called: str
    number: Callable[[Standing], str]
    marks: Callable[[Standing], Mapping[str, str]]
    problem: Callable[[PanelWork, BatchOrder, Standing, Paper], str]


def _label_problem(_: PanelWork, __: BatchOrder, standing: Standing, ___: Paper) -> str:
    return "" if standing.awb and standing.carrier else "AJIO's order report names no AWB and carrier for it."


def _invoice_problem(work: PanelWork, order: BatchOrder, standing: Standing, paper: Paper) -> str:
    if standing.pieces != wire.pieces(order):
        return "AJIO's order report has other pieces than were confirmed, so its invoices are wrong."
    expected = work.batch.tax_number
    if expected and paper.gstins and expected not in paper.gstins:
        return "Its invoice carries another GSTIN than yours."
    return ""


LABELS = Kind(
    kind=LABEL,
    words="Download the labels of these orders in the seller panel as PDF, and upload the PDF here.",
    returns="The labels, as PDF",
    called="labels",
    number=lambda standing: standing.awb,
    marks=lambda standing: {"awb": standing.awb, "carrier": standing.carrier},
    problem=_label_problem,
)
VENDOR_INVOICES = Kind(
    kind=VENDOR,
    words="Download the vendor invoices of these orders in the seller panel as PDF, and upload the PDF here.",
    returns="The vendor invoices, as PDF",
    called="vendor invoices",
    number=lambda standing: standing.vendor_invoice,
    marks=lambda _: {},
    problem=_invoice_problem,
)
CUSTOMER_INVOICES = Kind(
    kind=CUSTOMER,
    words="Download the customer invoices of these orders in the seller panel as PDF, and upload the PDF here.",
    returns="The customer invoices, as PDF",
    called="customer invoices",
    number=lambda standing: standing.customer_invoice,
    marks=lambda _: {},
    problem=_invoice_problem,
)


def labels(work: PanelWork) -> AsyncIterator[StageOutcome]:
    return _papers(work, LABELS)


def vendor_invoices(work: PanelWork) -> AsyncIterator[StageOutcome]:
    return _papers(work, VENDOR_INVOICES)


def customer_invoices(work: PanelWork) -> AsyncIterator[StageOutcome]:
    return _papers(work, CUSTOMER_INVOICES)


async def _papers(work: PanelWork, kind: Kind) -> AsyncIterator[StageOutcome]:
    """Ask for the papers until each order has its own, or the seller says that the panel gives none for the rest."""
    known = {order.external_order_id: await work.standing(order) for order in work.batch.orders}
    left = [order for order in work.batch.orders if _word(known, order) == "CANCELLED"]
    waiting = [order for order in work.batch.orders if order not in left]
    if left:
        yield work.outcome(gone=tuple((order.external_order_id, CUSTOMER_LEFT) for order in left))
    if not waiting:
        return
    brought = work.batch.brought
    if brought is None:
        yield work.outcome(errand=await _errand(kind, waiting, known))
        return
    if not brought.content:
        yield work.outcome(took=True, held=tuple(_held(kind, order, GIVEN_UP) for order in waiting))
        return
    try:
        found = await told_apart(brought.content, _owners(waiting, known))
    except BadInput as mistake:
        yield work.outcome(took=True, errand=await _errand(kind, waiting, known, told_of(mistake)))
        return
    if found.problems:
        yield work.outcome(took=True, errand=await _errand(kind, waiting, known, told(found.problems)))
        return
    yield _taken(work, kind, waiting, known, found.papers)
    rest = [order for order in waiting if order.external_order_id not in found.papers]
    if rest:
        missing = [f"The PDF had no page for order {order.external_order_id}." for order in rest]
        yield work.outcome(errand=await _errand(kind, rest, known, told(missing)))


def _word(known: Mapping[str, Standing | None], order: BatchOrder) -> str:
    standing = known[order.external_order_id]
    return standing.word if standing is not None else ""


def _owners(orders: Sequence[BatchOrder], known: Mapping[str, Standing | None]) -> dict[str, str]:
    """Every number that a paper of these orders may show, and whose it is."""
    owners = {order.external_order_id: order.external_order_id for order in orders}
    for order in orders:
        standing = known[order.external_order_id]
        if standing is not None:
            shown = (standing.awb, standing.vendor_invoice, standing.customer_invoice, standing.po_number)
            owners |= dict.fromkeys((number for number in shown if number), order.external_order_id)
    return owners


def _taken(
    work: PanelWork, kind: Kind, waiting: Sequence[BatchOrder], known: Mapping[str, Standing | None], papers: Mapping[str, Paper]
) -> StageOutcome:
    """The orders that have their paper now, in one step with it."""
    passed, held, documents = [], [], []
    for order in waiting:
        order_id, standing = order.external_order_id, known[order.external_order_id]
        if order_id not in papers:
            continue
        number = kind.number(standing) if standing else ""
        problem = kind.problem(work, order, standing, papers[order_id]) if standing else "AJIO's order report does not show it any more."
        if standing is None or problem or not number:
            held.append(_held(kind, order, problem or "AJIO's order report does not tell the number of this paper yet."))
            continue
        documents.append(DocumentFact(kind=kind.kind, external_order_id=order_id, number=number, content=papers[order_id].content))
        passed.append(PassedOrder(external_order_id=order_id, marks={kind.kind: number, **kind.marks(standing)}))
    return work.outcome(took=True, passed=tuple(passed), held=tuple(held), documents=tuple(documents))


async def _errand(kind: Kind, orders: Sequence[BatchOrder], known: Mapping[str, Standing | None], problems: tuple[str, ...] = ()) -> Errand:
    """What is to be brought, and for labels the sheet to pack with as long as some order is not packed."""
    unpacked = [order for order in orders if kind is LABELS and _word(known, order) in UNPACKED]
    sheet = await asyncio.to_thread(sheets.packing, unpacked) if unpacked else None
    return Errand(
        words=PACKED_FIRST if sheet else kind.words,
        file_name=sheet.name if sheet else "",
        file=sheet.content if sheet else b"",
        returns=kind.returns,
        endings=(".pdf",),
        done=f"The panel gives no {kind.called} for the orders that are left",
        problems=problems,
    )


def _held(kind: Kind, order: BatchOrder, reason: str) -> HeldOrder:
    decisions = (Decision.RETRY, Decision.DROP)
    return HeldOrder(external_order_id=order.external_order_id, code=f"{kind.kind}_missing", reason=reason, decisions=decisions)
