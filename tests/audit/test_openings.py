"""Each opening of a secret is on record, who and what for, in the transaction that allows its use."""

import ast
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from portal import db, vault
from portal.keyring import resealing
from portal.marketplaces import details
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.postgres import Addresses
from portal.vault import Vault
from portal.vault.rings import fresh
from tests.connecting.conftest import Setup
from tests.factories import make_account, make_seller, make_user
from tests.syntax import parsed
from tests.workers import Rings
from tests.workshop import Workshop, save_keys, seen, shop_of_today, workshop

pytestmark = pytest.mark.anyio

PORTAL = Path(__file__).resolve().parent.parent.parent / "portal"
OPENED = "SELECT * FROM marketplace_credential_events WHERE kind = 'opened' ORDER BY occurred_at"
ON_TRAIL = "SELECT * FROM audit_entries WHERE action = 'secret.opened' ORDER BY position"


@pytest.fixture
async def works(connected: Addresses, keys: Vault) -> AsyncIterator[Workshop]:
    async with workshop(connected, keys, shop_of_today(orders=5)) as one:
        yield one


@pytest.fixture
async def setup(works: Workshop) -> Setup:
    seller = await make_seller("Bala Traders")
    user = await make_user(seller, "bala@example.in")
    return Setup(works=works, seller=seller, user=user, id=user)


async def test_a_sync_names_its_run(connected: Addresses, works: Workshop) -> None:
    run = await works.sync()
    rows = await seen(connected, OPENED)
    assert [(row["message"], row["actor"], row["run_id"]) for row in rows] == [("sync of ORDERS", "worker", run.id)]


async def test_every_test_of_a_setup_names_who_and_what_for(connected: Addresses, setup: Setup) -> None:
    """While there is no account it stands in the trail; with a reconnect it is an event of the account."""
    one = await setup.begun()
    await one.enter()
    await one.test()
    assert await seen(connected, OPENED) == []
    (entry,) = await seen(connected, ON_TRAIL)
    assert (entry["actor"], entry["marketplace_account_id"]) == ("bala", (await one.row()).account_id)
    assert entry["after"].endswith("test of a new connection")
    await one.confirm()
    account_id = (await one.row()).account_id
    again = await setup.reconnecting(account_id)
    await again.enter()
    await again.test()
    (event,) = await seen(connected, OPENED)
    assert (event["message"], event["actor"], event["marketplace_account_id"]) == ("test of a reconnect", "bala", account_id)


async def test_reconnecting_is_on_the_trail_with_fingerprints_and_no_secret(connected: Addresses, setup: Setup) -> None:
    one = await setup.connected()
    (entry,) = await seen(connected, "SELECT * FROM audit_entries WHERE action = 'account.connected'")
    marks = [setup.works.vault.fingerprint(secret) for secret in one.secrets]
    assert entry["actor"] == "bala"
    assert all(mark in entry["after"] for mark in marks)
    again = await setup.reconnecting((await one.row()).account_id)
    await again.enter()
    await again.test()
    await again.confirm()
    (entry,) = await seen(connected, "SELECT * FROM audit_entries WHERE action = 'account.reconnected'")
    assert all(mark in entry["before"] and mark in entry["after"] for mark in marks)
    assert not any(secret in f"{entry['before']}{entry['after']}" for secret in one.secrets)


def with_a_newer_key(rings: Rings) -> Vault:
    """What holds these rings and a key that came after them."""
    public, private = fresh(MARKETPLACE.code)
    return vault.load(seal_keys=f"{public}\n{rings[0]}", open_keys=f"{private}\n{rings[1]}")


async def test_without_a_record_there_are_no_keys(own_database: Addresses, rings: Rings, keys: Vault) -> None:
    """The record and the leave to use the keys are one transaction: where the record cannot be written, nothing is handed out."""
    held = await asyncpg.connect(own_database.owner)
    try:
        await db.connect(own_database.worker, max_size=2)
        seller = await make_seller()
        account = await make_account(seller)
        await save_keys(account, sandbox_keys(shop_of_today()), keys)
        await held.execute("REVOKE INSERT ON marketplace_credential_events FROM portal_tenant")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.transaction(seller):
                await details.fetch(MARKETPLACE, account, keys, purpose="check", actor="worker")
        before = await resealing.in_use()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await resealing.reseal(with_a_newer_key(rings))
        assert await resealing.in_use() == before
    finally:
        await db.disconnect()
        await held.close()


OPENERS = {
    # Everything that opens a credential, and each of it puts that on record.
    "portal.marketplaces.details.fetch",
    "portal.connecting.keys.open_all",
    "portal.connecting.keys.reseal",
    "portal.connecting.handoff.redeeming._taken",
    "portal.keyring.anew._newest",
}
NO_CREDENTIALS = {
    # The shape of an opening, for those above.
    "portal.marketplaces.details.open_row",
    # A known word that shows which keys a process holds.
    "portal.keyring.canaries.try_one",
    # Keys of buyers' data; that somebody sees a buyer is on the trail as such.
    "portal.orders.buyers",
}


def test_nothing_else_opens_a_credential() -> None:
    """A new place that opens secrets has to stand here, and so has to think of its record."""
    found = set()
    for path in PORTAL.rglob("*.py"):
        module = ".".join(("portal", *path.relative_to(PORTAL).with_suffix("").parts))
        for function in ast.walk(parsed(path)):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(map(_opens, ast.walk(function))):
                found.add(f"{module}.{function.name}")
    others = {one for one in found if one not in NO_CREDENTIALS and one.rpartition(".")[0] not in NO_CREDENTIALS}
    assert others == OPENERS


def _opens(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id == "open_row"
    return node.func.attr == "open_row" or (
        node.func.attr == "open" and isinstance(node.func.value, ast.Name) and node.func.value.id == "vault"
    )
