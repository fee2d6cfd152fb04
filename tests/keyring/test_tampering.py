"""On every marketplace, in every sealed column there is: what was moved or altered does not open, is on record, and is told in a clear sentence.

The list comes from the catalogue. A new satellite is covered by itself; a new table with a `secret` column has to be said in `TRIED`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from portal import clock, db
from portal.accounts.job import check_account
from portal.connecting.handoff.returning import CODE
from portal.connecting.job import test_keys as run_the_test
from portal.errors import SecretUnreadable
from portal.jobs import Jobs
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Invoicing, Marketplace, ScheduleTarget
from portal.marketplaces.methods import Method
from portal.marketplaces.opening import Doorway
from portal.marketplaces.registry import MARKETPLACES
from portal.orders import buyers, finding, invoices
from portal.piccolo_app import APP_CONFIG
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.settings import Settings
from portal.syncing.job import run_sync
from portal.tables.syncs import RunState
from portal.tables.wizards import ConnectWizard, WizardMode
from portal.tables.wizards import TestState as WizardTestState
from portal.vault import BUYERS, Place, Vault
from tests.factories import make_account, make_seller, make_user
from tests.invoicing.making import PRIYANKA, rows, settle, sold
from tests.keyring.moving import Sealed, flipped, misplaced
from tests.workshop import queueing

pytestmark = pytest.mark.anyio

LIVE = [place for place in MARKETPLACES if place.details is not None]
each = pytest.mark.parametrize("place", LIVE, ids=lambda place: place.code)
in_every_way = pytest.mark.parametrize(
    "ways",
    [pytest.param(("a flipped bit", "of another seller"), id="sample"), pytest.param((), id="full", marks=pytest.mark.soak)],
)
"""What is done to each column; empty is everything that `misplaced` knows."""
KEYS_OF_BUYERS = {"wrapped_for_marketplace", "wrapped_for_buyers"}

TRIED = {
    **{details.table_of(place): set(details.sealed_columns(place)) for place in LIVE},
    "connect_wizard_secrets": {"sealed"},
    "buyer_data_keys": KEYS_OF_BUYERS,
    "orders": {"buyer_name", "buyer_phone", "buyer_email", "buyer_address"},
    "tax_invoices": {"buyer_name", "buyer_address"},
    # In tests/people/test_second_step.py: sealed with no ring.
    "second_factors": {"sealed"},
}
NOTHING_TO_OPEN = {"seller_users": {"password_hash"}, "recovery_codes": {"digest"}, "orders": {"buyer_digest"}}
"""Hashes, which are compared."""


def test_every_sealed_column_of_the_catalogue_is_tried() -> None:
    found: dict[str, set[str]] = {}
    for table in APP_CONFIG.table_classes:
        for column in table._meta.columns:
            if column._meta.secret:
                found.setdefault(table._meta.tablename, set()).add(column._meta.db_column_name)
    assert found == {name: TRIED.get(name, set()) | NOTHING_TO_OPEN.get(name, set()) for name in TRIED.keys() | NOTHING_TO_OPEN.keys()}


@dataclass(kw_only=True)
class Stolen:
    """Two accounts of one seller and one of another at one marketplace, and somebody who writes to the database as its owner."""

    place: Marketplace
    owner: "asyncpg.Connection[asyncpg.Record]"
    vault: Vault
    jobs: Jobs
    settings: Settings
    account: AccountRef
    second: AccountRef
    strangers: AccountRef

    @property
    def context(self) -> dict[str, Any]:
        return {"settings": self.settings, "vault": self.vault, "jobs": self.jobs, "doorway": Doorway(self.settings)}

    @property
    def elsewhere(self) -> Marketplace:
        return next(one for one in LIVE if one is not self.place)

    async def put(self, table: str, column: str, value: object, row: str, *named: object) -> None:
        done = await self.owner.execute(f"UPDATE {table} SET {column} = $1 WHERE {row}", value, *named)
        assert done == "UPDATE 1", (table, column)

    async def record(self) -> dict[str, int]:
        """How many events and entries of the trail there are of secrets, by kind."""
        rows = await self.owner.fetch(
            """SELECT kind, count(*) FROM marketplace_credential_events GROUP BY 1
               UNION ALL SELECT action, count(*) FROM audit_entries WHERE action LIKE 'secret.%' OR action = 'buyer.shown' GROUP BY 1"""
        )
        return {row["kind"]: row["count"] for row in rows}

    async def refused_run(self, code: str = "secret_unreadable") -> str:
        """What a sync of the account ends with; it has failed, and told nobody else's words."""
        started = await runs.start(self.account.seller_id, self.account.id, ScheduleTarget.ORDERS, jobs=self.jobs)
        await run_sync(self.context, run_id=str(started.run_id))
        run = await runs.get(self.account.seller_id, started.run_id)
        assert (run.state, run.error_code) == (RunState.FAILED, code), run.error_message
        events = await self.owner.fetch("SELECT kind, run_id FROM marketplace_credential_events WHERE run_id = $1", run.id)
        assert [event["kind"] for event in events] == ["open_failed"]
        told = await self.owner.fetch("SELECT e::text AS line FROM sync_events e WHERE run_id = $1", run.id)
        assert not [row for row in told if "value of" in row["line"]]
        return str(run.error_message)


