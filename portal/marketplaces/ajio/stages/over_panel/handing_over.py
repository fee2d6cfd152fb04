"""Stage 11 over the panel: the seller closes the manifests there, and brings them back as the panel prints them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from portal.errors import BadInput
from portal.marketplaces.ajio.paperwork import sheets
from portal.marketplaces.ajio.paperwork.papers import Paper, told_apart
from portal.marketplaces.ajio.stages.handing_over import MANIFEST
from portal.marketplaces.ajio.stages.over_panel.work import PanelWork, told, told_of
from portal.marketplaces.ajio.wire import processing as wire
from portal.marketplaces.errands import Errand
from portal.marketplaces.facts import BatchOrder, DocumentFact, HeldOrder, PassedOrder, StageOutcome

WORDS = "Close these manifests in the seller panel with this sheet before the cut-off, and upload the PDF that it gives here."
DONE = "The panel gives no PDF for the parcels that are left"
NOT_NAMED = "The manifest that AJIO gave does not name it."
NOT_SHIPPED = "AJIO gave no manifest for it, and its order report does not show it as shipped."


async def close_manifest(work: PanelWork) -> AsyncIterator[StageOutcome]:
    """Ask for the manifests until each has come, or the seller says that there is none: then the report says which parcels went."""
    parcels = [(_name(order), order) for order in work.batch.orders]
    brought = work.batch.brought
    if brought is None:
        yield work.outcome(errand=await _errand(parcels))
        return
    if not brought.content:
        yield await _by_report(work, parcels)
        return
    try:
        found = await told_apart(brought.content, _owners(parcels))
    except BadInput as mistake:
        yield work.outcome(took=True, errand=await _errand(parcels, told_of(mistake)))
        return
    if found.problems:
        yield work.outcome(took=True, errand=await _errand(parcels, told(found.problems)))
        return
    yield _closed(work, parcels, found.papers)
    for manifest, paper in found.papers.items():
        await work.ctx.note(f"Manifest {manifest} is closed. Parcels on it: {sum(_stands(paper, parcel) for _, parcel in parcels)}.")
    rest = [(manifest, order) for manifest, order in parcels if manifest not in found.papers]
    if rest:
        missing = [f"The PDF had no page of manifest {manifest}." for manifest in sorted({manifest for manifest, _ in rest})]
        yield work.outcome(errand=await _errand(rest, told(missing)))


def _name(order: BatchOrder) -> str:
    """The manifest a parcel stands on. One that was left behind goes on another than those that are closed."""
    return f"{order.marks[MANIFEST]} again" if order.decision else order.marks[MANIFEST]


def _numbers(order: BatchOrder) -> tuple[str, ...]:
    return (order.external_order_id, *filter(None, (order.marks.get("awb", ""), order.marks.get("customer_invoice", ""))))


def _owners(parcels: Sequence[tuple[str, BatchOrder]]) -> dict[str, str]:
    """Every number that a manifest may show of its parcels, and whose it is."""
    return {number: manifest for manifest, order in parcels for number in _numbers(order)}


def _stands(paper: Paper, order: BatchOrder) -> bool:
    return any(number in paper.numbers for number in _numbers(order))


def _closed(work: PanelWork, parcels: Sequence[tuple[str, BatchOrder]], papers: Mapping[str, Paper]) -> StageOutcome:
    """The parcels whose manifest has come, in one step with it."""
    passed, held = [], []
    for manifest, order in parcels:
        if manifest in papers and _stands(papers[manifest], order):
            passed.append(PassedOrder(external_order_id=order.external_order_id, marks={MANIFEST: manifest}))
        elif manifest in papers:
            held.append(_behind(order, NOT_NAMED))
    documents = tuple(DocumentFact(kind=MANIFEST, number=manifest, content=paper.content) for manifest, paper in papers.items())
    return work.outcome(took=True, passed=tuple(passed), held=tuple(held), documents=documents)


async def _by_report(work: PanelWork, parcels: Sequence[tuple[str, BatchOrder]]) -> StageOutcome:
    known = await work.progress(work.batch.orders)
    gone = {order_id for order_id, found in known.items() if found.word in wire.DISPATCHED_ON}
    return work.outcome(
        took=True,
        passed=tuple(
            PassedOrder(external_order_id=order.external_order_id, marks={MANIFEST: manifest})
            for manifest, order in parcels
            if order.external_order_id in gone
        ),
        held=tuple(_behind(order, NOT_SHIPPED) for _, order in parcels if order.external_order_id not in gone),
    )


def _behind(order: BatchOrder, reason: str) -> HeldOrder:
    return HeldOrder(external_order_id=order.external_order_id, code="not_dispatched", reason=reason)


async def _errand(parcels: Sequence[tuple[str, BatchOrder]], problems: tuple[str, ...] = ()) -> Errand:
    sheet = await asyncio.to_thread(sheets.manifests, parcels)
    return Errand(
        words=WORDS,
        file_name=sheet.name,
        file=sheet.content,
        returns="The closed manifests, as PDF",
        endings=(".pdf",),
        done=DONE,
        problems=problems,
    )
