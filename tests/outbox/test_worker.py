"""A real worker beside a real mail server: what an account's row says arrives as a letter."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from portal.accounts import service as accounts
from portal.marketplaces.errors import KeysRejected
from portal.postgres import Addresses
from tests.factories import make_account, make_seller, make_user
from tests.mailserver import Server, listening
from tests.workers import PATIENCE_S, Rings, worker, worker_settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def smtp() -> AsyncIterator[Server]:
    async with listening() as server:
        yield server


async def test_a_refusal_reaches_the_owners_mailbox_once(connected: Addresses, rings: Rings, smtp: Server) -> None:
    """The refusal repeats while the worker runs; the letter does not."""
    seller = await make_seller()
    await make_user(seller)
    account = await make_account(seller)
    told = worker_settings(connected, rings, "http://127.0.0.1:9") | {
        "PORTAL_SMTP_URL": smtp.url,
        "PORTAL_PUBLIC_URL": "https://portal.example.in",
    }
    await accounts.refused(account, KeysRejected("AMAZON_IN", "The key was refused."), version=1)
    async with worker(told):
        await asyncio.wait_for(smtp.arrived.wait(), PATIENCE_S)
        await accounts.refused(account, KeysRejected("AMAZON_IN", "The key was refused."), version=1)
        # Another mail that goes out afterwards shows that the worker has been round again.
        other = await make_account(seller, external="A2ASHA", name="Jaipur store")
        smtp.arrived.clear()
        await accounts.refused(other, KeysRejected("AMAZON_IN", "The key was refused."), version=1)
        await asyncio.wait_for(smtp.arrived.wait(), PATIENCE_S)
    assert [letter["subject"] for letter in smtp.kept] == ["Surat store needs to be reconnected", "Jaipur store needs to be reconnected"]
    assert f"https://portal.example.in/accounts/{account.id}/reconnect" in smtp.kept[0].get_content()