@pytest.fixture
async def stolen(place: Marketplace, connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Stolen]:
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    owner = await asyncpg.connect(connected.owner)
    try:
        async with queueing(connected.worker) as jobs:
            yield Stolen(
                place=place,
                owner=owner,
                vault=keys,
                jobs=jobs,
                settings=Settings(database_url=connected.worker, data_dir=tmp_path),
                account=await make_account(asha, code=place.code, external="one"),
                second=await make_account(asha, code=place.code, external="two", name="Second store"),
                strangers=await make_account(chitra, code=place.code, external="three"),
            )
    finally:
        await owner.close()


async def save(one: Stolen, method: Method) -> None:
    """The account's satellite with something in every box of the method."""
    sealed = details.sealed_columns(one.place)
    secrets = {
        name: (one.vault.seal(one.place.code, details.place_of(one.place, name, one.account.id), f"value of {name}"), "1234-5678")
        for name in method.fields()
        if name in sealed
    }
    async with db.transaction(one.account.seller_id):
        await details.move_in(one.place, one.account, method, {name: name for name in method.fields()}, secrets, by="a test")


@in_every_way
@each
async def test_every_credential_of_every_satellite(place: Marketplace, stolen: Stolen, ways: tuple[str, ...]) -> None:
    one, table, sealed = stolen, details.table_of(place), details.sealed_columns(place)
    owners = {"account": str(one.second.id), "seller": str(one.strangers.id)}
    done = set()
    for method in place.methods:
        for column in (name for name in method.fields() if name in sealed):
            await save(one, method)
            right = Sealed(place.code, details.place_of(place, column, one.account.id), f"value of {column}")
            for what, wrong in misplaced(
                right,
                one.vault,
                table=details.table_of(one.elsewhere),
                column=next((name for name in sealed if name != column), "another"),
                owners=owners,
                ring=one.elsewhere.code,
                ways=ways,
            ):
                await one.put(table, column, wrong, "marketplace_account_id = $2", one.account.id)
                assert "cannot be read" in await one.refused_run(), what
            done.add(column)
    assert done == set(sealed)
    assert "opened" not in await one.record()


@each
async def test_a_check_of_the_connection_tells_it_too(place: Marketplace, stolen: Stolen) -> None:
    """And nobody is asked to reconnect by it: the marketplace has refused nothing."""
    one, method = stolen, place.methods[0]
    await save(one, method)
    column = next(name for name in method.fields() if name in details.sealed_columns(place))
    kept = await one.owner.fetchval(f"SELECT {column} FROM {details.table_of(place)}")
    await one.put(details.table_of(place), column, flipped(kept), "marketplace_account_id = $2", one.account.id)
    await check_account(one.context, account_id=str(one.account.id), by="asha@example.in")
    assert await one.record() == {"open_failed": 1}
    account = await one.owner.fetchrow(
        "SELECT last_validation_message, needs_reconnect FROM marketplace_accounts WHERE id = $1", one.account.id
    )
    assert account is not None
    assert "cannot be read" in account["last_validation_message"]
    assert not account["needs_reconnect"]


async def setup_under_test(one: Stolen, method: Method, columns: dict[str, str], *, account_id: UUID) -> UUID:
    """A half-done setup with these ciphertexts, by column, which a worker is asked to try. New, if there is no such account."""
    wizard = ConnectWizard(
        id=uuid4(),
        seller_id=one.account.seller_id,
        user_id=uuid4(),
        marketplace_code=one.place.code,
        account_id=account_id,
        mode=WizardMode.RECONNECT if account_id == one.account.id else WizardMode.NEW,
        method=method.code,
        name="Surat store",
        values=msgspec.json.encode({name: name for name in method.fields() if name not in columns}).decode(),
        test_state=WizardTestState.RUNNING,
        test_attempt=1,
        expires_at=clock.now(),
    )
    async with db.transaction(one.account.seller_id) as held:
        wizard.user_id = await held.fetchval("SELECT id FROM seller_users")
        await wizard.save()
        await held.executemany(
            """INSERT INTO connect_wizard_secrets (id, seller_id, wizard_id, marketplace_code, column_name, sealed, fingerprint, length, saved_at)
               VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, '', 1, now())""",
            [(one.account.seller_id, wizard.id, one.place.code, column, sealed) for column, sealed in columns.items()],
        )
    return wizard.id


