"""Stages 7 and 8: the label and the invoice of every parcel, as Flipkart issues them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import msgspec

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import BatchOrder, DocumentFact, HeldOrder, PassedOrder, StageOutcome
from portal.marketplaces.flipkart.orders import shipping_of
from portal.marketplaces.flipkart.reading import batches
from portal.marketplaces.flipkart.stages.work import AGAIN, REFUSALS, Standing, Work, held, refused, stopped
from portal.marketplaces.flipkart.wire.handover import INVOICES_AT_ONCE, Invoiced, read_invoices
from portal.marketplaces.flipkart.wire.parcels import COLLECTED, PACKED, Parcel
from portal.marketplaces.flipkart.wire.shipping import Shipping

LABEL, INVOICE = "label", "customer_invoice"
NOT_PACKED = "Its parcel is not packed any more. Look at it in the Seller Dashboard, then try again."

Fetch = Callable[[str], Awaitable[bytes]]


class _Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of an order's papers by parcel, and the marks they leave; or why there are none yet."""

    numbers: dict[str, str] = {}
    marks: dict[str, str] = {}
    problem: HeldOrder | None = None


async def labels(work: Work) -> AsyncIterator[StageOutcome]:
    """A label with its AWB for each parcel. A parcel that holds two orders has one label, kept with the first."""
    for orders in work.chunks():
        found = await _lying(work, orders)
        shipping, _ = await shipping_of(work.client, [one.shipment_id for one in _packed(found)])
        yield await _issued(work, LABEL, [(one, _addressed(one, shipping)) for one in found], work.client.label)


def _addressed(one: Standing, shipping: Mapping[str, Shipping]) -> _Numbered:
    legs = [shipping.get(parcel.shipment_id, Shipping()) for parcel in one.parcels]
    if not all(leg.awb for leg in legs):
        return _Numbered(problem=_missing(one, LABEL, "it has no AWB yet"))
    numbers = {leg.shipment_id: leg.awb for leg in legs}
    awbs, carriers = " ".join(numbers.values()), ", ".join(dict.fromkeys(leg.carrier for leg in legs))
    return _Numbered(numbers=numbers, marks={"awb": awbs, "carrier": carriers, LABEL: awbs})


async def invoices(work: Work) -> AsyncIterator[StageOutcome]:
    """The shopper's invoice for each parcel, which has to name every item in it."""
    for orders in work.chunks():
        found = await _lying(work, orders)
        made: dict[str, Invoiced] = {}
        for some in batches(_packed(found), INVOICES_AT_ONCE):
            made |= await _data(work, some)
        yield await _issued(work, INVOICE, [(one, _invoiced(one, made)) for one in found], work.client.invoice)


def _invoiced(one: Standing, made: Mapping[str, Invoiced]) -> _Numbered:
    for parcel in one.parcels:
        found = made.get(parcel.shipment_id)
        if found is None or not found.number:
            return _Numbered(problem=_missing(one, INVOICE, "it has no number yet"))
        absent = next((item for item in parcel.live if item.item_id not in found.item_ids), None)
        if absent is not None:
            reason = f"Invoice {found.number} leaves out {absent.sku or absent.item_id}. Ask Flipkart about it, then try again."
            return _Numbered(problem=held(one.order, "invoice_differs", reason, AGAIN))
    numbers = {parcel.shipment_id: made[parcel.shipment_id].number for parcel in one.parcels}
    return _Numbered(numbers=numbers, marks={INVOICE: " ".join(numbers.values())})


async def _lying(work: Work, orders: Sequence[BatchOrder]) -> list[Standing]:
    """Where the orders stand, with those of their parcels that still lie here: what a courier has taken needs no papers."""
    found = await work.standing(orders)
    return [
        msgspec.structs.replace(one, parcels=tuple(parcel for parcel in one.parcels if not parcel.has_reached(COLLECTED))) for one in found
    ]


def _packed(found: Sequence[Standing]) -> list[Parcel]:
    """The packed parcels of orders that go on, each once."""
    return list({one.shipment_id: one for order in found if order.moving for one in order.parcels if one.has_reached(PACKED)}.values())


async def _issued(work: Work, kind: str, found: Sequence[tuple[Standing, _Numbered]], fetch: Fetch) -> StageOutcome:
    """The papers of one kind for these orders, and which of the orders have to wait for theirs."""
    passed, problems = [], []
    papers: list[DocumentFact] = []
    for one, numbered in found:
        if not one.moving:
            continue
        its, problem = await _fetched(one, kind, numbered, fetch)
        if problem is not None:
            problems.append(problem)
            continue
        papers += its
        passed.append(PassedOrder(external_order_id=one.order.external_order_id, marks=numbered.marks))
    ended = stopped([one for one, _ in found])
    return work.outcome(passed=tuple(passed), held=(*ended["held"], *problems), gone=ended["gone"], documents=tuple(papers))


async def _fetched(one: Standing, kind: str, numbered: _Numbered, fetch: Fetch) -> tuple[list[DocumentFact], HeldOrder | None]:
    """The papers of an order's parcels, or why the order has to wait for them."""
    order_id = one.order.external_order_id
    if not all(parcel.has_reached(PACKED) for parcel in one.parcels):
        return [], held(one.order, "not_packed", NOT_PACKED, AGAIN)
    if numbered.problem is not None:
        return [], numbered.problem
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
        papers.append(DocumentFact(kind=kind, external_order_id=order_id, number=numbered.numbers[parcel.shipment_id], content=content))
    return papers, None


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


def _missing(one: Standing, kind: str, why: str) -> HeldOrder:
    if kind == INVOICE:
        return held(one.order, "invoice_missing", f"Flipkart gives no invoice for it: {why}.", AGAIN)
    return held(one.order, "label_missing", f"Flipkart gives no label for it: {why}.", AGAIN)
