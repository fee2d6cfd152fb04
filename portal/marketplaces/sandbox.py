"""What every sandbox shares: a seeded shop that looks Indian, and faults on request.

A sandbox speaks its marketplace's wire over HTTP and keeps a ledger that tests compare with our tables. Next to the wire it
answers `/_sandbox/*`, which no marketplace has: tests order faults there and read the ledger.
"""

import asyncio
import random
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from portal import clock


class Fault(StrEnum):
    """What a sandbox can be asked to do wrong. A marketplace supports those that its wire can express."""

    REVOKED = "revoked"
    """The credential itself is refused, for good."""
    EXPIRED_TOKEN = "expired_token"
    """The short-lived pass is refused; a fresh one works."""
    FORBIDDEN = "forbidden"
    """Keys fine, this data is not shared."""
    SLOW_DOWN = "slow_down"
    """429, with Retry-After where the marketplace sends one."""
    OUTAGE = "outage"
    """503 with a body that is not JSON."""
    TIMEOUT = "timeout"
    """Accepts the request and does not answer (`seconds`)."""
    RESET = "reset"
    """Closes the connection in the middle of the answer."""
    TRUNCATED = "truncated"
    """200, and half a body."""
    CHANGED = "changed"
    """200, valid JSON, another shape."""
    EMPTY = "empty"
    """200 and no body at all."""
    UNREADABLE_ROW = "unreadable_row"
    """One row of the page lacks what it needs."""
    UNKNOWN_VALUE = "unknown_value"
    """A status nobody has heard of."""
    REPEATED_PAGE = "repeated_page"
    """The same page again under a fresh cursor, for ever."""
    CLOCK_SKEW = "clock_skew"
    """The marketplace's clock differs from ours."""
    BOT_FILTER = "bot_filter"
    """403 with an HTML page, though the keys are good."""
    LOGIN_PAGE = "login_page"
    """200 with a login page where data should be."""
    LOST_ANSWER = "lost_answer"
    """Does what was asked, then drops the connection."""
    OTHER_SHOP = "other_shop"
    """The keys turn out to belong to another shop."""


class Ordered(msgspec.Struct, kw_only=True):
    """A fault as a test orders it: after `after` good answers, `times` times (0: until cleared), only for `operation` (empty: all)."""

    fault: Fault
    times: int = 1
    after: int = 0
    operation: str = ""
    seconds: float = 0.0


@dataclass(kw_only=True)
class Faults:
    """The faults ordered from one sandbox."""

    ordered: list[Ordered] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    """Operations answered so far, in order: tests count calls with it."""
    struck: list[Fault] = field(default_factory=list)
    """Faults that a call has met so far, in order. One that no call could express is not among them."""
    most_rows: int = 0
    """The most rows of a page, below what the wire allows; 0 leaves it at that."""

    def rows(self, allowed: int) -> int:
        """How many rows a page may have, of those the wire allows."""
        return min(allowed, self.most_rows) if self.most_rows else allowed

    def next(self, operation: str, possible: Container[Fault] = frozenset(Fault)) -> Ordered | None:
        """Count this call, and say what should go wrong with it. A fault that is not `possible` here waits for another call."""
        self.served.append(operation)
        for one in self.ordered:
            if one.operation and one.operation != operation:
                continue
            if one.fault not in possible:
                return None
            if one.after > 0:
                one.after -= 1
                return None
            if one.times == 1:
                self.ordered.remove(one)
            elif one.times > 1:
                one.times -= 1
            self.struck.append(one.fault)
            return one
        return None

    def active(self, fault: Fault) -> bool:
        return any(one.fault is fault and one.after <= 0 for one in self.ordered)


class PageSize(msgspec.Struct):
    rows: int = 0


def fault_routes(faults: Faults) -> list[HTTPRouteHandler]:
    """`POST /_sandbox/faults` (a list of Ordered), `GET` the same for those that struck, `POST /_sandbox/faults/clear`,
    `POST /_sandbox/page` for shorter pages, `GET /_sandbox/calls`.
    """

    @post("/_sandbox/faults", status_code=204)
    async def order(data: JSONBody[list[Ordered]]) -> None:
        faults.ordered.extend(data)

    @get("/_sandbox/faults")
    async def struck() -> list[Fault]:
        return faults.struck

    @post("/_sandbox/faults/clear", status_code=204)
    async def clear() -> None:
        faults.ordered.clear()
        faults.struck.clear()

    @post("/_sandbox/page", status_code=204)
    async def page(data: JSONBody[PageSize]) -> None:
        faults.most_rows = data.rows

    @get("/_sandbox/calls")
    async def calls() -> list[str]:
        return faults.served

    return [order, struck, clear, page, calls]