async def refused_setup(one: Stolen, method: Method, columns: dict[str, str], *, account_id: UUID) -> None:
    """The live test of such a setup ends with the sentence."""
    wizard_id = await setup_under_test(one, method, columns, account_id=account_id)
    await run_the_test(one.context, wizard_id=str(wizard_id))
    row = await one.owner.fetchrow("DELETE FROM connect_wizards WHERE id = $1 RETURNING *", wizard_id)
    assert row is not None
    assert (row["test_state"], row["error_code"]) == ("failed", "secret_unreadable")
    assert "cannot be read" in row["error_message"]


@each
async def test_a_setup_without_an_account_tells_it_on_the_trail(place: Marketplace, stolen: Stolen) -> None:
    """Sealed for one account and put into the setup of another that does not exist yet."""
    one, method = stolen, place.methods[0]
    await make_user(one.account.seller_id)
    names = [CODE] if method.oauth else [name for name in method.fields() if name in details.sealed_columns(place)]
    kept = {name: one.vault.seal(place.code, details.place_of(place, name, one.account.id), f"value of {name}") for name in names}
    await refused_setup(one, method, kept, account_id=uuid4())
    entries = await one.owner.fetch("SELECT action, after FROM audit_entries WHERE action = 'secret.open_failed'")
    assert ["cannot be read" in entry["after"] for entry in entries] == [True]
    assert "open_failed" not in await one.record()


@in_every_way
@each
async def test_every_secret_of_a_half_done_setup(place: Marketplace, stolen: Stolen, ways: tuple[str, ...]) -> None:
    """What was typed, by every method that has somebody type, and the code that a marketplace sends back."""
    one, sealed = stolen, details.sealed_columns(place)
    await make_user(one.account.seller_id)
    before = (await one.record()).get("open_failed", 0)
    for method in place.methods:
        names = [CODE] if method.oauth else [name for name in method.fields() if name in sealed]
        right = {name: Sealed(place.code, details.place_of(place, name, one.account.id), f"value of {name}") for name in names}
        for column in names:
            for what, wrong in misplaced(
                right[column],
                one.vault,
                table=details.table_of(one.elsewhere),
                column=next(name for name in (*sealed, "another") if name != column),
                owners={"setup": str(one.second.id), "seller": str(one.strangers.id)},
                ring=one.elsewhere.code,
                ways=ways,
            ):
                kept = {name: one.vault.seal(*right[name]) for name in names} | {column: wrong}
                await refused_setup(one, method, kept, account_id=one.account.id)
                before += 1
                assert (await one.record())["open_failed"] == before, what


NO_DATA_KEY = "The key to your buyers' details cannot be read. Tell whoever runs this portal: nothing you could enter replaces it."


@in_every_way
@each
async def test_every_wrapped_data_key(place: Marketplace, stolen: Stolen, ways: tuple[str, ...]) -> None:
    """The worker's copy ends a sync before a buyer is kept; the web's copy shows nobody."""
    one = stolen
    await save(one, place.methods[0])
    order = await sold(one.account, one.vault)
    home = f"{one.account.seller_id}/{place.code}"
    owners = {"seller": f"{one.strangers.seller_id}/{place.code}", "marketplace": f"{one.account.seller_id}/{one.elsewhere.code}"}
    for column in sorted(KEYS_OF_BUYERS):
        ring, other = (place.code, BUYERS) if column == "wrapped_for_marketplace" else (BUYERS, place.code)
        kept = await one.owner.fetchval(f"SELECT {column} FROM buyer_data_keys")
        whole = one.vault.open(ring, buyers.place_of(column, one.account.seller_id, place.code), kept)
        right = Sealed(ring, Place("buyer_data_keys", column, home), whole)
        table, beside = details.table_of(place), next(iter(KEYS_OF_BUYERS - {column}))
        for what, wrong in misplaced(right, one.vault, table=table, column=beside, owners=owners, ring=other, ways=ways):
            await one.put("buyer_data_keys", column, wrong, "seller_id = $2", one.account.seller_id)
            before = (await one.record()).get("open_failed", 0)
            if ring == BUYERS:
                with pytest.raises(SecretUnreadable) as caught:
                    await finding.show_buyer(one.account.seller_id, order, one.vault, by="asha@example.in")
                assert caught.value.seller_message == NO_DATA_KEY, what
            else:
                assert await one.refused_run("buyers_unreadable") == NO_DATA_KEY, what
            assert (await one.record())["open_failed"] == before + 1, what
        await one.put("buyer_data_keys", column, kept, "seller_id = $2", one.account.seller_id)
    assert "buyer.shown" not in await one.record()
    assert (await finding.show_buyer(one.account.seller_id, order, one.vault, by="asha@example.in")).name == PRIYANKA.name


