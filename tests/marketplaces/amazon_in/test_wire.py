"""Whatever bytes come, the smaller wires read them or say WireChanged."""

import contextlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.marketplaces.amazon_in.wire import answers, listings, reports, returns, sellers, settlements
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import StockLine

LINE = StockLine(task_id=UUID(int=1), sku="S", quantity=1)
WORDS = ("items", "payload", "reports", "feeds", "errors", "message", "status", "summary", "sku", "summaries", "offers", "price", "amount")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.sampled_from(["NaN", "1e400", "-7.5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)
BYTES = st.binary(max_size=100) | JSON.map(msgspec.json.encode)

READERS: list[Callable[[bytes], Any]] = [
    answers.trouble,
    answers.refusal,
    listings.read_listings,
    reports.read_reports,
    reports.read_report,
    reports.created_report,
    reports.read_document,
    reports.new_document,
    reports.read_feeds,
    reports.read_feed,
    reports.created_feed,
    lambda body: sellers.participation_in(body, "A21TJRUUN4KGV"),
    lambda body: listings.patch_outcome(body, LINE),
    lambda body: listings.feed_outcomes(body.decode("latin-1").splitlines(), [LINE]),
]


@pytest.mark.parametrize("reader", READERS)
@given(body=BYTES)
def test_bytes_are_read_or_the_wire_has_changed(reader: Callable[[bytes], Any], body: bytes) -> None:
    with contextlib.suppress(WireChanged):
        reader(body)


CELLS = st.text(alphabet="settlement-id\t0123456789.,/- UTC", max_size=60)


@given(st.lists(CELLS, max_size=6))
def test_tables_set_odd_rows_aside_and_raise_nothing_else(rows: list[str]) -> None:
    headers = {
        "settlement": "settlement-id\ttotal-amount\tcurrency\ttransaction-type\tamount-type\tamount-description\tamount\tposted-date",
        "returns": "Order ID\tReturn request date\tMerchant SKU\tReturn quantity\tRefunded Amount\tReturn delivery date",
        "listings": "seller-sku\tquantity\tfulfillment-channel\tprice",
    }
    with contextlib.suppress(WireChanged):
        settlement = settlements.SettlementReader()
        _ = [*settlement.feed([headers["settlement"], *rows]), *settlement.end()]
    with contextlib.suppress(WireChanged):
        reader = returns.ReturnsReader()
        reader.feed([headers["returns"], *rows])
        reader.end()
    with contextlib.suppress(WireChanged):
        _ = list(listings.ListingsReader().feed([headers["listings"], *rows]))


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b'{"errors":[{"code":"Unauthorized","message":"No.","details":"It has expired."}]}', "Unauthorized", "No. It has expired."),
        (b'[{"code":"InvalidInput","message":"Could not match"}]', "InvalidInput", "Could not match"),
        (b'{"message":"Forbidden"}', "", "Forbidden"),
        (b'{"errors":[]}', "", ""),
        (b"<html></html>", "", ""),
        (b"", "", ""),
    ],
)
def test_every_shape_of_complaint_is_understood(body: bytes, code: str, words: str) -> None:
    found = answers.trouble(body)
    assert (found.code, found.words) == (code, words)
