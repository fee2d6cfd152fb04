"""One connected account in front of its sandbox, with jobs that are performed when a test says so."""

from collections.abc import AsyncIterator

import pytest

from portal.marketplaces.contract import AccountRef
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Shop
from portal.postgres import Addresses
from portal.vault import Vault
from tests.contract.desks import Desk, desk

SHOP = Shop(seed=5, orders=12, returns=2, payouts=1, listings=5)


@pytest.fixture
async def d(connected: Addresses, keys: Vault) -> AsyncIterator[Desk]:
    async with desk(marketplace("AMAZON_IN"), SHOP, keys) as d:
        yield d


@pytest.fixture
async def account(d: Desk) -> AccountRef:
    """Connected, with its first sync done."""
    account = await d.connect()
    await d.work()
    return account
