"""How large and heavy a parcel is, in centimetres and kilograms, and how Flipkart writes that in three places."""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

import msgspec

LONGEST_CM, HEAVIEST_KG = Decimal(500), Decimal(200)


class _Measures(msgspec.Struct):
    length: Decimal | None = None
    breadth: Decimal | None = None
    height: Decimal | None = None
    weight: Decimal | None = None


class Package(msgspec.Struct):
    """A package of a listing or a shipment. The weight stands beside the measures in one document and among them in another."""

    dimensions: _Measures | None = None
    weight: Decimal | None = None


class Size(msgspec.Struct, frozen=True):
    """Length, breadth and height in centimetres, weight in kilograms."""

    length: Decimal
    breadth: Decimal
    height: Decimal
    weight: Decimal

    def text(self) -> str:
        """As a mark keeps it: `30 x 22 x 4 x 0.35`."""
        return " x ".join(str(one) for one in (self.length, self.breadth, self.height, self.weight))


def read_size(values: Sequence[str]) -> Size | None:
    """The size that these four figures tell, None where they tell none that a parcel can have."""
    try:
        length, breadth, height, weight = (Decimal(one.strip()) for one in values)
    except (InvalidOperation, ValueError):
        return None
    return possible(Size(length, breadth, height, weight))


def from_text(text: str) -> Size | None:
    """The size that a mark keeps."""
    return read_size(text.split(" x "))


def possible(size: Size) -> Size | None:
    """The size, if a courier could carry it."""
    sides = (size.length, size.breadth, size.height)
    if not all(one.is_finite() for one in (*sides, size.weight)):
        return None
    if not all(0 < one <= LONGEST_CM for one in sides) or not 0 < size.weight <= HEAVIEST_KG:
        return None
    return size


def stacked(packages: Iterable[Package]) -> Size | None:
    """The size of these packages on top of each other. None where there are none, or one of them lacks a figure."""
    sizes: list[Size] = []
    for one in packages:
        measures = one.dimensions or _Measures()
        weight = one.weight if one.weight is not None else measures.weight
        if measures.length is None or measures.breadth is None or measures.height is None or weight is None:
            return None
        sizes.append(Size(measures.length, measures.breadth, measures.height, weight))
    return pile(sizes)


def pile(sizes: Sequence[Size]) -> Size | None:
    """Several sizes on top of each other; None for none, or for a pile that no courier could carry."""
    if not sizes:
        return None
    return possible(
        Size(
            max(one.length for one in sizes),
            max(one.breadth for one in sizes),
            sum((one.height for one in sizes), Decimal(0)),
            sum((one.weight for one in sizes), Decimal(0)),
        )
    )
