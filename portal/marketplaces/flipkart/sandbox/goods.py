"""What lies on the sandbox's shelves: orders, parcels, returns and listings, seeded from the shop."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from portal.marketplaces.sandbox import Article, Person, Shop, articles, person

HOUR = timedelta(hours=1)
CANCELLERS = ("sellerCancellation", "buyerCancellation", "marketplaceCancellation")
COURIERS = ("Ekart Logistics", "Delhivery", "Xpressbees")
WAY = ("APPROVED", "PACKING_IN_PROGRESS", "PACKED", "READY_TO_DISPATCH", "PICKUP_COMPLETE", "SHIPPED", "DELIVERED")
PACKED_OR_LATER = frozenset(WAY[2:])


@dataclass(slots=True)
class Line:
    """One order item. Those of one `group` can only be cancelled together; without one it stands for itself.

    `order_id` is empty where the item belongs to the order of its parcel.
    """

    item_id: str
    article: Article
    fsn: str
    quantity: int
    group: str = ""
    cancelled: bool = False
    order_id: str = ""

    @property
    def total(self) -> Decimal:
        return self.article.price * self.quantity


@dataclass(slots=True)
class Order:
    order_id: str
    placed_at: datetime
    buyer: Person
    cod: bool
    parcels: "list[Parcel]" = field(default_factory=list)


@dataclass(slots=True)
class Parcel:
    """One shipment. `cancelled_by` is empty while it stands; `came_back` marks a courier return.

    `packed_at` is the time of our own clock at which packing was asked for; `invoice` is the number that Flipkart gave.
    """

    shipment_id: str
    order: Order
    lines: list[Line]
    state: str
    updated_at: datetime
    dispatch_by: datetime
    hold: bool = False
    self_ship: bool = False
    cancelled_by: str = ""
    came_back: bool = False
    awb: str = ""
    courier: str = ""
    after: datetime | None = None
    """When it may be packed, where that is another moment than an hour after the order."""
    packed_at: float = 0.0
    invoice: str = ""

    @property
    def packable_from(self) -> datetime:
        return self.after or self.order.placed_at + HOUR

    @property
    def live(self) -> list[Line]:
        """Its lines without those that the seller cancelled."""
        return [line for line in self.lines if not line.cancelled]

    @property
    def order_ids(self) -> set[str]:
        """The orders that still have something in it."""
        return {line.order_id or self.order.order_id for line in self.live}

    @property
    def kind(self) -> str:
        """The search this parcel is found by."""
        if self.cancelled_by:
            return "cancelled"
        return "postDispatch" if self.state in WAY[4:] else "preDispatch"


@dataclass(slots=True)
class Return:
    return_id: str
    source: str
    parcel: Parcel
    status: str
    created_at: datetime
    updated_at: datetime
    tracking_id: str = ""
    shipment_status: str = ""


@dataclass(slots=True)
class Offer:
    """One listing with its stock by location. `size` is length, breadth and height in centimetres and weight in kilograms, None where nobody measured it."""

    article: Article
    fsn: str
    listing_id: str
    status: str
    fulfilment: str
    stock: dict[str, int]
    size: tuple[float, float, float, float] | None = (30.0, 24.0, 3.0, 0.4)
    tax_code: str = ""


def locations_of(shop: Shop) -> tuple[str, ...]:
    """The ids of the places it ships from."""
    dice = [shop.dice("location" if number == 0 else f"location/{number}") for number in range(shop.locations)]
    return tuple(f"LOC{one.getrandbits(128):032x}" for one in dice)


def fsn_of(article: Article, number: int) -> str:
    """A product number of 16 capitals and digits, as Flipkart's are."""
    letters = "".join(letter for letter in article.sku.upper() if letter.isalpha())
    return f"{letters:X<7.7}{number:09d}"


def places_of(number: int, locations: tuple[str, ...]) -> tuple[str, ...]:
    """Where the so-manieth SKU is sold from: every third one from everywhere, the others from one place each."""
    return locations if number % 3 == 0 else (locations[number % len(locations)],)


def offers_of(shop: Shop) -> list[Offer]:
    dice = shop.dice("offers")
    locations = locations_of(shop)
    made: list[Offer] = []
    for number, article in enumerate(articles(shop)):
        fsn = fsn_of(article, number)
        made.append(
            Offer(
                article=article,
                fsn=fsn,
                listing_id=f"LST{fsn}{dice.getrandbits(24):06X}",
                status="INACTIVE" if dice.random() < 0.1 else "ACTIVE",
                fulfilment="FBF" if dice.random() < 0.06 else "NON_FBF",
                stock=_stocked(dice.randrange(0, 60), places_of(number, locations)),
            )
        )
    return made


