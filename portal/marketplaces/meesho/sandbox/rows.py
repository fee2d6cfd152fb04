"""Rows as the sandbox's Meesho writes them: the field names are the wire's."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

NOTHING = Decimal("0.00")


class OrderRow(msgspec.Struct, kw_only=True):
    order_num: str
    sub_order_num: str
    status: str
    created_at: datetime
    updated_at: datetime
    expected_dispatch_date: datetime
    sla_status: str = "ON_TIME"
    hold: bool = False
    unverified: bool = False
    sku: str
    product_id: str
    catalog_id: str
    name: str
    variation: str
    quantity: int
    listed_price: Decimal
    discounted_price: Decimal
    gst_rate: str
    hsn: str
    payment_mode: str
    customer_state: str
    packet_id: str = ""
    awb: str = ""
    carrier: str = ""


class Reason(msgspec.Struct, kw_only=True):
    return_reason: str
    detailed_reason: str


class Proof(msgspec.Struct, kw_only=True):
    otp_verified_flag: bool = False
    digital_pod_url: str | None = None


class Product(msgspec.Struct, kw_only=True):
    name: str
    sku: str
    meesho_pid: str
    variation: str
    quantity: int


class ReturnRow(msgspec.Struct, kw_only=True):
    order_num: str
    sub_order_num: str
    sub_order_identifier: str
    type: str
    sub_type: str
    shipment_status: str
    created_at: datetime
    updated_at: datetime
    expected_delivery_date: date
    delivered_at: datetime | None
    awb: str
    carrier_name: str
    tracking_url: str = ""
    return_price_type: str = "NORMAL"
    return_reason_details: Reason
    proof_of_delivery: Proof
    product: Product


class PaymentRow(msgspec.Struct, kw_only=True):
    """The columns of the payment file's newer layout, in snake case."""

    sub_order_no: str
    order_date: date
    dispatch_date: date
    product_name: str
    supplier_sku: str
    live_order_status: str
    product_gst: str
    listing_price_incl_taxes: Decimal
    quantity: int
    transaction_id: str
    payment_date: date
    final_settlement_amount: Decimal = NOTHING
    price_type: str = "NORMAL"
    total_sale_amount: Decimal = NOTHING
    total_sale_return_amount: Decimal = NOTHING
    fixed_fee_incl_gst: Decimal = NOTHING
    warehousing_fee_incl_gst: Decimal = NOTHING
    return_premium_incl_gst: Decimal = NOTHING
    meesho_commission_percentage: Decimal = NOTHING
    meesho_commission_incl_gst: Decimal = NOTHING
    meesho_gold_platform_fee_incl_gst: Decimal = NOTHING
    meesho_mall_platform_fee_incl_gst: Decimal = NOTHING
    return_shipping_charge_incl_gst: Decimal = NOTHING
    gst_compensation_prp_shipping: Decimal = NOTHING
    shipping_charge_incl_gst: Decimal = NOTHING
    other_support_service_charges_excl_gst: Decimal = NOTHING
    waivers_excl_gst: Decimal = NOTHING
    net_other_support_service_charges_excl_gst: Decimal = NOTHING
    gst_on_net_other_support_service_charges: Decimal = NOTHING
    tcs: Decimal = NOTHING
    tds_rate: Decimal = NOTHING
    tds: Decimal = NOTHING
    compensation: Decimal = NOTHING
    claims: Decimal = NOTHING
    recovery: Decimal = NOTHING
    compensation_reason: str = ""
    claims_reason: str = ""
    recovery_reason: str = ""


PAID_PARTS = (
    # column of the row, our line's key, its kind, its description
    ("total_sale_amount", "sale", "sale", "Sale amount"),
    ("total_sale_return_amount", "sale_return", "refund", "Sale amount taken back"),
    ("fixed_fee_incl_gst", "fixed_fee", "fee", "Fixed fee"),
    ("meesho_commission_incl_gst", "commission", "fee", "Commission"),
    ("return_shipping_charge_incl_gst", "return_shipping", "shipping", "Return shipping charge"),
    ("other_support_service_charges_excl_gst", "support", "fee", "Other support service charges"),
    ("waivers_excl_gst", "waivers", "reimbursement", "Waivers"),
    ("gst_on_net_other_support_service_charges", "support_gst", "fee_tax", "GST on other support service charges"),
    ("tcs", "tcs", "tcs", "TCS"),
    ("tds", "tds", "tds", "TDS"),
    ("compensation", "compensation", "reimbursement", "Compensation"),
)
"""The parts this sandbox pays and charges, as the tables should have them. Kept apart from the reader on purpose."""
