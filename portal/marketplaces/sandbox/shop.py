"""A seeded shop that looks Indian: its days, its buyers, its articles."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from portal import clock

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


def demo_shop() -> Shop:
    """The shop of the demonstration: its history ends where the Indian day begins, so it is the same all day."""
    return Shop(now=clock.ist_day(clock.ist_today())[0])
