"""What stands on an invoice is what was sold, to whom and where; and it stands there for good."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from portal import clock, db
from portal.documents.parties import state_code
from portal.documents.tax import rupees
from portal.errors import BadInput, NotFound, SecretUnreadable
from portal.invoicing import issuing
from portal.invoicing import kept as on_record
from portal.invoicing.issuing import CannotInvoice
from portal.marketplaces.facts import OrderStatus
from portal.orders import invoices
from portal.postgres import Addresses
from portal.tables.people import Role
from portal.vault import Vault
from tests.documents.seeing import read, texts
from tests.factories import make_account, make_seller, make_user
from tests.invoicing.making import BAG, GSTIN, KURTA, NOON, rows, settle, sold, tax

pytestmark = pytest.mark.anyio

TODAY = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "pincode", "code"),
    [
        ("MAHARASHTRA", "", "27"),
        ("IN-MH", "", "27"),
        ("mh", "", "27"),
        ("Jammu & Kashmir", "", "01"),
        ("Orissa", "", "21"),
        ("NCT of Delhi", "", "07"),
        ("27", "", "27"),
        ("", "380001", "24"),
        ("", "160001", ""),
        ("Atlantis", "380001", ""),
        ("", "", ""),
    ],
)
def test_states_are_known_however_they_are_written(state: str, pincode: str, code: str) -> None:
    """A pincode stands in for a state that was not told, never against one we cannot read."""
    assert state_code(state, pincode) == code


async def test_the_paper_says_everything_the_law_asks_for(connected: Addresses, keys: Vault) -> None:
    """To the paisa, with the article's own code and rate before the default, between two states; and a scanner reads its number."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    await tax(asha, "BAG-L", "420212", 1800)
    order = await sold(account, keys)
    with clock.stopped_at(TODAY):
        await invoices.issue(asha, order, keys, by="asha@example.in")
    paper = await invoices.printed(asha, order, keys, by="asha@example.in")
    (page,) = texts(paper.content)
    for words in (
        "AT/2627/1",
        "22 Nov 2026",
        "Asha Textiles",
        GSTIN,
        "Maharashtra (27)",
        "403-0000001",
        "6103",
        "420212",
        "IGST",
        "5%",
        "18%",
    ):
        assert words in page
    # 999.00 at 5% and 2,360.00 at 18%, with the tax inside.
    for paise in (95_143, 4_757, 99_900, 200_000, 36_000, 236_000, 335_900):
        assert rupees(paise) in page
    assert "Pune 411001" in page
    (symbols,) = read(paper.content)
    assert "AT/2627/1" in symbols.values()
    assert [row["total"] for row in await rows(asha, "SELECT total FROM tax_invoices")] == [335_900]


async def test_within_one_state_it_is_two_halves(connected: Addresses, keys: Vault) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys, ship_state="Gujarat")
    await invoices.issue(asha, order, keys, by="asha")
    (page,) = texts((await invoices.printed(asha, order, keys, by="asha")).content)
    assert "CGST" in page
    assert "IGST" not in page


async def test_an_invoice_stays_as_it_was_issued(connected: Addresses, keys: Vault) -> None:
    """Whatever becomes of the order, the articles and the settings afterwards; asking again issues nothing."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys)
    await invoices.issue(asha, order, keys, by="asha")
    before = texts((await invoices.printed(asha, order, keys, by="asha")).content)
    await settle(account, legal_name="Somebody Else", prefix="NEW")
    await tax(asha, "KURTA-M", "9999", 2800)
    await sold(account, keys, items=(replace(KURTA, quantity=9),), ship_state="Kerala", marketplace_updated_at=TODAY)
    await invoices.issue(asha, order, keys, by="asha")
    assert texts((await invoices.printed(asha, order, keys, by="asha")).content) == before
    assert len(await rows(asha, "SELECT FROM tax_invoices")) == 1


async def test_the_buyer_is_sealed_and_opening_him_is_on_record(connected: Addresses, keys: Vault) -> None:
    """And when the key of this seller's buyers is gone, the invoice still is there, to nobody."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys)
    await invoices.issue(asha, order, keys, by="asha")
    (row,) = await rows(asha, "SELECT * FROM tax_invoices")
    assert "प्रियंका" not in str(dict(row))
    assert "Pune" not in str(dict(row))
    await invoices.printed(asha, order, keys, by="bala")
    trail = await rows(asha, "SELECT actor, after FROM audit_entries WHERE action = 'buyer.shown'")
    assert [tuple(row) for row in trail] == [("bala", "Buyer of order 403-0000001 shown on invoice AT/2627/1")]
    async with db.transaction(asha) as held:
        await held.execute("DELETE FROM buyer_data_keys")
    (page,) = texts((await invoices.printed(asha, order, keys, by="bala")).content)
    assert "Unregistered buyer" in page
    assert "Pune" not in page


