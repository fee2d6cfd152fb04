"""One workshop per test: a seller, an account, a sandbox."""

from collections.abc import AsyncIterator

import pytest

from portal.postgres import Addresses
from portal.vault import Vault
from tests.workshop import Workshop, workshop


@pytest.fixture
async def works(connected: Addresses, keys: Vault) -> AsyncIterator[Workshop]:
    async with workshop(connected, keys) as one:
        yield one
