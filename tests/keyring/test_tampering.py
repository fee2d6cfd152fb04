"""What was moved or altered in the database does not open, wherever it is; the seller gets a clear sentence, and it is on record."""

import base64
import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from portal import clock, db
from portal.accounts.job import check_account
from portal.connecting.job import test_keys as run_the_test
from portal.connecting.service import sealing
from portal.errors import SecretUnreadable
from portal.marketplaces import details
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.marketplaces.registry import marketplace
from portal.orders import buyers, finding
from portal.postgres import Addresses
from portal.tables.accounts import MarketplaceAccount
from portal.tables.syncs import RunState
from portal.tables.wizards import ConnectWizard, WizardMode
from portal.tables.wizards import TestState as WizardTestState
from portal.vault import Vault
from tests.factories import make_seller, make_user
from tests.workshop import CODE, Workshop, another_account, seen, shop_of_today, workshop

pytestmark = pytest.mark.anyio

FAILED = ("open_failed", "secret_unreadable")
SATELLITE = "amazon_account_details"
SEALED = details.sealed_columns(MARKETPLACE)


@pytest.fixture
async def works(connected: Addresses, keys: Vault) -> AsyncIterator[Workshop]:
    async with workshop(connected, keys, shop_of_today(orders=40)) as one:
        yield one


def flipped(sealed: str) -> str:
    """The ciphertext with its last bit the other way."""
    head, _, body = sealed.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(body))
    raw[-1] ^= 1
    return f"{head}.{base64.urlsafe_b64encode(raw).decode()}"


async def flip(works: Workshop, table: str, column: str, row: str = "true") -> None:
    for one in await seen(works.addresses, f"SELECT {column} AS held FROM {table} WHERE {row}"):
        await seen(works.addresses, f"UPDATE {table} SET {column} = $1 WHERE {column} = $2", flipped(one["held"]), one["held"])


async def fails_clearly(works: Workshop) -> None:
    """A sync ends with the sentence, and the account's story has the event."""
    run = await works.sync()
    assert (run.state, run.error_code) == (RunState.FAILED, "secret_unreadable")
    assert "cannot be read" in run.error_message
    assert FAILED in await works.credential_events()
    told = await seen(works.addresses, "SELECT * FROM sync_events UNION ALL SELECT * FROM sync_events")
    secrets = [value for name, value in sandbox_keys(works.bench.shop).items() if name in SEALED]
    assert not [value for value in secrets if value in str(told)]


@pytest.mark.parametrize("column", SEALED)
async def test_a_flipped_bit_in_any_sealed_column(works: Workshop, column: str) -> None:
    await flip(works, SATELLITE, column)
    await fails_clearly(works)


async def test_a_ciphertext_of_another_column(works: Workshop) -> None:
    await seen(works.addresses, f"UPDATE {SATELLITE} SET {SEALED[0]} = {SEALED[1]}, {SEALED[1]} = {SEALED[0]}")
    await fails_clearly(works)


async def test_a_ciphertext_of_another_account(works: Workshop) -> None:
    other = await another_account(works)
    await take_over(works, other.id)
    await fails_clearly(works)


async def test_a_ciphertext_of_another_seller(works: Workshop) -> None:
    stranger = Workshop(works.addresses, works.bench, works.vault, works.jobs, await make_seller("Chitra Crafts"), works.account)
    await take_over(works, (await another_account(stranger)).id)
    await fails_clearly(works)


async def take_over(works: Workshop, other: UUID) -> None:
    columns = ", ".join(f"{column} = other.{column}" for column in SEALED)
    await seen(
        works.addresses,
        f"UPDATE {SATELLITE} own SET {columns} FROM {SATELLITE} other WHERE own.marketplace_account_id = $1 AND other.marketplace_account_id = $2",
        *(works.account.id, other),
    )


async def test_a_ciphertext_of_another_table(works: Workshop, keys: Vault) -> None:
    """The very same text, sealed for the same account and column of another marketplace's satellite with the right ring."""
    elsewhere = details.place_of(marketplace("MEESHO"), "refresh_token", works.account.id)
    await seen(works.addresses, f"UPDATE {SATELLITE} SET refresh_token = $1", keys.seal(CODE, elsewhere, "Atzr|one"))
    await fails_clearly(works)


async def test_a_check_tells_it_too(works: Workshop) -> None:
    await flip(works, SATELLITE, "refresh_token")
    await check_account(works.context(), account_id=str(works.account.id), by="asha@example.in")
    assert FAILED in await works.credential_events()
    async with db.transaction(works.seller):
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == works.account.id).first()
    assert account is not None
    assert "cannot be read" in account.last_validation_message
    assert not account.needs_reconnect, "the marketplace has refused nothing"


async def test_a_wrapped_data_key_stops_the_sync_before_a_buyer_is_kept(works: Workshop) -> None:
    await buyers.seal_at_work(works.seller, MARKETPLACE, works.vault)
    await flip(works, "buyer_data_keys", "wrapped_for_marketplace")
    await fails_clearly(works)
    assert await seen(works.addresses, "SELECT 1 FROM orders") == []


