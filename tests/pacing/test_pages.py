"""What sellers see of it: one line about an outage on every page, and on an account what its marketplace still takes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from litestar import Litestar

from portal import clock, db
from portal.accounts import service as accounts
from portal.postgres import Addresses
from portal.vault import Vault
from tests.browsing import opened, signed_up
from tests.factories import make_account
from tests.workshop import seen

pytestmark = pytest.mark.anyio

HOST = "api.example"


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as app:
        yield app


async def seller_of(addresses: Addresses, email: str = "asha@example.in") -> UUID:
    (row,) = await seen(addresses, "SELECT seller_id FROM seller_users WHERE email = $1", email)
    return UUID(str(row["seller_id"]))


async def uses(addresses: Addresses, account_id: UUID, seller_id: UUID) -> None:
    await seen(
        addresses,
        "INSERT INTO credential_uses (id, seller_id, marketplace_account_id, host, credential) VALUES (gen_random_uuid(), $1, $2, $3, 'c')",
        seller_id,
        account_id,
        HOST,
    )


async def test_an_outage_is_one_line_on_every_page_and_blames_no_connection(database: Addresses, app: Litestar) -> None:
    browser = await signed_up(app)
    asha = await seller_of(database)
    for number in range(3):
        account = await make_account(asha, external=f"A{number}", name=f"Store {number}")
        await uses(database, account.id, asha)
    since, again = clock.now() - timedelta(minutes=5), clock.now() + timedelta(minutes=10)
    await seen(
        database,
        """INSERT INTO marketplace_circuits (id, marketplace_code, host, faults, accounts, silent_since, opened_at, retry_at, pauses)
           VALUES ('x', 'AMAZON_IN', $1, 9, 3, $2, $2, $3, 1)""",
        HOST,
        since,
        again,
    )
    line = f"Amazon India is not answering since {clock.said(since)}. We try again at {clock.said(again)}. Your details are not the cause."
    with clock.stopped_at(clock.now() + timedelta(seconds=10)):  # pages look at it every few seconds
        for path in ("/home", "/orders", "/accounts", "/syncs", "/settings/profile"):
            assert (await browser.get(path)).text.count(line) == 1, path
        assert "needs reconnecting" not in (await browser.get("/accounts")).text
    assert not any(one.needs_reconnect for one in await accounts.all_of(asha))


async def test_an_account_shows_what_its_marketplace_takes_and_when(database: Addresses, app: Litestar) -> None:
    browser = await signed_up(app)
    asha = await seller_of(database)
    account = await make_account(asha)
    path = f"/accounts/{account.id}"
    assert "calls from us" not in (await browser.get(path)).text
    await uses(database, account.id, asha)
    await seen(
        database,
        "INSERT INTO call_budgets (id, credential, operation, rate, burst, due) VALUES ('b', 'c', 'orders', 2, 4, now() - interval '1 hour')",
    )
    assert "calls from us" not in (await browser.get(path)).text, "nothing is short, so nothing is said"
    await seen(database, "UPDATE call_budgets SET rate = 0.01, due = now() - interval '250 seconds'")
    assert "Amazon India takes 2 of 4 calls from us right now." in (await browser.get(path)).text
    until = clock.now() + timedelta(minutes=4)
    await seen(database, "UPDATE call_budgets SET rate = 2, due = $1", until - timedelta(seconds=0.5))
    shown = (await browser.get(path)).text
    assert "Amazon India takes the next call from us at" in shown
    assert f"{clock.said(until)}</time>. A sync started now waits until then." in shown
    assert "A sync started now waits until then." in (await browser.get("/accounts")).text


async def test_a_waiting_run_says_why_on_its_account(database: Addresses, app: Litestar) -> None:
    browser = await signed_up(app)
    asha = await seller_of(database)
    account = await make_account(asha)
    sentence = "Amazon asked us to slow down. We go on at 7:12 pm. You need to do nothing."
    async with db.transaction(asha) as held:
        await held.execute(
            """INSERT INTO sync_runs (id, seller_id, marketplace_account_id, target, trigger, state, diagnostic_id, resume_at, error_code, error_message)
               VALUES (gen_random_uuid(), $1, $2, 'ORDERS', 'manual', 'waiting', 'SYN-1', now() + interval '9 min', 'throttled', $3)""",
            asha,
            account.id,
            sentence,
        )
    for path in ("/accounts", f"/accounts/{account.id}", "/syncs"):
        assert sentence in (await browser.get(path)).text, path
    (row,) = await seen(database, "SELECT id FROM sync_runs")
    assert sentence in (await browser.get(f"/syncs/{row['id']}")).text
