"""Payment rows: one per sub-order and transaction, keyed by the names of the payment file's columns."""

from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.meesho.settlement import Columns, SettledRow, settled
from portal.marketplaces.meesho.wire.rows import Rows, read_rows

SHOWN = ("sub_order_no", "transaction_id", "payment_date", "final_settlement_amount", "live_order_status", "price_type", "supplier_sku")

_ROW = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def payments_page(body: bytes) -> Rows[SettledRow]:
    """Settled rows of one page. Raises WireChanged."""
    return read_rows(body, _settled, shown=SHOWN, what="payments page")


def _settled(raw: msgspec.Raw) -> SettledRow:
    row = _ROW.decode(raw)
    return settled(Columns.found_in(row), row)
