"""Stages 6 and 7: parcels are put on manifests, and the manifests are closed."""

from collections.abc import AsyncIterator, Mapping, Sequence

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import BatchOrder, Decision, DocumentFact, HeldOrder, OrderFact, OrderStatus, PassedOrder, StageOutcome
from portal.marketplaces.meesho.stages.work import CUSTOMER_LEFT, Work, because, held
from portal.marketplaces.meesho.wire import processing as wire
from portal.marketplaces.meesho.wire.rows import NAME

NEEDED = ("awb", "carrier", "label")
MANIFEST = "manifest"
ON_ANOTHER = "ALREADY_ON_MANIFEST"


async def open_manifest(work: Work) -> AsyncIterator[StageOutcome]:
    """One manifest per carrier and hundred parcels. Nothing is said to Meesho yet, so entries may still change until it closes."""
    missing = {order.external_order_id: [name for name in NEEDED if not order.marks.get(name)] for order in work.batch.orders}
    ready = [order for order in work.batch.orders if not missing[order.external_order_id]]
    passed = []
    for carrier in sorted({order.marks["carrier"] for order in ready}):
        parcels = [order for order in ready if order.marks["carrier"] == carrier]
        for place, order in enumerate(parcels):
            name = f"{carrier} {place // wire.MOST_ORDERS + 1}"
            passed.append(PassedOrder(external_order_id=order.external_order_id, marks={MANIFEST: name}))
    incomplete = tuple(
        HeldOrder(external_order_id=name, code="papers_missing", reason=f"Missing: {', '.join(lacks)}.", decisions=(Decision.RETRY,))
        for name, lacks in missing.items()
        if lacks
    )
    yield work.outcome(passed=tuple(passed), held=incomplete)


async def close_manifest(work: Work) -> AsyncIterator[StageOutcome]:
    """Close each manifest in one call: all its parcels, or none. Those that Meesho minds leave it, and the rest is sent again."""
    location = await work.location()
    for name in sorted({order.marks[MANIFEST] for order in work.batch.orders}):
        parcels = [order for order in work.batch.orders if order.marks[MANIFEST] == name]
        for chunk in work.chunks(parcels):
            async for outcome in _closed(work, chunk, location):
                yield outcome


async def _closed(work: Work, parcels: Sequence[BatchOrder], location: str) -> AsyncIterator[StageOutcome]:
    rest = list(parcels)
    while rest:
        body = wire.manifest_body(location, rest[0].marks["carrier"], [order.external_order_id for order in rest])
        answer = await work.client.manifest(body, idempotency_key=work.key("manifest", rest))
        if answer.status < 300:
            yield await _on_record(work, rest, wire.manifest(answer.body))
            return
        said = wire.refused(answer.body, "manifests")
        minded = [order for order in rest if order.external_order_id in said]
        if not minded:
            raise WireChanged(NAME, "refusal of manifests")
        yield _taken_out(work, minded, said, await work.known(minded))
        await work.ctx.note(f"Meesho refused the manifest for {len(minded)} of {len(rest)} parcels. The rest is sent again.")
        rest = [order for order in rest if order not in minded]


async def _on_record(work: Work, parcels: Sequence[BatchOrder], closed: wire.Manifest) -> StageOutcome:
    content = await work.client.download(closed.pdf_url, what="manifest")
    if content is None:
        raise WireChanged(NAME, "manifest", words="its link works no longer")
    await work.ctx.note(f"Manifest {closed.manifest_id} is closed. Parcels on it: {len(parcels)}.")
    marks = {MANIFEST: closed.manifest_id}
    return work.outcome(
        passed=tuple(PassedOrder(external_order_id=order.external_order_id, marks=marks) for order in parcels),
        documents=(DocumentFact(kind=MANIFEST, number=closed.manifest_id, content=content),),
    )


def _taken_out(work: Work, minded: Sequence[BatchOrder], said: Mapping[str, wire.Said], known: Mapping[str, OrderFact]) -> StageOutcome:
    """Parcels that cannot be on the manifest, with the reason: cancelled ones and those on another manifest leave, the others wait."""
    gone: list[tuple[str, str]] = []
    waiting: list[HeldOrder] = []
    for order in minded:
        name, verdict = order.external_order_id, said[order.external_order_id]
        fact = known.get(name)
        if fact is not None and fact.status is OrderStatus.CANCELLED:
            gone.append((name, CUSTOMER_LEFT))
        elif verdict.code == ON_ANOTHER:
            gone.append((name, f"Meesho has it on a manifest already: {because(verdict)} Print that one in the supplier panel."))
        else:
            waiting.append(held(order, "not_on_manifest", f"Meesho did not take it on the manifest: {because(verdict)}"))
    return work.outcome(gone=tuple(gone), held=tuple(waiting))
