"""The shop that most tests visit."""

from collections.abc import AsyncIterator

import pytest

from tests.marketplaces.meesho.shopping import Sandboxed, sandboxed


@pytest.fixture
async def shop() -> AsyncIterator[Sandboxed]:
    async with sandboxed() as found:
        yield found
