"""The sandbox's shop: what was sold, what came back, what was paid, what is in stock, and who is signed in."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cached_property
from uuid import UUID, uuid5

import msgspec

from portal.clock import in_ist
from portal.marketplaces.ajio.sandbox.desk import Desk
from portal.marketplaces.ajio.sandbox.records import CANCELLED, STATES, Paid, Returned, Sold, SoldLine
from portal.marketplaces.sandbox import Article, Shop, articles

RETURN_STATES = ("RETURN_INITIATED", "RETURN_CREATED", "RETURN_DELIVERED", "RETURN_PROCESSED", "RETURN_CANCELLED")
REASONS = ("Size too small", "Did not like the colour", "Different from the picture", "Damaged on arrival")
ADDRESSES = (
    ("Surat", "Gujarat", "395003"),
    ("Pune", "Maharashtra", "411001"),
    ("Jaipur", "Rajasthan", "302001"),
    ("Kochi", "Kerala", "682001"),
)
CARRIERS = ("Delhivery", "Xpressbees", "Ecom Express")
NAMESPACE = UUID("6f0ad0f6-20c1-4b57-9a39-5f0d6c7a1a05")
ANOTHER_POB = 31
"""How far the seeds of one seller's POBs lie apart."""
PASS_LIFE_S = 1800.0
MOST_WRONG_PASSWORDS = 5