def _stocked(pieces: int, places: tuple[str, ...]) -> dict[str, int]:
    """So many pieces at the first place, and one more at each further one."""
    return {place: pieces + number for number, place in enumerate(places)}


class Maker:
    """Makes orders one after the other; the same shop always makes the same ones."""

    def __init__(self, shop: Shop) -> None:
        self._dice = shop.dice("orders/content")
        # A shop that lists nothing sells old stock all the same.
        stocked = shop if shop.listings else Shop(seed=shop.seed, listings=6)
        self._articles = [(article, fsn_of(article, number)) for number, article in enumerate(articles(stocked))]
        self._serial = 0

    def order(self, placed_at: datetime, now: datetime) -> Order:
        """An order of that moment, as far on its way as its age allows."""
        dice = self._dice
        self._serial += 1
        order = Order(
            order_id=f"OD4{self._serial:017d}",
            placed_at=placed_at,
            buyer=person(dice),
            cod=dice.random() < 0.55,
        )
        lines = [self._line(number, dice) for number in range(2 if dice.random() < 0.2 else 1)]
        apart = len(lines) > 1 and dice.random() < 0.5
        for number, inside in enumerate([[line] for line in lines] if apart else [lines]):
            order.parcels.append(self._parcel(order, number, inside, now))
        return order

    def _line(self, number: int, dice: random.Random) -> Line:
        article, fsn = dice.choice(self._articles)
        quantity = 2 if dice.random() < 0.12 else 1
        return Line(item_id=f"4{self._serial:016d}{number:02d}", article=article, fsn=fsn, quantity=quantity)

    def _parcel(self, order: Order, number: int, lines: list[Line], now: datetime) -> Parcel:
        dice = self._dice
        parcel = Parcel(
            shipment_id=f"{dice.getrandbits(32):08x}-fade-4bed-8ace-{self._serial:010d}{number:02d}",
            order=order,
            lines=lines,
            state="APPROVED",
            updated_at=order.placed_at,
            dispatch_by=order.placed_at + timedelta(hours=36),
            self_ship=dice.random() < 0.1,
        )
        awb, courier = f"FMPP{dice.randrange(10**10):010d}", dice.choice(COURIERS)
        if dice.random() < 0.07:
            parcel.state, parcel.cancelled_by = "CANCELLED", dice.choice(CANCELLERS)
            parcel.updated_at = min(now, (order.placed_at + 5 * HOUR * dice.random()).replace(microsecond=0))
        else:
            self._walk(parcel, now)
            parcel.hold = parcel.state == "APPROVED" and dice.random() < 0.2
        if parcel.state in PACKED_OR_LATER:
            parcel.awb, parcel.courier = awb, courier
        return parcel

    def _walk(self, parcel: Parcel, now: datetime) -> None:
        """Let the parcel go as far as time allows, a step every few hours."""
        at = parcel.updated_at
        for state in WAY[1:]:
            at += HOUR * self._dice.uniform(4.0, 28.0)
            if at > now:
                return
            parcel.state, parcel.updated_at = state, at.replace(microsecond=0)


def returns_of(shop: Shop, orders: list[Order]) -> list[Return]:
    """Returns of parcels that have left: of customers once delivered, of couriers while on the way."""
    dice = shop.dice("returns")
    gone = [parcel for order in orders for parcel in order.parcels if parcel.state in {"SHIPPED", "DELIVERED"}]
    chosen = dice.sample(gone, min(shop.returns, len(gone)))
    made: list[Return] = []
    for number, parcel in enumerate(sorted(chosen, key=lambda one: one.shipment_id)):
        parcel.came_back = parcel.state == "SHIPPED"
        created = min(shop.now, parcel.updated_at + HOUR * dice.uniform(1.0, 40.0)).replace(microsecond=0)
        status, shipment_status = dice.choice(
            (("CREATED", ""), ("CREATED", "PICKED_UP"), ("CREATED", "IN_TRANSIT"), ("COMPLETED", "DELIVERED"), ("CANCELLED", ""))
        )
        made.append(
            Return(
                return_id=f"{1_200_000_000_000 + number}",
                source="courier_return" if parcel.came_back else "customer_return",
                parcel=parcel,
                status=status,
                created_at=created,
                updated_at=min(shop.now, created + HOUR * dice.uniform(0.0, 60.0)).replace(microsecond=0),
                tracking_id=f"FMPR{dice.randrange(10**10):010d}" if shipment_status else "",
                shipment_status=shipment_status,
            )
        )
    return made
