"""Stages 10 and 11: parcels are put on manifests, and the manifests are closed."""

from collections.abc import AsyncIterator, Sequence

from portal.marketplaces.ajio.stages.work import PartnerWork, Work
from portal.marketplaces.ajio.wire import processing as wire
from portal.marketplaces.ajio.wire.scalars import words
from portal.marketplaces.facts import BatchOrder, Decision, DocumentFact, HeldOrder, PassedOrder, StageOutcome

MOST_PARCELS = 250
PAPERS = ("awb", "label", "vendor_invoice", "customer_invoice")
MANIFEST = "manifest"


async def open_manifest(work: Work) -> AsyncIterator[StageOutcome]:
    """One manifest per carrier and 250 parcels. Nothing is said to AJIO yet, so entries may still change until the manifest closes."""
    held = [order for order in work.batch.orders if not all(order.marks.get(paper) for paper in PAPERS)]
    ready = [order for order in work.batch.orders if order not in held]
    passed = []
    for carrier in sorted({order.marks.get("carrier", "") for order in ready}):
        parcels = [order for order in ready if order.marks.get("carrier", "") == carrier]
        for place, order in enumerate(parcels):
            manifest = f"{carrier} {place // MOST_PARCELS + 1}".strip()
            passed.append(PassedOrder(external_order_id=order.external_order_id, marks={MANIFEST: manifest}))
    yield work.outcome(passed=tuple(passed), held=tuple(_incomplete(order) for order in held))


def _incomplete(order: BatchOrder) -> HeldOrder:
    absent = ", ".join(paper.replace("_", " ") for paper in PAPERS if not order.marks.get(paper))
    return HeldOrder(
        external_order_id=order.external_order_id, code="papers_missing", reason=f"Missing: {absent}.", decisions=(Decision.RETRY,)
    )


async def close_manifest(work: PartnerWork) -> AsyncIterator[StageOutcome]:
    """Hand each manifest over in one call. Parcels that AJIO has dispatched already are not sent again; their manifest is fetched."""
    named = sorted({order.marks[MANIFEST] for order in work.batch.orders})
    for manifest in named:
        parcels = [order for order in work.batch.orders if order.marks[MANIFEST] == manifest]
        known: dict[str, wire.Progress] = {}
        for chunk in work.chunks(parcels):
            known |= await work.progress(chunk)
        sent = [order for order in parcels if _dispatched(order, known)]
        if sent:
            yield await _closed(work, sent, known)
        waiting = [order for order in parcels if order not in sent]
        if waiting:
            yield await _close(work, manifest, waiting)


def _dispatched(order: BatchOrder, known: dict[str, wire.Progress]) -> bool:
    found = known.get(order.external_order_id)
    return found is not None and found.word in wire.DISPATCHED_ON


async def _close(work: PartnerWork, manifest: str, parcels: Sequence[BatchOrder]) -> StageOutcome:
    answer = wire.dispatched(await work.client.dispatch(wire.dispatch_body(parcels)))
    failed = wire.failed_parcels(answer)
    if words(answer.status) == "FAILED" and not failed:
        failed = dict.fromkeys((order.external_order_id for order in parcels), "AJIO gave no reason")
    held = tuple(
        HeldOrder(
            external_order_id=order.external_order_id,
            code="not_dispatched",
            reason=f"AJIO did not take it on the manifest: {failed[order.external_order_id]}.",
        )
        for order in parcels
        if order.external_order_id in failed
    )
    number = words(answer.manifest_number) or manifest
    taken = [order for order in parcels if order.external_order_id not in failed]
    papers = []
    if answer.manifest_url and taken:
        content = await work.client.download(str(answer.manifest_url), "manifests")
        papers.append(DocumentFact(kind=MANIFEST, number=number, content=content))
    await work.ctx.note(f"Manifest {number} is closed. Parcels on it: {len(taken)}.")
    return work.outcome(passed=_passed(taken, number), held=held, documents=tuple(papers))


async def _closed(work: PartnerWork, parcels: Sequence[BatchOrder], known: dict[str, wire.Progress]) -> StageOutcome:
    """Parcels whose manifest was closed before we heard of it."""
    papers: list[DocumentFact] = []
    passed: list[PassedOrder] = []
    addresses = {
        words(found.manifest_number): str(found.manifest_url or "") for found in (known[order.external_order_id] for order in parcels)
    }
    for number, address in addresses.items():
        if number and address:
            papers.append(DocumentFact(kind=MANIFEST, number=number, content=await work.client.download(address, "manifests")))
    for order in parcels:
        number = words(known[order.external_order_id].manifest_number) or order.marks[MANIFEST]
        passed += _passed([order], number)
    return work.outcome(passed=tuple(passed), documents=tuple(papers))


def _passed(parcels: Sequence[BatchOrder], number: str) -> tuple[PassedOrder, ...]:
    return tuple(PassedOrder(external_order_id=order.external_order_id, marks={MANIFEST: number}) for order in parcels)
