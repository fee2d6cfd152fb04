"""Shipment details: where a parcel goes and who carries it. The only answers with buyers in them."""

import msgspec

from portal.marketplaces.facts import Buyer, UnreadableRow
from portal.marketplaces.flipkart.wire.decoding import Id, decode, read_rows
from portal.marketplaces.flipkart.wire.shipments import ShipmentRows


class _Address(msgspec.Struct, rename="camel"):
    first_name: str | None = None
    last_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    landmark: str | None = None
    city: str | None = None
    state: str | None = None
    state_name: str | None = None
    pin_code: str | int | None = None
    pincode: str | int | None = None
    contact_number: str | None = None

    @property
    def region(self) -> str:
        return self.state_name or self.state or ""

    @property
    def postcode(self) -> str:
        # Both spellings are seen, as text and as a number.
        return str(self.pin_code or self.pincode or "")


class _Person(msgspec.Struct, rename="camel"):
    first_name: str | None = None
    last_name: str | None = None


class _Leg(msgspec.Struct, rename="camel"):
    vendor_name: str | None = None
    tracking_id: str | None = None


class _Courier(msgspec.Struct, rename="camel"):
    pickup_details: _Leg | None = None
    delivery_details: _Leg | None = None


class _Piece(msgspec.Struct, rename="camel"):
    courier_details: _Courier | None = None


class _Details(msgspec.Struct, rename="camel"):
    shipment_id: Id
    delivery_address: _Address | None = None
    buyer_details: _Person | None = None
    sub_shipments: list[_Piece] | None = None


class Shipping(msgspec.Struct, frozen=True, kw_only=True):
    """Where one parcel goes and who carries it. Parts Flipkart does not tell (yet) are empty."""

    shipment_id: str = ""
    buyer: Buyer | None = None
    city: str = ""
    state: str = ""
    pincode: str = ""
    awb: str = ""
    carrier: str = ""


def read_details(body: bytes) -> tuple[list[Shipping], list[UnreadableRow]]:
    """The rows of `GET /v3/shipments/{ids}`."""
    page = decode(body, ShipmentRows, "shipment details")
    return read_rows(page.shipments, _shipping, id_key="shipmentId", keep=frozenset({"shipmentId"}))


def _shipping(row: bytes) -> Shipping:
    read = msgspec.json.decode(row, type=_Details)
    to = read.delivery_address or _Address()
    leg = _leg(read.sub_shipments or [])
    return Shipping(
        shipment_id=read.shipment_id,
        buyer=_buyer(to, read.buyer_details),
        city=(to.city or "")[:80],
        state=to.region[:80],
        pincode=to.postcode[:12],
        awb=(leg.tracking_id or "")[:80],
        carrier=(leg.vendor_name or "")[:80],
    )


def _leg(pieces: list[_Piece]) -> _Leg:
    """The courier of the first piece that has one: the delivery leg, else the pick-up leg."""
    for piece in pieces:
        courier = piece.courier_details or _Courier()
        for leg in (courier.delivery_details, courier.pickup_details):
            if leg is not None and leg.tracking_id:
                return leg
    return _Leg()


def _buyer(to: _Address, person: _Person | None) -> Buyer | None:
    named = person or _Person(to.first_name, to.last_name)
    name = " ".join(part for part in (named.first_name, named.last_name) if part)
    area = " ".join(part for part in (to.region, to.postcode) if part)
    address = ", ".join(part for part in (to.address_line1, to.address_line2, to.landmark, to.city, area) if part)
    if not name and not address:
        return None
    return Buyer(name=name, phone=to.contact_number or "", address=address)
