"""Short-lived passes: a replaced credential never meets an old one, and leaves none behind."""

from datetime import timedelta

import pytest

from portal import clock
from portal.marketplaces.http import Token, Tokens

pytestmark = pytest.mark.anyio


class Desk:
    """Gives out passes and counts them."""

    def __init__(self) -> None:
        self.given = 0

    async def fetch(self) -> Token:
        self.given += 1
        return Token(value=f"pass-{self.given}", expires_at=clock.now() + timedelta(hours=1))


async def test_a_new_credential_of_an_account_drops_the_passes_of_the_old_one() -> None:
    tokens, desk = Tokens(), Desk()
    assert await tokens.get("asha:old", desk.fetch) == "pass-1"
    assert await tokens.get("bala:hers", desk.fetch) == "pass-2"
    assert await tokens.get("asha:new", desk.fetch) == "pass-3"
    assert await tokens.get("bala:hers", desk.fetch) == "pass-2", "another account's is left alone"
    assert await tokens.get("asha:old", desk.fetch) == "pass-4", "the old credential's is gone, not only unused"


async def test_a_pass_is_dropped_by_its_value_so_that_a_newer_one_survives() -> None:
    tokens, desk = Tokens(), Desk()
    old = await tokens.get("asha:key", desk.fetch)
    tokens.drop("asha:key", old)
    fresh = await tokens.get("asha:key", desk.fetch)
    tokens.drop("asha:key", old)
    assert await tokens.get("asha:key", desk.fetch) == fresh
    tokens.drop("asha:key")
    assert await tokens.get("asha:key", desk.fetch) != fresh
