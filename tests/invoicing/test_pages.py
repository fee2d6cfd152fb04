"""The pages of tax invoices: settled once, made from an order's page, refused to whoever may not."""

import pytest

from portal.invoicing.routes import ROUTES as SETTINGS
from portal.listings.routes import ROUTES as LISTINGS
from portal.orders.invoice_routes import ROUTES as INVOICES
from portal.orders.routes import ROUTES as ORDERS
from portal.postgres import Addresses
from portal.tables.people import Role
from portal.vault import Vault
from tests.documents.seeing import texts
from tests.factories import make_account, make_seller
from tests.invoicing.making import GSTIN, TYPED, rows, settle, sold
from tests.listings.test_keeping import KURTA, keep
from tests.visiting import Person, browsing

pytestmark = pytest.mark.anyio


async def test_settings_are_kept_and_on_record(connected: Addresses) -> None:
    """And another account of the seller begins with them."""
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    account, other = await make_account(asha), await make_account(asha, external="A2", name="Delhi store")
    where = f"/accounts/{account.id}/tax"
    async with browsing(Person(asha), SETTINGS) as browser:
        assert 'name="billed_gstin"' not in (await browser.get(where)).text
        answer = await browser.send_form(where, TYPED | {"gstin": f" {GSTIN.lower()} "})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/accounts/{account.id}")
        assert f'value="{GSTIN}"' in (await browser.get(where)).text
        again = (await browser.get(f"/accounts/{other.id}/tax")).text
        assert "Filled in from another account" in again
        assert f'value="{GSTIN}"' in again
    assert len(await rows(asha, "SELECT FROM tax_settings")) == 1
    (entry,) = await rows(asha, "SELECT after, actor FROM audit_entries WHERE action = 'tax.settings_saved'")
    assert tuple(entry) == (f"GSTIN {GSTIN}, numbers begin with AT, by default HSN 6103, rate 5%", "Asha")
    async with browsing(Person(chitra), SETTINGS) as browser:
        assert (await browser.get(where)).status_code == 404
        assert (await browser.send_form(where, TYPED)).status_code == 404


WRONG = (
    ("gstin", "24ABCDE1234F1Z7"),
    ("gstin", "99AAAAA0000A1Z5"),
    ("gstin", ""),
    ("legal_name", "x"),
    ("address", ""),
    ("address", "a" * 401),
    ("prefix", ""),
    ("prefix", "TOOLONG"),
    ("prefix", "A/B"),
    ("default_hsn", "61"),
    ("default_rate", "17%"),
)


async def test_what_no_invoice_may_carry_is_refused_at_its_field(connected: Addresses) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    async with browsing(Person(asha), SETTINGS) as browser:
        for name, wrong in WRONG:
            answer = await browser.send_form(f"/accounts/{account.id}/tax", TYPED | {name: wrong})
            assert (answer.status_code, f'href="#{name}"' in answer.text) == (422, True), (name, wrong)
    assert await rows(asha, "SELECT FROM tax_settings") == []


async def test_a_marketplace_that_buys_is_named_on_the_invoice(connected: Addresses) -> None:
    asha = await make_seller()
    account = await make_account(asha, code="AJIO", external="DV01", name="Ajio store")
    where = f"/accounts/{account.id}/tax"
    billed = {"billed_name": "Big Buyer Ltd", "billed_address": "1 Sea Road, Mumbai", "billed_gstin": "27AAPFU0939F1ZV"}
    async with browsing(Person(asha), SETTINGS) as browser:
        assert (await browser.send_form(where, TYPED)).status_code == 422
        assert (await browser.send_form(where, TYPED | billed)).status_code == 303
    assert [row["billed_gstin"] for row in await rows(asha, "SELECT billed_gstin FROM tax_settings")] == ["27AAPFU0939F1ZV"]


