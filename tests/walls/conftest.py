"""Two sellers with a row in every table, and the owner's eyes to look at both."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from portal.postgres import Addresses
from tests.walls.filling import Filled, Owner, fill


@dataclass(frozen=True, slots=True)
class Sides:
    """`asha` is whose rows must stay hers; `chitra` is whoever comes from the other side."""

    addresses: Addresses
    owner: Owner
    asha: Filled
    chitra: Filled


@pytest.fixture
async def sides(database: Addresses) -> AsyncIterator[Sides]:
    owner = await asyncpg.connect(database.owner)
    try:
        yield Sides(database, owner, await fill(owner, number=1), await fill(owner, number=2))
    finally:
        await owner.close()
