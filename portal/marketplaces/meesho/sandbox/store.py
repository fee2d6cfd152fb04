"""An imaginary supplier's shop at Meesho: orders on their way through life, what came back, what was paid."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import msgspec

from portal.clock import in_ist
from portal.marketplaces.meesho.sandbox.rows import OrderRow, PaymentRow, Product, Proof, Reason, ReturnRow
from portal.marketplaces.meesho.sandbox.shelf import Shelf
from portal.marketplaces.sandbox import CITIES, Article, Shop, articles

PAISA = Decimal("0.01")
PLACES = (("Surat", "395003"), ("Bhiwandi", "421302"), ("Jaipur", "302001"))
GSTIN = "24AAAAA0000A1Z5"
CARRIERS = ("Delhivery", "Ecom Express", "Shadowfax", "Valmo", "Xpress Bees")
REASONS = (
    ("Size or fit", "Too small"),
    ("Quality", "Cloth feels thin"),
    ("Wrong item", "Colour differs from the picture"),
    ("Changed mind", "No longer needed"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of an order's life: Meesho's word, what our tables should say, whether a label exists, hours after the order."""

    word: str
    ours: str
    labelled: bool
    hours: int
    hold: bool = False


PENDING = Stage("PENDING", "open", labelled=False, hours=0)
HELD = Stage("PENDING", "on_hold", labelled=False, hours=0, hold=True)
ACCEPTED = Stage("READY_TO_SHIP", "confirmed", labelled=False, hours=20)
LABELLED = Stage("READY_TO_SHIP", "packed", labelled=True, hours=23)
SHIPPED = Stage("SHIPPED", "shipped", labelled=True, hours=26)
OUT_FOR_DELIVERY = Stage("OUT_FOR_DELIVERY", "shipped", labelled=True, hours=80)
DELIVERED = Stage("DELIVERED", "delivered", labelled=True, hours=100)
CANCELLED = Stage("CANCELLED", "cancelled", labelled=False, hours=12)
SENT_BACK = Stage("RETURNED", "delivered", labelled=True, hours=140)
UNDELIVERED = Stage("RTO_COMPLETE", "shipped", labelled=True, hours=150)
COMING_BACK = Stage("RTO_INITIATED", "shipped", labelled=True, hours=90)

WAY = (PENDING, ACCEPTED, LABELLED, SHIPPED, OUT_FOR_DELIVERY, DELIVERED)


