"""Stages 1 to 3: pull what may be packed, decide quantities, find tax and size of everything."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from portal.marketplaces.errors import Unreachable
from portal.marketplaces.facts import BatchOrder, Decision, HeldOrder, OrderFact, PassedOrder, StageOutcome, UnreadableRow
from portal.marketplaces.flipkart.client import ORDERS_AT_ONCE
from portal.marketplaces.flipkart.orders import shipping_of
from portal.marketplaces.flipkart.reading import Repeats, batches
from portal.marketplaces.flipkart.stages.work import PARCELS, Standing, Work, held, stopped
from portal.marketplaces.flipkart.wire.decoding import MARKETPLACE
from portal.marketplaces.flipkart.wire.listings import BATCH
from portal.marketplaces.flipkart.wire.orders import orders_of
from portal.marketplaces.flipkart.wire.parcels import APPROVED, FLIPKARTS, OWN_COURIER, Parcel, ParcelItem, in_order, read_parcels
from portal.marketplaces.flipkart.wire.shipments import Found, read_search, read_shipments, search_body
from portal.marketplaces.flipkart.wire.sizes import Size, pile, read_size
from portal.marketplaces.flipkart.wire.taxes import Article, read_articles, read_rate
from portal.marketplaces.quantities import allot

RATE = "tax_rate"
SIDES = ("length", "breadth", "height", "weight")
RATE_FIELD = ((RATE, "GST in percent"),)
SIZE_FIELDS = (("length", "Length in cm"), ("breadth", "Breadth in cm"), ("height", "Height in cm"), ("weight", "Weight in kg"))


class _Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """What one page of approved parcels brings: the orders that join, and how many stay out and why."""

    orders: tuple[OrderFact, ...]
    passed: tuple[PassedOrder, ...]
    set_aside: tuple[UnreadableRow, ...]
    early: int
    own_courier: int


async def pull(work: Work) -> AsyncIterator[StageOutcome]:
    """Every order whose approved parcels may be packed by now. One whose parcels have to wait joins a later batch, whole."""
    repeats = Repeats()
    ready = early = own_courier = 0
    found = read_search(await work.client.search_shipments(search_body("preDispatch", (APPROVED,))))
    while True:
        if not repeats.is_new(found.content):
            raise Unreachable(MARKETPLACE, reason="the same page twice")
        page = await _pulled(work, found)
        ready, early, own_courier = ready + len(page.orders), early + page.early, own_courier + page.own_courier
        yield work.outcome(orders=page.orders, passed=page.passed, set_aside=page.set_aside)
        if not found.next_url:
            break
        found = read_search(await work.client.next_shipments(found.next_url))
    await work.ctx.note(f"Approved orders that may be packed now: {ready}.")
    if early:
        await work.ctx.note(f"On hold, or not to be packed yet: {early}. These join a later batch.")
    if own_courier:
        await work.ctx.note(f"Orders for your own courier: {own_courier}. Dispatch these in the Seller Dashboard.")


async def _pulled(work: Work, found: Found) -> _Pulled:
    order_ids = list(dict.fromkeys(item.order_id for one in found.shipments for item in one.items))
    if not order_ids:
        return _Pulled(orders=(), passed=(), set_aside=tuple(found.set_aside), early=0, own_courier=0)
    body = await work.client.shipments_of(order_ids)
    (shipments, _), (parcels, unread) = read_shipments(body), read_parcels(body)
    hidden = {row.external_id for row in unread}
    its = {order_id: in_order(parcels, order_id) for order_id in order_ids}
    why = {order_id: _stays_out(its[order_id], work.flipkarts_now) for order_id in order_ids}
    joining = [order_id for order_id in order_ids if its[order_id] and not why[order_id]]
    readable = [one for one in shipments if one.shipment_id not in hidden]
    shipping, unshown = await shipping_of(work.client, [one.shipment_id for one in readable])
    orders = {fact.external_order_id: fact for fact in orders_of(readable, shipping)}
    return _Pulled(
        orders=tuple(orders[order_id] for order_id in joining),
        passed=tuple(PassedOrder(external_order_id=order_id, marks=_joined(order_id, its[order_id])) for order_id in joining),
        set_aside=(*found.set_aside, *unread, *unshown),
        early=sum(reason == _EARLY for reason in why.values()),
        own_courier=sum(reason == _OWN for reason in why.values()),
    )


_EARLY, _OWN, _NOT_OURS = "early", "own courier", "not ours"


def _stays_out(parcels: Sequence[Parcel], now: datetime) -> str:
    """Why an order cannot join yet; empty when it can."""
    waiting = [one for one in parcels if one.state == APPROVED]
    if not waiting or any(item.profile in FLIPKARTS for one in waiting for item in one.items):
        return _NOT_OURS
    if any(one.kind == OWN_COURIER for one in waiting):
        return _OWN
    if any(one.on_hold or (one.after is not None and one.after > now) for one in waiting):
        return _EARLY
    return ""


def _joined(order_id: str, parcels: Iterable[Parcel]) -> dict[str, str]:
    return {PARCELS: " ".join(one.shipment_id for one in parcels if order_id in one.order_ids)}


async def quantities(work: Work) -> AsyncIterator[StageOutcome]:
    """Pieces of every line, by the account's own policy. Flipkart cancels whole lines only, so a short line is sent whole or not at all."""
    allotted = allot(work.batch.orders, work.batch.stock, work.batch.stock_policy, whole_lines=True)
    yield work.outcome(passed=allotted.passed, held=allotted.held)