async def test_an_order_gets_its_invoice(connected: Addresses, keys: Vault) -> None:
    """First the way to the settings, then the button, then the paper; a second click makes no second one."""
    asha = await make_seller()
    account = await make_account(asha)
    order = await sold(account, keys)
    async with browsing(Person(asha), [ORDERS, *SETTINGS], vault=keys) as browser:
        before = (await browser.get(f"/orders/{order}")).text
        assert f"/accounts/{account.id}/tax" in before
        assert "Make tax invoice" not in before
        assert (await browser.get(f"/orders/{order}/invoice.pdf")).status_code == 404
        assert (await browser.send_form(f"/orders/{order}/invoice")).status_code == 409
        await browser.send_form(f"/accounts/{account.id}/tax", TYPED)
        assert "Make tax invoice" in (await browser.get(f"/orders/{order}")).text
        for _ in range(2):
            assert (await browser.send_form(f"/orders/{order}/invoice")).status_code == 303
        shown = (await browser.get(f"/orders/{order}")).text
        assert "AT/2627/1" in shown
        assert "Make tax invoice" not in shown
        paper = await browser.get(f"/orders/{order}/invoice.pdf")
    assert paper.headers["cache-control"] == "no-store"
    assert 'filename="invoice-AT-2627-1.pdf"' in paper.headers["content-disposition"]
    assert "AT/2627/1" in texts(paper.content)[0]
    assert len(await rows(asha, "SELECT FROM tax_invoices")) == 1


async def test_a_state_nobody_knows_is_chosen(connected: Addresses, keys: Vault) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys, ship_state="Atlantis", ship_pincode="")
    async with browsing(Person(asha), [ORDERS], vault=keys) as browser:
        refused = await browser.send_form(f"/orders/{order}/invoice")
        assert refused.status_code == 422
        assert 'href="#place_of_supply"' in refused.text
        assert (await browser.send_form(f"/orders/{order}/invoice", {"place_of_supply": "24"})).status_code == 303