class Store:
    """All of one shop. `now` is the shop's own present: the end of its seeded history, and later what was added."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.now = shop.now
        self.identifier = f"sandbox{shop.seed}"
        self.name = f"Sandbox Fashions {shop.seed}"
        self.locations = {f"LOC{shop.seed + number:04d}": PLACES[number % len(PLACES)] for number in range(shop.locations)}
        self.catalogue = articles(shop)
        self.stock = {article.sku: number * 7 % 40 for number, article in enumerate(self.catalogue)}
        self.stages: dict[str, Stage] = {}
        self.orders: Shelf[OrderRow] = Shelf()
        self.returns: dict[str, Shelf[ReturnRow]] = {"customer_return": Shelf(), "rto": Shelf()}
        self.payments: Shelf[PaymentRow] = Shelf()
        self._dice = shop.dice("orders")
        self._serial = 0
        self._seed()

    def product_id(self, sku: str) -> str:
        return str(int(hashlib.sha256(sku.encode()).hexdigest()[:9], 16))

    def add(self, orders: int) -> datetime:
        """That many new orders, a minute apart; each moves an unfinished older one a stage onward as well."""
        unfinished = [name for row in self.orders.rows() if self.stages[name := row.sub_order_num] in WAY[:-1]]
        for number in range(orders):
            self.arrive()
            if number < len(unfinished):
                name = unfinished[number]
                self.reach(name, WAY[WAY.index(self.stages[name]) + 1])
        return self.now

    def arrive(self) -> str:
        """A new order, a minute after everything before; its number."""
        self.now += timedelta(minutes=1)
        row = self._order(self.now, PENDING, self.shop.dice(f"added/{self._serial}"))
        self.orders.put(row.updated_at, row.sub_order_num, row)
        return row.sub_order_num

    def find(self, name: str) -> OrderRow | None:
        return self.orders.get(name)

    def reach(self, name: str, stage: Stage) -> None:
        """Move an order to that stage of its life, a moment after everything before."""
        self.now += timedelta(milliseconds=1)
        self.stages[name] = stage
        row = msgspec.structs.replace(self.orders.row(name), status=stage.word, hold=stage.hold, updated_at=self.now)
        self.orders.put(self.now, name, self._labelled(row) if stage.labelled else row)

    def catalogue_csv(self) -> str:
        """The catalogue as a supplier would upload it."""
        lines = [f'{one.sku},{self.product_id(one.sku)},"{one.title}",{one.size},{self.stock[one.sku]}' for one in self.catalogue]
        return "\n".join(("SKU,Product ID,Product Name,Variation,Stock", *lines, ""))

    def _seed(self) -> None:
        moments = list(self.shop.moments(self.shop.orders))
        old_enough = [number for number, moment in enumerate(moments) if self.now - moment > timedelta(hours=160)]
        chosen = self.shop.dice("returns").sample(old_enough, min(self.shop.returns, len(old_enough)))
        fate = {number: (SENT_BACK, UNDELIVERED, COMING_BACK)[place % 3] for place, number in enumerate(chosen)}
        rows = [self._order(moment, fate.get(number) or self._stage(moment), self._dice) for number, moment in enumerate(moments)]
        self.orders.fill([(row.updated_at, row.sub_order_num, row) for row in rows])
        self._seed_returns([rows[number] for number in sorted(fate)])
        self.payments.fill([(_midday(row.payment_date), f"{row.sub_order_no}/{row.transaction_id}", row) for row in self._paid(rows)])

    def _stage(self, moment: datetime) -> Stage:
        """How far an order of that age has come."""
        chance = self._dice.random()
        if chance < 0.05 and self.now - moment > timedelta(hours=CANCELLED.hours):
            return CANCELLED
        reached = [stage for stage in WAY if self.now - moment > timedelta(hours=stage.hours)]
        stage = reached[-1] if reached else PENDING
        return HELD if stage is PENDING and chance > 0.8 else stage

    def _order(self, placed: datetime, stage: Stage, dice: Random) -> OrderRow:
        """A sub-order; one in six shares its order number with the one before."""
        self._serial += 1
        article: Article = dice.choice(self.catalogue)
        together = dice.random() < 1 / 6 and self._serial % 2 == 0
        order_num = f"{50_000_000 + self.shop.seed * 1_000_000 + self._serial - (1 if together else 0)}"
        row = OrderRow(
            order_num=order_num,
            sub_order_num=f"{order_num}_{2 if together else 1}",
            status=stage.word,
            created_at=placed,
            updated_at=placed + timedelta(hours=stage.hours),
            expected_dispatch_date=placed + timedelta(hours=48),
            hold=stage.hold,
            sku=article.sku,
            product_id=self.product_id(article.sku),
            catalog_id=self.product_id(article.sku)[:6],
            name=article.title,
            variation=article.size,
            quantity=1 if dice.random() < 0.9 else dice.randrange(2, 4),
            listed_price=article.price + Decimal(50),
            discounted_price=article.price,
            gst_rate=str(article.gst),
            hsn=article.hsn,
            payment_mode="COD" if dice.random() < 0.7 else "PREPAID",
            customer_state=dice.choice(CITIES)[1],
        )
        self.stages[row.sub_order_num] = stage
        return self._labelled(row) if stage.labelled else row

    def _labelled(self, row: OrderRow) -> OrderRow:
        digits = int(hashlib.sha256(f"{self.shop.seed}/{row.sub_order_num}".encode()).hexdigest()[:10], 16)
        packet = row.order_num  # one packet for all that was ordered together
        return msgspec.structs.replace(row, packet_id=packet, awb=f"VL{digits:013d}", carrier=CARRIERS[digits % len(CARRIERS)])

    def _seed_returns(self, rows: list[OrderRow]) -> None:
        filled: dict[str, list[tuple[datetime, str, ReturnRow]]] = {"customer_return": [], "rto": []}
        dice = self.shop.dice("return reasons")
        for row in rows:
            stage = self.stages[row.sub_order_num]
            listed = "customer_return" if stage is SENT_BACK else "rto"
            made = self._return(row, stage, dice)
            filled[listed].append((made.updated_at, row.sub_order_num, made))
        for listed, found in filled.items():
            self.returns[listed].fill(found)

    def _return(self, row: OrderRow, stage: Stage, dice: Random) -> ReturnRow:
        status = {SENT_BACK: dice.choice(("completed_delivered", "intransit", "ofd_reverse")), UNDELIVERED: "completed_delivered"}
        word = status.get(stage, "intransit")
        arrived = row.updated_at if word == "completed_delivered" else None
        why, detail = dice.choice(REASONS) if stage is SENT_BACK else ("Undelivered", "Customer not available")
        return ReturnRow(
            order_num=row.order_num,
            sub_order_num=row.sub_order_num,
            sub_order_identifier=f"id-{row.sub_order_num}",
            type="Customer Return" if stage is SENT_BACK else "Courier Return (RTO)",
            sub_type="Return" if stage is SENT_BACK else "RTO",
            shipment_status=word,
            created_at=row.created_at + timedelta(hours=85),
            updated_at=row.updated_at,
            expected_delivery_date=in_ist(row.updated_at + timedelta(days=2)).date(),
            delivered_at=arrived,
            awb=f"R{row.awb}",
            carrier_name=row.carrier,
            return_reason_details=Reason(return_reason=why, detailed_reason=detail),
            proof_of_delivery=Proof(otp_verified_flag=arrived is not None),
            product=Product(name=row.name, sku=row.sku, meesho_pid=row.product_id, variation=row.variation, quantity=row.quantity),
        )

    def _paid(self, rows: list[OrderRow]) -> Iterator[PaymentRow]:
        """Every finished order on the first payment day after it was old enough; one that came back is charged there too."""
        last = in_ist(self.now).date() - timedelta(days=1)
        step = max(1, (self.shop.days - 6) // max(1, self.shop.payouts))
        days = sorted(last - timedelta(days=step * number) for number in range(self.shop.payouts))
        for row in rows:
            stage = self.stages[row.sub_order_num]
            if stage not in (DELIVERED, SENT_BACK, UNDELIVERED):
                continue
            due = in_ist(row.created_at + timedelta(days=6)).date()
            paid_on = next((day for day in days if day >= due), None)
            if paid_on is not None:
                yield _payment(row, stage, paid_on)


def _payment(row: OrderRow, stage: Stage, paid_on: date) -> PaymentRow:
    """What is paid for an order: the sale, less fees and the tax that is withheld."""
    sale = row.discounted_price * row.quantity
    came_back = stage is not DELIVERED
    support = Decimal("-4.50") * row.quantity
    waiver = Decimal("1.50") if row.quantity > 1 else Decimal("0.00")
    paid = PaymentRow(
        sub_order_no=row.sub_order_num,
        order_date=in_ist(row.created_at).date(),
        dispatch_date=in_ist(row.created_at + timedelta(days=1)).date(),
        product_name=row.name,
        supplier_sku=row.sku,
        live_order_status={DELIVERED: "Delivered", SENT_BACK: "Return", UNDELIVERED: "RTO"}[stage],
        product_gst=row.gst_rate,
        listing_price_incl_taxes=row.listed_price,
        quantity=row.quantity,
        transaction_id=f"TXN{paid_on:%y%m%d}{row.sub_order_num.replace('_', '')}",
        payment_date=paid_on,
        total_sale_amount=sale,
        total_sale_return_amount=-sale if came_back else Decimal("0.00"),
        fixed_fee_incl_gst=Decimal("0.00") if came_back else Decimal("-5.90"),
        meesho_commission_percentage=Decimal(2),
        meesho_commission_incl_gst=Decimal("0.00") if came_back else (-sale * Decimal("0.0236")).quantize(PAISA),
        return_shipping_charge_incl_gst=Decimal("-118.00") if stage is SENT_BACK else Decimal("0.00"),
        other_support_service_charges_excl_gst=support,
        waivers_excl_gst=waiver,
        net_other_support_service_charges_excl_gst=support + waiver,
        gst_on_net_other_support_service_charges=((support + waiver) * Decimal("0.18")).quantize(PAISA),
        tcs=Decimal("0.00") if came_back else (-sale * Decimal("0.005")).quantize(PAISA),
        tds_rate=Decimal("0.1"),
        tds=Decimal("0.00") if came_back else (-sale * Decimal("0.001")).quantize(PAISA),
        compensation=Decimal("25.00") if stage is UNDELIVERED and row.quantity > 1 else Decimal("0.00"),
    )
    return msgspec.structs.replace(paid, final_settlement_amount=sum((getattr(paid, part) for part in SETTLED), Decimal("0.00")))


SETTLED = (
    "total_sale_amount",
    "total_sale_return_amount",
    "fixed_fee_incl_gst",
    "meesho_commission_incl_gst",
    "return_shipping_charge_incl_gst",
    "net_other_support_service_charges_excl_gst",
    "gst_on_net_other_support_service_charges",
    "tcs",
    "tds",
    "compensation",
)


def _midday(day: date) -> datetime:
    """A moment that lies on that day in India and in UTC."""
    return datetime(day.year, day.month, day.day, 6, 30, tzinfo=UTC)
