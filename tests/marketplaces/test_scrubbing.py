"""The last net: what looks like a secret or a buyer is not kept, what names an order or a parcel is."""

import pytest

from portal.marketplaces.scrubbing import HIDDEN, scrub, scrubbed

KEPT = ("403-1234567-1234567", "OD112345678901234500", "KURTA-RED-M-001", "FMPP0123456789", "HTTP 503 · 812 ms", "2026-11-20T06:30:00Z")


@pytest.mark.parametrize("text", KEPT)
def test_ids_and_figures_stay(text: str) -> None:
    assert scrub(f"Row {text} was refused.") == f"Row {text} was refused."


@pytest.mark.parametrize(
    "text", ["9000012345", "+91 90000 12345", "+919000012345", "09000012345", "meera.iyer@shop.example.in", "Atza|" + "x9" * 30]
)
def test_people_and_passes_go(text: str) -> None:
    assert scrub(f"Call {text} now.") == f"Call {HIDDEN} now."


def test_the_accounts_own_secrets_go_however_short() -> None:
    assert scrub("password hunter2 was refused", ["hunter2"]) == f"password {HIDDEN} was refused"


def test_a_row_loses_private_members_at_any_depth() -> None:
    row = {
        "orderId": "403-1",
        "buyerName": "Meera",
        "lines": [{"sku": "K-1", "note": "ring 9000012345", "shipAddress": {"line1": "x"}}],
        "tel": 9000012345,
    }
    assert scrubbed(row) == {"orderId": "403-1", "lines": [{"sku": "K-1", "note": f"ring {HIDDEN}"}], "tel": HIDDEN}