async def test_where_the_marketplaces_own_is_here_none_is_offered(connected: Addresses, keys: Vault) -> None:
    """Nobody issues two invoices for one sale."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys)
    await rows(
        asha,
        """WITH batch AS (INSERT INTO batches (id, seller_id, marketplace_account_id, number, state)
               VALUES (gen_random_uuid(), $1, $2, 1, 'closed') RETURNING id)
           INSERT INTO documents (id, seller_id, marketplace_account_id, batch_id, external_order_id, kind, key, size, sha256)
           SELECT gen_random_uuid(), $1, $2, id, '403-0000001', 'invoice', 'k', 1, 's' FROM batch""",
        asha,
        account.id,
    )
    async with browsing(Person(asha), [ORDERS], vault=keys) as browser:
        shown = (await browser.get(f"/orders/{order}")).text
        assert "among the papers of its batch" in shown
        assert "Make tax invoice" not in shown
        assert (await browser.send_form(f"/orders/{order}/invoice")).status_code == 409
    assert await rows(asha, "SELECT FROM tax_invoices") == []


@pytest.mark.parametrize(
    ("role", "settles", "invoices"),
    [
        (Role.OWNER, True, True),
        (Role.ADMIN, True, True),
        (Role.FINANCE, True, False),
        (Role.OPERATOR, False, False),
        (Role.VIEWER, False, False),
    ],
)
async def test_each_role(connected: Addresses, keys: Vault, role: Role, *, settles: bool, invoices: bool) -> None:
    """Finance settles what things are taxed at; an invoice tells money and buyer, so it takes a role that sees both."""
    asha = await make_seller()
    account = await make_account(asha)
    await settle(account)
    order = await sold(account, keys)
    await keep(account, KURTA)
    listing = (await rows(asha, "SELECT id FROM listings"))[0]["id"]
    async with browsing(Person(asha, role), [ORDERS, LISTINGS, *SETTINGS], vault=keys) as browser:
        assert ('id="invoice"' in (await browser.get(f"/orders/{order}")).text) is invoices
        assert ('name="hsn"' in (await browser.get(f"/listings/{listing}")).text) is settles
        for path, form in ((f"/accounts/{account.id}/tax", TYPED), (f"/listings/{listing}/tax", {"hsn": "6103", "rate": "5%"})):
            assert (await browser.send_form(path, form)).status_code == (303 if settles else 403)
        for path in (f"/accounts/{account.id}/tax", "/listings/tax"):
            assert (await browser.get(path)).status_code == (200 if settles else 403)
        assert (await browser.send_form(f"/orders/{order}/invoice")).status_code == (303 if invoices else 403)
        assert (await browser.get(f"/orders/{order}/invoice.pdf")).status_code == (200 if invoices else 403)


async def test_a_listing_and_a_file_say_what_articles_are_taxed_at(connected: Addresses) -> None:
    asha = await make_seller()
    await keep(await make_account(asha), KURTA)
    listing = (await rows(asha, "SELECT id FROM listings"))[0]["id"]
    async with browsing(Person(asha), [LISTINGS]) as browser:
        refused = await browser.send_form(f"/listings/{listing}/tax", {"hsn": "61", "rate": "17%"})
        assert refused.status_code == 422
        assert all(f'href="#{name}"' in refused.text for name in ("hsn", "rate"))
        await browser.send_form(f"/listings/{listing}/tax", {"hsn": "6103", "rate": "5%"})
        assert 'value="6103"' in (await browser.get(f"/listings/{listing}")).text

        async def send(content: bytes) -> str:
            answer = await browser.send_form("/listings/tax", files={"file": ("codes.csv", content)})
            return answer.text if answer.status_code != 303 else (await browser.get("/listings/tax")).text

        assert "Rows kept: 1." in await send(b"sku,hsn,gst rate\nBAG,420212,18\n")
        mixed = await send(b"sku,hsn,gst rate\nBAG,420212,12\nCAP,65,5\n")
        assert "row 3: An HSN code has 4, 6 or 8 digits." in mixed
        assert "12%" in mixed
        assert "There is a problem" in await send(b"nothing")
        assert (await browser.send_form("/listings/tax")).status_code == 422


async def test_every_invoice_stays_in_reach_when_its_order_is_deleted(connected: Addresses, keys: Vault) -> None:
    """The law asks for it, whatever became of the account; and nobody else's is on the list."""
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    account, other = await make_account(asha), await make_account(asha, external="A2", name="Delhi store")
    await settle(account)
    order = await sold(account, keys)
    async with browsing(Person(asha), [ORDERS, INVOICES], vault=keys) as browser:
        assert "No tax invoice was issued here yet" in (await browser.get("/invoices")).text
        assert (await browser.send_form(f"/orders/{order}/invoice")).status_code == 303
        (kept,) = await rows(asha, "SELECT id, total FROM tax_invoices")
        await rows(asha, "UPDATE marketplace_accounts SET state = 'disconnected' WHERE id = $1", account.id)
        await rows(asha, "DELETE FROM orders")
        shown = (await browser.get(f"/invoices?account={account.id}")).text
        assert "AT/2627/1" in shown
        assert f"/orders/{order}" not in shown
        assert "₹3,359.00" in shown
        assert "AT/2627/1" not in (await browser.get(f"/invoices?account={other.id}")).text
        paper = await browser.get(f"/invoices/{kept['id']}/pdf")
        assert "AT/2627/1" in texts(paper.content)[0]
        assert paper.headers["cache-control"] == "no-store"
    assert len(await rows(asha, "SELECT FROM audit_entries WHERE action = 'buyer.shown'")) == 1
    async with browsing(Person(chitra), [INVOICES], vault=keys) as browser:
        assert (await browser.get(f"/invoices/{kept['id']}/pdf")).status_code == 404
        assert "AT/2627/1" not in (await browser.get("/invoices")).text
    for role in (Role.FINANCE, Role.OPERATOR, Role.VIEWER):
        async with browsing(Person(asha, role), [INVOICES], vault=keys) as browser:
            assert (await browser.get("/invoices")).status_code == 403