async def test_a_data_key_of_another_seller_or_marketplace(works: Workshop) -> None:
    chitra = await make_seller("Chitra Crafts")
    await buyers.seal_at_work(works.seller, MARKETPLACE, works.vault)
    await buyers.seal_at_work(chitra, MARKETPLACE, works.vault)
    columns = "wrapped_for_marketplace = other.wrapped_for_marketplace, wrapped_for_buyers = other.wrapped_for_buyers"
    await seen(
        works.addresses,
        f"UPDATE buyer_data_keys own SET {columns} FROM buyer_data_keys other WHERE own.seller_id = $1 AND other.seller_id = $2",
        *(works.seller, chitra),
    )
    await fails_clearly(works)
    async with db.transaction(works.seller):
        with pytest.raises(SecretUnreadable):
            await buyers.seal_for_page(works.seller, CODE, works.vault)


OTHER_ORDER = "(SELECT other.{0} FROM orders other WHERE other.id <> own.id AND other.{0} IS NOT NULL LIMIT 1)"


@pytest.mark.parametrize(
    "change",
    [
        "buyer_name = own.buyer_address",
        f"buyer_name = {OTHER_ORDER.format('buyer_name')}",
        "buyer_phone = set_byte(own.buyer_phone, length(own.buyer_phone) - 1, get_byte(own.buyer_phone, length(own.buyer_phone) - 1) # 1)",
        "buyer_email = 'short'",
    ],
    ids=["another column", "another order", "a flipped bit", "never sealed"],
)
async def test_a_buyers_column(works: Workshop, change: str) -> None:
    """The page shows nothing of that buyer, the audit trail does not say that anybody saw him, and it is on record who tried."""
    assert (await works.sync()).state == RunState.SUCCEEDED
    (order,) = await seen(
        works.addresses,
        "SELECT id FROM orders WHERE buyer_name IS NOT NULL AND buyer_phone IS NOT NULL AND buyer_address IS NOT NULL LIMIT 1",
    )
    await seen(works.addresses, f"UPDATE orders own SET {change} WHERE id = $1", order["id"])
    with pytest.raises(SecretUnreadable, match=r"orders\.buyer"):
        await finding.show_buyer(works.seller, order["id"], works.vault, by="asha@example.in")
    assert FAILED in await works.credential_events()
    events = await seen(works.addresses, "SELECT actor FROM marketplace_credential_events WHERE kind = 'open_failed'")
    assert [event["actor"] for event in events] == ["asha@example.in"]
    assert await seen(works.addresses, "SELECT 1 FROM audit_entries WHERE action = 'buyer.shown'") == []


async def test_the_buyer_rings_copy_of_a_data_key(works: Workshop) -> None:
    assert (await works.sync()).state == RunState.SUCCEEDED
    await flip(works, "buyer_data_keys", "wrapped_for_buyers")
    (order,) = await seen(works.addresses, "SELECT id FROM orders WHERE buyer_name IS NOT NULL LIMIT 1")
    with pytest.raises(SecretUnreadable):
        await finding.show_buyer(works.seller, order["id"], works.vault, by="asha@example.in")
    assert FAILED in await works.credential_events()


async def setup_under_test(works: Workshop, *, reconnect: bool) -> UUID:
    wizard = ConnectWizard(
        id=uuid4(),
        seller_id=works.seller,
        user_id=await make_user(works.seller),
        marketplace_code=CODE,
        account_id=works.account.id if reconnect else uuid4(),
        mode=WizardMode.RECONNECT if reconnect else WizardMode.NEW,
        method=MARKETPLACE.method().code,
        name="Surat store",
        values=json.dumps({name: value for name, value in sandbox_keys(works.bench.shop).items() if name not in SEALED}),
        test_state=WizardTestState.RUNNING,
        test_attempt=1,
        expires_at=clock.now(),
    )
    async with db.transaction(works.seller):
        await wizard.save()
        for column in SEALED:
            await sealing.seal(wizard, MARKETPLACE, column, sandbox_keys(works.bench.shop)[column], works.vault)
    return wizard.id


@pytest.mark.parametrize("reconnect", [False, True], ids=["new", "reconnect"])
async def test_a_typed_secret_of_a_half_done_setup(works: Workshop, reconnect: bool) -> None:
    """On record with the account where there is one already, else in the seller's audit trail."""
    wizard = await setup_under_test(works, reconnect=reconnect)
    await flip(works, "connect_wizard_secrets", "sealed", f"column_name = '{SEALED[0]}'")
    await run_the_test(works.context(), wizard_id=str(wizard))
    (row,) = await seen(works.addresses, "SELECT test_state, error_code, error_message FROM connect_wizards WHERE id = $1", wizard)
    assert (row["test_state"], row["error_code"]) == ("failed", "secret_unreadable")
    assert "cannot be read" in row["error_message"]
    entries = await seen(works.addresses, "SELECT action FROM audit_entries")
    assert (FAILED in await works.credential_events(), len(entries)) == ((True, 0) if reconnect else (False, 1))


async def test_secrets_of_another_setup(works: Workshop) -> None:
    """Typed secrets are bound to the account they are for, not only to their column."""
    one, other = await setup_under_test(works, reconnect=True), uuid4()
    await seen(works.addresses, "UPDATE connect_wizards SET account_id = $2, mode = 'new' WHERE id = $1", one, other)
    await run_the_test(works.context(), wizard_id=str(one))
    (row,) = await seen(works.addresses, "SELECT error_code FROM connect_wizards WHERE id = $1", one)
    assert row["error_code"] == "secret_unreadable"
    entries = await seen(works.addresses, "SELECT action, after FROM audit_entries")
    assert [entry["action"] for entry in entries] == ["secret.open_failed"]
    assert "cannot be read" in entries[0]["after"]
