"""What marketplaces tell us, free of any wire format and of any table.

Money is a Decimal in major units (rupees, not paise) with an ISO 4217 currency; times are aware, in UTC. `raw_status` is the
marketplace's own word and survives even when we do not know it; `status` is ours.
"""

from portal.marketplaces.facts.batches import (
    BatchFacts,
    BatchLine,
    BatchOrder,
    Decision,
    DocumentFact,
    HeldOrder,
    MarkedOrder,
    PassedOrder,
    StageOutcome,
)
from portal.marketplaces.facts.invoices import InvoiceAsked, InvoiceLine, InvoicesMade, OwnInvoice
from portal.marketplaces.facts.listings import LineOutcome, ListingFact, StockLine
from portal.marketplaces.facts.orders import Buyer, OrderFact, OrderItemFact, OrderStatus, ShipmentFact
from portal.marketplaces.facts.payouts import LineKind, PayoutFact, PayoutLineFact
from portal.marketplaces.facts.returns import ReturnFact, ReturnItemFact, ReturnKind, ReturnStatus
from portal.marketplaces.facts.unreadable import UnreadableRow

__all__ = [
    "BatchFacts",
    "BatchLine",
    "BatchOrder",
    "Buyer",
    "Decision",
    "DocumentFact",
    "HeldOrder",
    "InvoiceAsked",
    "InvoiceLine",
    "InvoicesMade",
    "LineKind",
    "LineOutcome",
    "ListingFact",
    "MarkedOrder",
    "OrderFact",
    "OrderItemFact",
    "OrderStatus",
    "OwnInvoice",
    "PassedOrder",
    "PayoutFact",
    "PayoutLineFact",
    "ReturnFact",
    "ReturnItemFact",
    "ReturnKind",
    "ReturnStatus",
    "ShipmentFact",
    "StageOutcome",
    "StockLine",
    "UnreadableRow",
]