async def check(work: Work) -> AsyncIterator[StageOutcome]:
    """The rate of GST of every item and the size of every parcel, from the parcel itself, its listings, or a person."""
    articles: dict[str, Article] = {}
    for orders in work.chunks(ORDERS_AT_ONCE):
        found = await work.standing(orders)
        set_aside = await _learn(work, articles, [item.sku for one in found for parcel in one.parcels for item in parcel.live])
        passed, problems = [], []
        for one in found:
            marks, problem = _measured(one, articles) if one.moving else ({}, None)
            if problem is not None:
                problems.append(problem)
            elif one.moving:
                passed.append(PassedOrder(external_order_id=one.order.external_order_id, marks=marks))
        ended = stopped(found)
        yield work.outcome(passed=tuple(passed), held=(*ended["held"], *problems), gone=ended["gone"], set_aside=set_aside)


async def _learn(work: Work, articles: dict[str, Article], skus: Iterable[str]) -> tuple[UnreadableRow, ...]:
    """Read the listings of these SKUs that no earlier chunk has read. One that Flipkart does not show counts as read."""
    unknown = [sku for sku in dict.fromkeys(skus) if sku and sku not in articles]
    set_aside: list[UnreadableRow] = []
    for ten in batches(unknown, BATCH):
        found, bad = read_articles(await work.client.listings(ten))
        articles |= {sku: Article() for sku in ten} | found
        set_aside += bad
    return tuple(set_aside)


def _measured(one: Standing, articles: dict[str, Article]) -> tuple[dict[str, str], HeldOrder | None]:
    """The order's rates and sizes as marks, or what a person has to fill in."""
    order, order_id = one.order, one.order.external_order_id
    unsent = {line.external_item_id for line in order.lines if line.confirmed == 0}
    marks: dict[str, str] = {}
    for parcel in (parcel for parcel in one.parcels if parcel.state == APPROVED):
        for item in parcel.live:
            rate = _rate(order, item, articles) if item.order_id == order_id else None
            if rate is not None:
                marks[rate_mark(item.item_id)] = str(rate)
            elif item.order_id == order_id and item.item_id not in unsent:
                return {}, _without_rate(order, item)
        content = [item for item in parcel.live if item.item_id not in unsent]
        for piece in parcel.pieces:
            size = _typed_size(order) or piece.size or _size_of(content, articles)
            if size is None:
                return {}, _without_size(order)
            marks[size_mark(parcel.shipment_id, piece.piece_id)] = size.text()
    return marks, None


def _without_rate(order: BatchOrder, item: ParcelItem) -> HeldOrder:
    article = item.sku or "a line without SKU"
    reason = f"Flipkart's listing of {article} does not settle its rate of GST. Enter it, or mend the listing and try again."
    return held(order, "tax_unknown", reason, (Decision.CORRECT, Decision.RETRY, Decision.DROP), corrects=RATE_FIELD)


def _without_size(order: BatchOrder) -> HeldOrder:
    reason = "Neither the parcel nor its listings say how large and heavy it is. Enter it, or mend the listings and try again."
    return held(order, "size_unknown", reason, (Decision.CORRECT, Decision.RETRY, Decision.DROP), corrects=SIZE_FIELDS)


def rate_mark(item_id: str) -> str:
    """Under which name an order keeps the rate of one of its items."""
    return f"rate {item_id}"


def size_mark(shipment_id: str, piece_id: str) -> str:
    """Under which name an order keeps the size of a piece of one of its parcels."""
    return f"size {shipment_id} {piece_id}"


def _rate(order: BatchOrder, item: ParcelItem, articles: dict[str, Article]) -> Decimal | None:
    """A person's word comes first; the listing's otherwise."""
    typed = read_rate(order.marks.get(RATE, ""))
    return articles.get(item.sku, Article()).rate(item.unit) if typed is None else typed


def _typed_size(order: BatchOrder) -> Size | None:
    return read_size([order.marks.get(side, "") for side in SIDES])


def _size_of(content: Sequence[ParcelItem], articles: dict[str, Article]) -> Size | None:
    """Everything that is sent in a parcel on top of each other; None where one article has no size."""
    sizes: list[Size] = []
    for item in content:
        size = articles.get(item.sku, Article()).size
        if size is None:
            return None
        sizes += [size] * item.quantity
    return pile(sizes)
