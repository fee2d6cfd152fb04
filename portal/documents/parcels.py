"""What goes into parcels and to whom, as slips and pick lists say it."""

from collections.abc import Iterable
from datetime import date

import msgspec


class SlipLine(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into the parcel."""

    sku: str
    title: str
    quantity: int


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a parcel goes to. `address` is in lines, the state's name among them."""

    name: str
    address: tuple[str, ...]

    def __repr__(self) -> str:
        return "Recipient(…)"


class Slip(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel. `sender` is the business it comes from; `awb` the courier's number, empty while there is none."""

    order_number: str
    sender: str
    to: Recipient
    lines: tuple[SlipLine, ...]
    awb: str = ""
    carrier: str = ""
    dispatch_by: date | None = None


class Pick(msgspec.Struct, frozen=True, kw_only=True):
    """All pieces of one SKU that a batch takes from the shelf, and the orders they are for."""

    sku: str
    title: str
    quantity: int
    orders: tuple[str, ...]


def picks(slips: Iterable[Slip]) -> tuple[Pick, ...]:
    """What to fetch for these parcels, by SKU. Every piece of every parcel is in it once."""
    found: dict[str, Pick] = {}
    for slip in slips:
        for line in slip.lines:
            known = found.get(line.sku)
            orders = (*known.orders, slip.order_number) if known and slip.order_number not in known.orders else None
            found[line.sku] = Pick(
                sku=line.sku,
                title=known.title if known else line.title,
                quantity=line.quantity + (known.quantity if known else 0),
                orders=orders or (known.orders if known else (slip.order_number,)),
            )
    return tuple(found[sku] for sku in sorted(found))
