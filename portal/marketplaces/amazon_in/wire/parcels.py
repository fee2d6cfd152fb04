"""How big and heavy a parcel is: read off the listings of what is in it.

Inferred: `item_package_dimensions` and `item_package_weight` are attributes of a listing (product type definitions), each a list with
one entry for the marketplace. Proposed: articles are laid flat and stacked, so the parcel is as long and wide as its biggest article
and as high as all of them together.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from portal.marketplaces.amazon_in.wire.answers import decoded

CENTIMETRES = {"millimeters": 0.1, "centimeters": 1.0, "decimeters": 10.0, "meters": 100.0, "inches": 2.54, "feet": 30.48}
GRAMS = {"milligrams": 0.001, "grams": 1.0, "kilograms": 1000.0, "ounces": 28.349523125, "pounds": 453.59237}
LEAST_G = 11
"""Easy Ship takes nothing lighter."""
MOST_G, MOST_CM = 100_000, 1_000
"""Beyond this a number is a slip of the pen."""


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """Outer measures, in whole centimetres and grams."""

    length_cm: int
    width_cm: int
    height_cm: int
    weight_g: int


class _Measure(msgspec.Struct):
    value: float
    unit: str


class _Box(msgspec.Struct):
    length: _Measure
    width: _Measure
    height: _Measure


class _Attributes(msgspec.Struct):
    item_package_dimensions: list[_Box] = []
    item_package_weight: list[_Measure] = []


class _Listing(msgspec.Struct):
    sku: str
    attributes: msgspec.Raw = msgspec.Raw(b"{}")


def measured(body: bytes) -> Parcel | None:
    """One article in its packaging, by its listing; None where the listing does not say, or says it in a way we cannot read."""
    listing = decoded(body, _Listing, "a listing")
    try:
        told = msgspec.json.decode(listing.attributes, type=_Attributes)
        box, weight = told.item_package_dimensions[0], told.item_package_weight[0]
        lowest, middle, longest = sorted(_in(side, CENTIMETRES) for side in (box.length, box.width, box.height))
        return _parcel(longest, middle, lowest, _in(weight, GRAMS))
    except (msgspec.ValidationError, IndexError, KeyError, ValueError):
        return None


def together(articles: Iterable[tuple[Parcel, int]]) -> Parcel:
    """One parcel of these articles and how many there are of each."""
    inside = list(articles)
    return _parcel(
        max(article.length_cm for article, _ in inside),
        max(article.width_cm for article, _ in inside),
        sum(article.height_cm * pieces for article, pieces in inside),
        sum(article.weight_g * pieces for article, pieces in inside),
    )


MARKS = (
    # mark, its label where a person fills it in
    ("length_cm", "Length of the parcel in cm"),
    ("width_cm", "Width of the parcel in cm"),
    ("height_cm", "Height of the parcel in cm"),
    ("weight_g", "Weight of the parcel in grams"),
)


def parcel_of(marks: Mapping[str, str]) -> Parcel | None:
    """The parcel that an order's marks describe; None where they are missing or cannot be."""
    try:
        length, width, height, weight = (float(marks[name]) for name, _ in MARKS)
        return _parcel(length, width, height, weight)
    except (KeyError, ValueError):
        return None


def parcel_marks(parcel: Parcel) -> dict[str, str]:
    told: dict[str, Any] = msgspec.structs.asdict(parcel)
    return {name: str(told[name]) for name, _ in MARKS}


def _in(measure: _Measure, units: Mapping[str, float]) -> float:
    return measure.value * units[measure.unit.lower()]


def _parcel(length: float, width: float, height: float, weight: float) -> Parcel:
    """Rounded up. ValueError for measures that no parcel has."""
    if not all(0 < side <= MOST_CM for side in (length, width, height)) or not 0 < weight <= MOST_G:
        raise ValueError("no measures of a parcel")
    sides = [math.ceil(round(side, 3)) for side in (length, width, height)]
    return Parcel(length_cm=sides[0], width_cm=sides[1], height_cm=sides[2], weight_g=max(LEAST_G, math.ceil(round(weight, 3))))
