"""Pack, cancel and dispatch: what is asked for parcels, and what Flipkart answers for each of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.flipkart.wire.decoding import Id, decode, ist_stamp
from portal.marketplaces.flipkart.wire.parcels import Parcel
from portal.marketplaces.flipkart.wire.sizes import Size

AT_ONCE = 25
"""Parcels that one call may pack, cancel or dispatch."""
OUT_OF_STOCK, DROPPED = "not_enough_inventory", "cannot_procure_item"
"""The reasons for a cancellation that fit a seller's own; the third, `b2b_order`, does not."""


SPOKEN = {
    # Flipkart's code, where it brings no words: what it means
    "INVALID_ITEM_STATE": "its parcel does not stand where that can be done",
    "INVALID_REQUEST_TAX": "it expects another rate of GST",
    "INVALID_REQUEST_DATE_FORMAT": "it does not take the date of the invoice",
    "INVALID_SHIPMENTS": "it does not know this parcel",
    "OPERATION_NOT_ALLOWED": "it does not allow that for this parcel",
    "ORDER_ITEM_ALREADY_CANCELLED": "it was cancelled meanwhile",
    "ORDER_ITEM_ALREADY_DISPATCHED": "it was dispatched already",
    "ORDER_ITEM_NOT_PACKED": "its parcel is not packed",
    "ORDER_ITEM_PACKING_IN_PROGRESS": "its parcel is being packed just now",
    "QUANTITY_MISMATCH_ERROR": "it expects other pieces in this parcel",
}


class _Row(msgspec.Struct, rename="camel"):
    shipment_id: Id
    status: str | None = None
    processing_status: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class _Answer(msgspec.Struct):
    shipments: list[_Row]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one parcel in a call. `words` is Flipkart's reason where it was not taken."""

    taken: bool
    code: str = ""
    words: str = ""

    @property
    def reason(self) -> str:
        """Why not, as the end of a sentence."""
        return self.words.rstrip(". ") or SPOKEN.get(self.code, self.code) or "it gave no reason"


class Packing(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel with all that Flipkart asks to pack it: GST in percent by item, a size by piece."""

    parcel: Parcel
    rates: Mapping[str, Decimal]
    sizes: Mapping[str, Size]


def pack_body(packings: Sequence[Packing], invoiced: datetime) -> dict[str, Any]:
    """The body of `POST /v3/shipments/labels`. Invoices go without a number, which lets Flipkart number them."""
    return {"shipments": [_packed(one, invoiced) for one in packings]}


def _packed(packing: Packing, invoiced: datetime) -> dict[str, Any]:
    parcel = packing.parcel
    return {
        "shipmentId": parcel.shipment_id,
        "locationId": parcel.location_id,
        "taxItems": [
            {"orderItemId": item.item_id, "taxRate": float(packing.rates[item.item_id]), "quantity": item.quantity} for item in parcel.live
        ],
        "invoices": [{"orderId": order_id, "invoiceDate": ist_stamp(invoiced)} for order_id in parcel.order_ids],
        "subShipments": [
            {"subShipmentId": piece.piece_id, "dimensions": _measures(packing.sizes[piece.piece_id])} for piece in parcel.pieces
        ],
        "ignoreWarning": False,
    }


def _measures(size: Size) -> dict[str, float]:
    return {"length": float(size.length), "breadth": float(size.breadth), "height": float(size.height), "weight": float(size.weight)}


def cancel_body(cancelled: Mapping[str, Sequence[str]], parcels: Sequence[Parcel], reason: str) -> dict[str, Any]:
    """The body of `POST /v3/shipments/cancel`: the groups to cancel of each parcel, by its id."""
    return {
        "shipments": [
            {
                "shipmentId": one.shipment_id,
                "locationId": one.location_id,
                "cancellationGroupIds": list(cancelled[one.shipment_id]),
                "reason": reason,
            }
            for one in parcels
        ]
    }


def dispatch_body(parcels: Sequence[Parcel], location_id: str) -> dict[str, Any]:
    """The body of `POST /v3/shipments/dispatch`, for parcels of one location."""
    return {"shipmentIds": [one.shipment_id for one in parcels], "locationId": location_id}


def read_results(body: bytes, what: str) -> dict[str, Result]:
    """What became of each parcel, by its id. The specification names the field `status`, the guide `processingStatus`."""
    answer = decode(body, _Answer, what)
    return {row.shipment_id: _result(row) for row in answer.shipments}


def _result(row: _Row) -> Result:
    taken = (row.processing_status or row.status or "").upper() in {"SUCCESS", "WARNING"}
    return Result(taken=taken, code=(row.error_code or "")[:60], words=(row.error_message or "")[:200])