class BrokenOff(Response[bytes]):
    """An answer that stops in the middle: it promises more bytes than it sends, so the client sees the connection die."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__(content, media_type="application/json", headers={"content-length": str(len(content) + 64)})


async def hang(ordered: Ordered) -> None:
    """Keep the caller waiting, as TIMEOUT asks; a vanished caller ends the wait."""
    await asyncio.sleep(ordered.seconds or 90.0)


FIRST_NAMES = (
    "Aarav",
    "Diya",
    "Ishaan",
    "Ananya",
    "Kabir",
    "Meera",
    "Rohan",
    "Saanvi",
    "Vihaan",
    "Priya",
    "Arjun",
    "Kavya",
    "Aditya",
    "Riya",
    "Sunita",
    "Imran",
    "Harpreet",
    "Lakshmi",
    "Joseph",
    "Fatima",
)
LAST_NAMES = (
    "Sharma",
    "Patel",
    "Iyer",
    "Reddy",
    "Khan",
    "Singh",
    "Nair",
    "Das",
    "Gupta",
    "Joshi",
    "Mehta",
    "Kaur",
    "Fernandes",
    "Bose",
    "Chauhan",
    "Pillai",
)
CITIES = (
    # city, state, first three digits of the pincode
    ("Surat", "Gujarat", "395"),
    ("Mumbai", "Maharashtra", "400"),
    ("Pune", "Maharashtra", "411"),
    ("Bengaluru", "Karnataka", "560"),
    ("Chennai", "Tamil Nadu", "600"),
    ("Hyderabad", "Telangana", "500"),
    ("Kolkata", "West Bengal", "700"),
    ("Delhi", "Delhi", "110"),
    ("Jaipur", "Rajasthan", "302"),
    ("Lucknow", "Uttar Pradesh", "226"),
    ("Kochi", "Kerala", "682"),
    ("Ludhiana", "Punjab", "141"),
    ("Indore", "Madhya Pradesh", "452"),
    ("Patna", "Bihar", "800"),
    ("Guwahati", "Assam", "781"),
)
STREETS = ("MG Road", "Station Road", "Nehru Nagar", "Gandhi Chowk", "Lal Bagh", "Civil Lines", "Sector 14", "Ring Road")
GARMENTS = (
    # name, code, price in rupees, HSN, GST percent
    ("Cotton Kurta", "KURTA", 799, "61091000", 5),
    ("Banarasi Saree", "SAREE", 2499, "50072010", 5),
    ("Anarkali Dress", "ANARK", 1899, "62044290", 12),
    ("Linen Shirt", "SHIRT", 1299, "62052000", 12),
    ("Printed Dupatta", "DUPAT", 449, "62141010", 5),
    ("Palazzo Pants", "PALAZ", 699, "62046200", 5),
    ("Nehru Jacket", "NEHRU", 1599, "62033200", 12),
    ("Kolhapuri Sandals", "KOLHA", 999, "64035900", 18),
    ("Silk Stole", "STOLE", 599, "62149040", 5),
    ("Cotton Bedsheet", "BEDSH", 1149, "63041910", 5),
)
COLOURS = ("Red", "Indigo", "Mustard", "Teal", "Maroon", "White")
SIZES = ("S", "M", "L", "XL", "XXL", "Free")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A seeded imaginary seller. The same seed gives the same shop to the last paisa, so pictures and proofs are stable.

    `now` is the end of its history; orders lie in the `days` before it, more of them around festival days.
    """

    seed: int = 1
    orders: int = 120
    returns: int = 12
    payouts: int = 4
    listings: int = 60
    days: int = 25
    locations: int = 1
    """From how many places it ships; marketplaces that tell no places ignore it. Where each place is a shop of its own, so many shops."""
    lines: tuple[int, ...] = (1, 2, 2, 3)
    """How many articles an order may have, each count as likely as it is frequent here."""
    now: datetime = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)

    def dice(self, purpose: str) -> random.Random:
        """Chance for one purpose, independent of every other."""
        return random.Random(f"{self.seed}/{purpose}")  # noqa: S311 (a sandbox's dice, not a key)

    def moments(self, count: int, purpose: str = "orders") -> Iterator[datetime]:
        """`count` moments in the shop's history, oldest first, thicker on the festival day two thirds in."""
        dice = self.dice(f"moments/{purpose}")
        span = timedelta(days=self.days).total_seconds()
        peak = span * 0.66
        drawn = (
            min(span - 300.0, max(0.0, dice.gauss(peak, 86_400.0))) if dice.random() < 0.3 else dice.uniform(0.0, span - 300.0)
            for _ in range(count)
        )
        start = self.now - timedelta(seconds=span)
        for offset in sorted(drawn):
            yield (start + timedelta(seconds=offset)).replace(microsecond=0)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    phone: str
    street: str
    city: str
    state: str
    pincode: str


def person(dice: random.Random) -> Person:
    """A buyer nobody knows: invented name, a phone number from the range kept for fiction-like use (starts 90000)."""
    city, state, prefix = dice.choice(CITIES)
    return Person(
        name=f"{dice.choice(FIRST_NAMES)} {dice.choice(LAST_NAMES)}",
        phone=f"90000{dice.randrange(100_000):05d}",
        street=f"{dice.randrange(1, 240)}, {dice.choice(STREETS)}",
        city=city,
        state=state,
        pincode=f"{prefix}{dice.randrange(1000):03d}",
    )


class Article(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    title: str
    price: Decimal
    hsn: str
    gst: int
    size: str
    colour: str


def articles(shop: Shop) -> tuple[Article, ...]:
    """The shop's catalogue, `shop.listings` articles, each SKU once."""
    dice = shop.dice("articles")
    made: list[Article] = []
    for number in range(shop.listings):
        name, code, price, hsn, gst = GARMENTS[number % len(GARMENTS)]
        colour, size = dice.choice(COLOURS), dice.choice(SIZES)
        made.append(
            Article(
                sku=f"{code}-{colour[:3].upper()}-{size}-{number:03d}",
                title=f"{colour} {name}, size {size}",
                price=Decimal(price + dice.randrange(0, 300)) + Decimal(dice.choice(("0.00", "0.50", "0.90"))),
                hsn=hsn,
                gst=gst,
                size=size,
                colour=colour,
            )
        )
    return tuple(made)


def demo_shop(locations: int = 1) -> Shop:
    """The shop of the demonstration: its history ends where the Indian day begins, so it is the same all day.

    `locations` is what the marketplace's manifest says of its demonstration.
    """
    return Shop(now=clock.ist_day(clock.ist_today())[0], locations=locations)
