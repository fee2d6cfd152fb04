"""Parcels on their way to buyers."""

from piccolo.columns import UUID, BigInt, BigSerial, Integer, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.constraints import Unique
from piccolo.table import Table


class Shipment(Table, tablename="shipments"):
    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    order_id = BigInt(default=None, index=True)
    external_shipment_id = Varchar(length=80, default=None)
    awb = Varchar(length=80, default="")
    carrier = Varchar(length=80, default="")
    status = Varchar(length=40, default="")
    raw_status = Varchar(length=80, default="")
    handed_over_at = Timestamptz(null=True, default=None)
    changed_at = Timestamptz(default=TimestamptzNow())

    shipments_account_external_id = Unique(["marketplace_account_id", "external_shipment_id"])


class ShipmentItem(Table, tablename="shipment_items"):
    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    shipment_id = BigInt(default=None)
    external_item_id = Varchar(length=80, default=None)
    quantity = Integer(default=None)

    shipment_items_shipment_external_id = Unique(["shipment_id", "external_item_id"])