class World:
    """Everything the sandbox knows. The same shop gives the same world; only signing in and writing change it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.now = shop.now
        self.pob_id = f"DVSANDBOX{shop.seed:03d}"
        self.api_password = f"sandbox-api-password-{shop.seed}"
        self.store_name = f"Sandbox Fashions {shop.seed}"
        self.user_id = str(uuid5(NAMESPACE, f"user/{shop.seed}"))
        self.panel_token = f"sandbox-panel-token-{shop.seed:012d}"
        self.panel_cookie = f"sandbox-session-{shop.seed:012d}"
        self.pobs: dict[str, World] = {self.pob_id: self}
        for _ in range(1, shop.locations):
            self.open_pob()
        self.renewing = False
        self.desk = Desk()
        self._next_cookie = ""
        self.wrong_passwords = 0
        self._pass = ""
        self._pass_since = 0.0
        self._written: dict[str, int] = {}
        self._waiting: list[Sold] | None = None

    def open_pob(self) -> "World":
        """One more POB of the same seller: the same panel login sees it, and it has orders and payments of its own."""
        other = World(replace(self.shop, seed=self.shop.seed + ANOTHER_POB * len(self.pobs), locations=1))
        self.pobs[other.pob_id] = other
        return other

    def knows_session(self, cookie: str) -> bool:
        """Whether this session cookie is signed in. One that was handed out as its successor ends it by being used."""
        if cookie and cookie == self._next_cookie:
            self.panel_cookie, self._next_cookie = cookie, ""
        return cookie == self.panel_cookie

    def next_cookie(self) -> str:
        """The session cookie that a good answer hands out; empty while sessions are not renewed."""
        if self.renewing and not self._next_cookie:
            self._next_cookie = f"sandbox-session-{secrets.token_hex(8)}"
        return self._next_cookie

    def panel_values(self) -> dict[str, str]:
        """The four values of a session in this sandbox's panel."""
        cookies = [
            {"name": name, "value": value, "domain": ".ajio.com", "path": "/", "secure": True, "httpOnly": True}
            for name, value in (("_abck", "sandbox-filter"), ("bm_sv", "sandbox-filter-2"), ("vms_session", self.panel_cookie))
        ]
        context = {
            "tenant": "AJIO",
            "user_id": self.user_id,
            "username": "sandbox",
            "pobs": [{"id": one.pob_id, "store_name": one.store_name} for one in self.pobs.values()],
            "user_agent": "Mozilla/5.0 (sandbox)",
            "captured_at": self.shop.now.isoformat(),
            "source": "sandbox",
        }
        return {
            "session_cookies": msgspec.json.encode(cookies).decode(),
            "access_token": self.panel_token,
            "refresh_token": "",
            "seller_context": msgspec.json.encode(context).decode(),
        }

    # Signing in

    def sign_in(self) -> str:
        """A new pass; the one before it is worth nothing from now on."""
        self._pass, self._pass_since = f"sandbox.{secrets.token_urlsafe(48)}.pass", time.time()
        return self._pass

    def admits(self, given: str) -> bool:
        return bool(given) and secrets.compare_digest(given, self._pass) and time.time() - self._pass_since < PASS_LIFE_S

    @property
    def pass_in_force(self) -> str:
        """The pass of the newest sign-in; empty before the first."""
        return self._pass

    def age_pass(self, seconds: float) -> None:
        """Let the pass grow older than it is, for tests."""
        self._pass_since -= seconds

    # What was sold

    @cached_property
    def catalogue(self) -> tuple[Article, ...]:
        return articles(self.shop)

    @cached_property
    def sold(self) -> list[Sold]:
        return [self._sell(number, moment) for number, moment in enumerate(self.shop.moments(self.shop.orders), start=1)]

    def _sell(self, number: int, moment: datetime) -> Sold:
        dice = self.shop.dice(f"order/{number}")
        order_id = f"FN{self.shop.seed % 100:02d}{number:08d}"
        first = dice.randrange(len(self.catalogue))
        lines = tuple(self._line(order_id, place, first + place, dice.choice((1, 1, 1, 2))) for place in range(dice.choice((1, 1, 2))))
        payment, carrier = dice.choice(("PREPAID", "COD")), dice.choice(CARRIERS)
        city, region, pincode = dice.choice(ADDRESSES)
        return Sold(
            order_id=order_id,
            placed_at=moment,
            lines=lines,
            payment=payment,
            carrier=carrier,
            awb=f"SB{number:010d}",
            city=city,
            region=region,
            pincode=pincode,
        )

    def _line(self, order_id: str, place: int, article: int, pieces: int) -> SoldLine:
        chosen = article % len(self.catalogue)
        return SoldLine(item_id=f"{order_id}-{place + 1}", item_code=item_code(chosen), article=self.catalogue[chosen], pieces=pieces)

    @cached_property
    def by_id(self) -> dict[str, Sold]:
        return {order.order_id: order for order in self.sold}

    def waiting(self) -> list[Sold]:
        """New orders, oldest first."""
        if self._waiting is None:
            self._waiting = [order for order in self.sold if order.state == "NEW"]
        return self._waiting

    def forget_waiting(self) -> None:
        """An order was decided: whoever asks next what waits is told anew."""
        self._waiting = None

    def add(self, count: int) -> None:
        """`count` new orders, one a minute from now on."""
        for _ in range(count):
            self.now += timedelta(minutes=1)
            order = self._sell(len(self.sold) + 1, self.now)
            self.by_id[order.order_id] = order
            self.sold.append(order)
        self._waiting = None

    def move_on(self, count: int) -> None:
        """The `count` oldest unfinished orders take their next step; every seventh is cancelled instead."""
        unfinished = [order for order in self.sold if order.state not in (STATES[-1], CANCELLED)]
        for position, order in enumerate(unfinished[:count], start=1):
            order.state = CANCELLED if position % 7 == 0 else STATES[STATES.index(order.state) + 1]
            order.encoded.clear()
        self._waiting = None

    # What came back

    @cached_property
    def returned(self) -> tuple[Returned, ...]:
        return tuple(
            self._come_back(number, moment) for number, moment in enumerate(self.shop.moments(self.shop.returns, "returns"), start=1)
        )

    def _come_back(self, number: int, moment: datetime) -> Returned:
        dice = self.shop.dice(f"return/{number}")
        article = dice.randrange(len(self.catalogue))
        return Returned(
            return_id=f"RT{self.shop.seed % 100:02d}{number:07d}",
            order_id=earlier_order(number),
            created_at=moment,
            kind=dice.choice(("RTO", "CUSTOMER_RETURN")),
            state=dice.choice(RETURN_STATES),
            awb=f"RV{number:010d}",
            article=self.catalogue[article],
            item_code=item_code(article),
            pieces=dice.choice((1, 1, 2)),
            reason=dice.choice(REASONS),
        )

    # What was paid

    @cached_property
    def paid(self) -> tuple[Paid, ...]:
        """Cleared settlements; of three or more payouts the last two are one still due and one overdue."""
        open_ones = 2 if self.shop.payouts >= 3 else 0
        rows: list[Paid] = []
        for number, moment in enumerate(self.shop.moments(self.shop.payouts - open_ones, "payouts"), start=1):
            rows.extend(self._clear(number, in_ist(moment).date()))
        if open_ones:
            today = in_ist(self.shop.now).date()
            rows.extend(self._owe(9001, today + timedelta(days=5), "DUE LATER"))
            rows.extend(self._owe(9101, today - timedelta(days=2), "OVERDUE"))
        return tuple(rows)

    def _clear(self, number: int, day: date) -> Iterator[Paid]:
        for row in self._owe(number * 40, day, "PAID"):
            row.document, row.cleared_on = f"CD{self.shop.seed % 100:02d}{number:07d}", day
            yield row

    def _owe(self, first: int, day: date, status: str) -> Iterator[Paid]:
        dice = self.shop.dice(f"payment/{first}")
        for number in range(first, first + dice.randrange(6, 18)):
            article = self.catalogue[dice.randrange(len(self.catalogue))]
            taken_back = dice.random() < 0.15
            yield Paid(
                document="",
                cleared_on=None,
                expected_on=day,
                journey="RETURN" if taken_back else "FORWARD",
                invoice=f"INV{number:08d}",
                order_id=earlier_order(number),
                awb=f"SP{number:010d}",
                value=article.price,
                status=status,
            )

    # What is in stock

    def pieces(self, position: int) -> int:
        """The stock of the article at this place of the catalogue."""
        sku = self.catalogue[position].sku
        return self._written.get(sku, self.shop.dice(f"stock/{position}").randrange(0, 80))

    @cached_property
    def positions(self) -> dict[tuple[str, str], int]:
        """Product and variant to the place in the catalogue."""
        return {(product_id(position), article.sku): position for position, article in enumerate(self.catalogue)}

    def write_stock(self, position: int, pieces: int) -> None:
        self._written[self.catalogue[position].sku] = pieces

    def published(self, position: int) -> str:
        return "UNPUBLISHED" if position % 11 == 10 else "PUBLISHED"


def item_code(position: int) -> str:
    """AJIO's own number of an article."""
    return f"4600{position:08d}"


def product_id(position: int) -> str:
    return f"P{position:08d}"


def earlier_order(number: int) -> str:
    """An order from before this shop's history."""
    return f"FNOLD{number:06d}"