async def test_a_buyer_that_does_not_open_takes_no_number(connected: Addresses, keys: Vault) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    await make_user(asha, "asha@example.in", role=Role.OWNER)
    order = await sold(account, keys)
    async with db.transaction(asha) as held:
        await held.execute("UPDATE orders SET buyer_name = decode('00', 'hex') || buyer_name")
    with pytest.raises(SecretUnreadable):
        await invoices.issue(asha, order, keys, by="asha")
    assert await rows(asha, "SELECT FROM tax_invoices") == []
    assert len(await rows(asha, "SELECT FROM marketplace_credential_events WHERE kind = 'open_failed'")) == 1


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"status": OrderStatus.READY}, "when the order is shipped"),
        ({"items": (replace(KURTA, unit_amount=None),)}, "no price of KURTA-M"),
        ({"items": (replace(KURTA, status="Cancelled"),)}, "Nothing of this order"),
        ({"items": (replace(KURTA, quantity=1, unit_amount=Decimal(50_000)),), "buyer": None}, "names its buyer"),
        ({"items": (replace(BAG, sku="", title="Bag"),)}, "Bag has no HSN code"),
    ],
    ids=["not shipped", "no price", "nothing left", "no name", "no code"],
)
async def test_what_cannot_be_said_is_not_issued(connected: Addresses, keys: Vault, told: dict[str, Any], words: str) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account, default_hsn="", default_rate="")
    await tax(asha, "KURTA-M", "6103", 500)
    order = await sold(account, keys, **told)
    with pytest.raises(CannotInvoice, match=words):
        await issuing.issue(asha, order, seal=None, by="asha")
    assert await rows(asha, "SELECT FROM invoice_series") == []


async def test_a_place_nobody_knows_is_asked_for(connected: Addresses, keys: Vault) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys, ship_state="Atlantis", ship_pincode="")
    for wrong in ("", "99", "Maharashtra"):
        with pytest.raises(BadInput):
            await issuing.issue(asha, order, seal=None, by="asha", place_of_supply=wrong)
    await issuing.issue(asha, order, seal=None, by="asha", place_of_supply="24")
    known = await sold(account, keys, 2)
    await issuing.issue(asha, known, seal=None, by="asha", place_of_supply="24")
    async with db.transaction(asha):
        places = [await on_record.of_order(account.id, f"403-000000{number}") for number in (1, 2)]
    assert [kept and kept.content.place_of_supply for kept in places] == ["24", "27"]


async def test_only_what_was_packed_is_invoiced(connected: Addresses, keys: Vault) -> None:
    """Where the order went through a batch, the pieces promised there count, and a line without any is left out."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys)
    await rows(
        asha,
        """WITH batch AS (INSERT INTO batches (id, seller_id, marketplace_account_id, number, state)
               VALUES (gen_random_uuid(), $1, $2, 1, 'closed') RETURNING id)
           INSERT INTO batch_orders (seller_id, marketplace_account_id, batch_id, external_order_id, state, confirmed)
           SELECT $1, $2, id, '403-0000001', 'done', '{"1": 1, "2": 0}' FROM batch""",
        asha,
        account.id,
    )
    await issuing.issue(asha, order, seal=None, by="asha")
    async with db.transaction(asha):
        kept = await on_record.of_order(account.id, "403-0000001")
    assert kept is not None
    assert [(sale.sku, sale.quantity, sale.amount) for sale in kept.content.sales] == [("KURTA-M", 1, 49_950)]


async def test_an_own_sku_stands_for_the_marketplaces(connected: Addresses, keys: Vault) -> None:
    """One code and rate per article of the seller, under whatever SKU a marketplace sells it."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    await tax(asha, "OWN-BAG", "420212", 1800)
    async with db.transaction(asha) as held:
        await held.execute(
            "INSERT INTO listings (seller_id, marketplace_account_id, sku, own_sku) VALUES ($1, $2, 'BAG-L', 'OWN-BAG')", asha, account.id
        )
    await issuing.issue(asha, await sold(account, keys, items=(BAG,)), seal=None, by="asha")
    async with db.transaction(asha):
        kept = await on_record.of_order(account.id, "403-0000001")
    assert kept is not None
    assert [(sale.hsn, sale.rate) for sale in kept.content.sales] == [("420212", 1800)]


async def test_chitra_neither_issues_nor_prints_ashas_invoices(connected: Addresses, keys: Vault) -> None:
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys)
    with pytest.raises(NotFound):
        await invoices.issue(chitra, order, keys, by="chitra")
    await invoices.issue(asha, order, keys, by="asha")
    with pytest.raises(NotFound):
        await invoices.printed(chitra, order, keys, by="chitra")


async def test_half_paise_are_rounded_up_once(connected: Addresses, keys: Vault) -> None:
    """Of the whole line, not of each piece."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys, items=(replace(KURTA, quantity=3, unit_amount=Decimal("33.3350")),), placed_at=NOON)
    await issuing.issue(asha, order, seal=None, by="asha")
    assert [row["total"] for row in await rows(asha, "SELECT total FROM tax_invoices")] == [10_001]