WHOLE = msgspec.structs.replace(PRIYANKA, phone="+91 98200 11111", email="priyanka@example.in")
SELLING = [place for place in LIVE if place.invoicing is not Invoicing.VENDOR]
"""Where a seller's tax invoice is for the buyer."""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """The same buyer's order at each of some accounts, by whose they are, and what shows him of the first, "own"."""

    table: str
    accounts: dict[str, AccountRef]
    look: Callable[[], Awaitable[object]]

    async def held(self, one: Stolen, whose: str, column: str, *, table: str = "") -> bytes:
        query = f"SELECT {column} FROM {table or self.table} WHERE marketplace_account_id = $1"
        found: bytes = await one.owner.fetchval(query, self.accounts[whose].id)
        return found


async def sold_everywhere(one: Stolen, elsewhere: Marketplace) -> tuple[dict[str, AccountRef], int]:
    """An order of one buyer at each account, and the number of the first."""
    other = await make_account(one.account.seller_id, code=elsewhere.code, external="four", name="Elsewhere")
    accounts = {"own": one.account, "account": one.second, "seller": one.strangers, "marketplace": other}
    orders = [await sold(account, one.vault, buyer=WHOLE) for account in accounts.values()]
    return accounts, orders[0]


async def tamper(one: Stolen, shelf: Shelf, *, beside: str) -> None:
    """Every column in turn: nobody is shown, no entry says that somebody was, and who tried is on record. `beside` holds the same people."""
    assert await shelf.look(), "the control: it opens where it belongs"
    for column in sorted(TRIED[shelf.table]):
        own = await shelf.held(one, "own", column)
        wrongs = [own[:-1] + bytes([own[-1] ^ 1]), b"Priyanka"]
        wrongs += [await shelf.held(one, "own", next(name for name in sorted(TRIED[shelf.table]) if name != column))]
        wrongs += [await shelf.held(one, whose, column) for whose in shelf.accounts if whose != "own"]
        if beside and column in TRIED[beside]:
            wrongs.append(await shelf.held(one, "own", column, table=beside))
        for wrong in wrongs:
            before = await one.record()
            await one.put(shelf.table, column, wrong, "marketplace_account_id = $2", one.account.id)
            with pytest.raises(SecretUnreadable) as caught:
                await shelf.look()
            assert caught.value.seller_message == "This buyer's details cannot be read."
            assert await one.record() == before | {"open_failed": before.get("open_failed", 0) + 1}, (column, wrong)
        await one.put(shelf.table, column, own, "marketplace_account_id = $2", one.account.id)
    actors = await one.owner.fetch("SELECT DISTINCT actor FROM marketplace_credential_events WHERE kind = 'open_failed'")
    assert [row["actor"] for row in actors] == ["asha@example.in"]


@each
async def test_every_column_about_a_buyer(place: Marketplace, stolen: Stolen) -> None:
    accounts, order = await sold_everywhere(stolen, stolen.elsewhere)

    async def look() -> object:
        return await finding.show_buyer(stolen.account.seller_id, order, stolen.vault, by="asha@example.in")

    await tamper(stolen, Shelf(table="orders", accounts=accounts, look=look), beside="")


@pytest.mark.parametrize("place", SELLING, ids=lambda place: place.code)
async def test_every_column_about_the_buyer_of_a_tax_invoice(place: Marketplace, stolen: Stolen) -> None:
    """Nor does the order's own ciphertext open there: what was issued stays as it was."""
    accounts, order = await sold_everywhere(stolen, next(one for one in SELLING if one is not place))
    for account in accounts.values():
        await settle(account)
        (row,) = await rows(account.seller_id, "SELECT id FROM orders WHERE marketplace_account_id = $1", account.id)
        await invoices.issue(account.seller_id, row["id"], stolen.vault, by="asha@example.in")

    async def look() -> object:
        return await invoices.printed(stolen.account.seller_id, order, stolen.vault, by="asha@example.in")

    await tamper(stolen, Shelf(table="tax_invoices", accounts=accounts, look=look), beside="orders")
