"""Stages 7 and 8: the label and the invoice of every parcel, as Flipkart issues them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import DocumentFact, HeldOrder, PassedOrder, StageOutcome
from portal.marketplaces.flipkart.client import DETAILS_AT_ONCE
from portal.marketplaces.flipkart.orders import shipping_of
from portal.marketplaces.flipkart.reading import batches
from portal.marketplaces.flipkart.stages.work import AGAIN, REFUSALS, Standing, Work, held, refused, stopped
from portal.marketplaces.flipkart.wire.handover import Invoiced, read_invoices
from portal.marketplaces.flipkart.wire.parcels import PACKED, Parcel
from portal.marketplaces.flipkart.wire.shipping import Shipping

LABEL, INVOICE = "label", "customer_invoice"
NOT_PACKED = "Its parcel is not packed any more. Look at it in the Seller Dashboard, then try again."

Fetch = Callable[[str], Awaitable[bytes]]


async def labels(work: Work) -> AsyncIterator[StageOutcome]:
    """A label with its AWB for each parcel. A parcel that holds two orders has one label, kept with the first."""
    for orders in work.chunks():
        found = await work.standing(orders)
        parcels = _parcels(found)
        shipping, _ = await shipping_of(work.client, [one.shipment_id for one in parcels])
        passed, problems = [], []
        papers: list[DocumentFact] = []
        for one in found:
            if not one.moving:
                continue
            its = [shipping.get(parcel.shipment_id, Shipping()) for parcel in one.parcels]
            problem = _unpacked(one) or (None if all(leg.awb for leg in its) else _missing(one, LABEL, "it has no AWB yet"))
            numbers = {leg.shipment_id: leg.awb for leg in its}
            papers_of, lacking = ([], problem) if problem else await _fetched(one, LABEL, numbers, work.client.label)
            if lacking is not None:
                problems.append(lacking)
                continue
            papers += papers_of
            carriers = dict.fromkeys(leg.carrier for leg in its)
            marks = {"awb": " ".join(numbers.values()), "carrier": ", ".join(carriers), LABEL: " ".join(numbers.values())}
            passed.append(PassedOrder(external_order_id=one.order.external_order_id, marks=marks))
        ended = stopped(found)
        yield work.outcome(passed=tuple(passed), held=(*ended["held"], *problems), gone=ended["gone"], documents=tuple(papers))


async def invoices(work: Work) -> AsyncIterator[StageOutcome]:
    """The shopper's invoice for each parcel, which has to name every item in it."""
    for orders in work.chunks():
        found = await work.standing(orders)
        made: dict[str, Invoiced] = {}
        for some in batches(_parcels(found), DETAILS_AT_ONCE):
            made |= await _data(work, some)
        passed, problems = [], []
        papers: list[DocumentFact] = []
        for one in found:
            if not one.moving:
                continue
            problem = _unpacked(one) or _uninvoiced(one, made)
            numbers = {parcel.shipment_id: made[parcel.shipment_id].number for parcel in one.parcels if parcel.shipment_id in made}
            papers_of, lacking = ([], problem) if problem else await _fetched(one, INVOICE, numbers, work.client.invoice)
            if lacking is not None:
                problems.append(lacking)
                continue
            papers += papers_of
            marks = {INVOICE: " ".join(dict.fromkeys(numbers.values()))}
            passed.append(PassedOrder(external_order_id=one.order.external_order_id, marks=marks))
        ended = stopped(found)
        yield work.outcome(passed=tuple(passed), held=(*ended["held"], *problems), gone=ended["gone"], documents=tuple(papers))


def _parcels(found: Sequence[Standing]) -> list[Parcel]:
    """The packed parcels of orders that go on, each once."""
    return list({one.shipment_id: one for order in found if order.moving for one in order.parcels if one.has_reached(PACKED)}.values())


def _unpacked(one: Standing) -> HeldOrder | None:
    if all(parcel.has_reached(PACKED) for parcel in one.parcels):
        return None
    return held(one.order, "not_packed", NOT_PACKED, AGAIN)


async def _data(work: Work, parcels: Sequence[Parcel]) -> dict[str, Invoiced]:
    """What is invoiced for these parcels. One that Flipkart refuses to tell of must not hide the others, so a refused call is halved."""
    try:
        return read_invoices(await work.client.invoice_data([one.shipment_id for one in parcels]))
    except WireChanged as error:
        if error.http_status not in REFUSALS:
            raise
    if len(parcels) == 1:
        return {}
    middle = len(parcels) // 2
    return await _data(work, parcels[:middle]) | await _data(work, parcels[middle:])


def _uninvoiced(one: Standing, made: dict[str, Invoiced]) -> HeldOrder | None:
    for parcel in one.parcels:
        found = made.get(parcel.shipment_id)
        if found is None or not found.number:
            return _missing(one, INVOICE, "it has no number yet")
        absent = next((item for item in parcel.live if item.item_id not in found.item_ids), None)
        if absent is not None:
            return held(one.order, "invoice_differs", f"Invoice {found.number} leaves out {absent.sku or absent.item_id}.", AGAIN)
    return None


async def _fetched(one: Standing, kind: str, numbers: dict[str, str], fetch: Fetch) -> tuple[list[DocumentFact], HeldOrder | None]:
    """The papers of an order's parcels, or why the order has to wait for them."""
    order_id = one.order.external_order_id
    papers: list[DocumentFact] = []
    for parcel in one.parcels:
        if parcel.order_ids[0] != order_id:
            continue
        try:
            content = await fetch(parcel.shipment_id)
        except WireChanged as error:
            if error.http_status not in REFUSALS:
                raise
            return [], _missing(one, kind, refused(error).reason)
        papers.append(DocumentFact(kind=kind, external_order_id=order_id, number=numbers[parcel.shipment_id], content=content))
    return papers, None


def _missing(one: Standing, kind: str, why: str) -> HeldOrder:
    paper = "invoice" if kind == INVOICE else "label"
    return held(one.order, f"{paper}_missing", f"Flipkart gives no {paper} for it: {why}.", AGAIN)
