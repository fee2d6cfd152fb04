"""What is in an export: its sheets, each a query over the seller's own rows. No buyer is in it, and nothing that is sealed."""

from typing import LiteralString, NamedTuple


class Sheet(NamedTuple):
    """One file of an export. The columns of the query are its columns; `marketplace` is shown by its name, moments in Indian time."""

    name: str
    query: LiteralString


_OF_ACCOUNT: LiteralString = "a.name AS account, a.marketplace_code AS marketplace"
_ACCOUNT: LiteralString = "JOIN marketplace_accounts a ON a.id = "

SHEETS = (
    Sheet(
        "accounts",
        f"SELECT {_OF_ACCOUNT}, a.external_account_id AS shop, a.state, a.created_at AS connected, a.disconnected_at AS disconnected "  # noqa: S608
        "FROM marketplace_accounts a ORDER BY a.created_at, a.id",
    ),
    Sheet(
        "orders",
        f"""SELECT {_OF_ACCOUNT}, o.external_order_id AS "order", o.status, o.raw_status AS status_at_marketplace, o.placed_at AS placed,
                o.marketplace_updated_at AS last_change, o.dispatch_by, o.total_amount AS total, o.currency, o.payment_method AS payment,
                o.fulfilment, o.ship_city AS city, o.ship_state AS state, o.ship_pincode AS pincode
            FROM orders o {_ACCOUNT} o.marketplace_account_id ORDER BY o.id""",  # noqa: S608
    ),
    Sheet(
        "order-items",
        f"""SELECT {_OF_ACCOUNT}, o.external_order_id AS "order", i.external_item_id AS item, i.sku, i.title, i.quantity,
                i.unit_amount AS price_each, o.currency, i.status
            FROM order_items i JOIN orders o ON o.id = i.order_id {_ACCOUNT} o.marketplace_account_id ORDER BY i.id""",  # noqa: S608
    ),
    Sheet(
        "shipments",
        f"""SELECT {_OF_ACCOUNT}, o.external_order_id AS "order", s.external_shipment_id AS shipment, s.awb, s.carrier, s.status,
                s.raw_status AS status_at_marketplace, s.handed_over_at AS handed_over
            FROM shipments s JOIN orders o ON o.id = s.order_id {_ACCOUNT} s.marketplace_account_id ORDER BY s.id""",  # noqa: S608
    ),
    Sheet(
        "returns",
        f"""SELECT {_OF_ACCOUNT}, r.external_return_id AS "return", r.external_order_id AS "order", r.kind, r.status,
                r.raw_status AS status_at_marketplace, r.created_at AS began, r.delivered_at AS delivered, r.claim_due_at AS claim_until,
                r.reason, r.refund_amount AS refund, r.currency, r.carrier, r.awbs
            FROM order_returns r {_ACCOUNT} r.marketplace_account_id ORDER BY r.id""",  # noqa: S608
    ),
    Sheet(
        "return-items",
        f"""SELECT {_OF_ACCOUNT}, r.external_return_id AS "return", i.external_item_id AS item, i.sku, i.title, i.quantity, i.reason,
                i.condition
            FROM order_return_items i JOIN order_returns r ON r.id = i.order_return_id {_ACCOUNT} r.marketplace_account_id
            ORDER BY i.id""",  # noqa: S608
    ),
    Sheet(
        "payouts",
        f"""SELECT {_OF_ACCOUNT}, p.external_payout_id AS payout, p.status, p.net_amount AS net, p.lines_amount AS lines,
                p.difference_amount AS difference, p.currency, p.paid_at AS paid, p.period_start, p.period_end, p.source
            FROM marketplace_payouts p {_ACCOUNT} p.marketplace_account_id ORDER BY p.id""",  # noqa: S608
    ),
    Sheet(
        "payout-lines",
        f"""SELECT {_OF_ACCOUNT}, p.external_payout_id AS payout, l.line_key AS line, l.kind, l.description, l.amount, p.currency,
                l.external_order_id AS "order", l.external_item_id AS item, l.sku, l.quantity, l.posted_at AS posted
            FROM payout_line_items l JOIN marketplace_payouts p ON p.id = l.marketplace_payout_id {_ACCOUNT} p.marketplace_account_id
            ORDER BY l.id""",  # noqa: S608
    ),
    Sheet(
        "listings",
        f"""SELECT {_OF_ACCOUNT}, l.sku, l.own_sku, l.external_listing_id AS listing, l.title, l.status, l.price, l.currency,
                l.quantity_seen AS quantity, l.quantity_seen_at AS quantity_as_of
            FROM listings l {_ACCOUNT} l.marketplace_account_id ORDER BY l.id""",  # noqa: S608
    ),
    Sheet(
        "tax-invoices",
        f"""SELECT {_OF_ACCOUNT}, i.number, i.issued_on AS date, i.external_order_id AS "order", i.total / 100.0 AS total
            FROM tax_invoices i {_ACCOUNT} i.marketplace_account_id ORDER BY i.created_at, i.id""",  # noqa: S608
    ),
)
