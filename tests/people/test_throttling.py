"""The brake: counted in the database, strict when many try at once, and never for ever."""

import asyncio
from datetime import timedelta

import pytest

from portal import clock
from portal.people.throttling import (
    AT_ONE_ADDRESS,
    FROM_ONE_PLACE,
    OF_ONE_ACCOUNT,
    Counted,
    TooManyTries,
    admit,
    at_the_door,
    forget,
    welcome,
)
from portal.postgres import Addresses

pytestmark = pytest.mark.anyio

ASHA = "asha@example.in"
WAIT = FROM_ONE_PLACE.within


async def looked_at(address: str, *, known: bool = False) -> bool:
    try:
        await admit(at_the_door(ASHA, address, known=known))
    except TooManyTries:
        return False
    return True


@pytest.mark.parametrize("guesses", [300, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_thousands_of_guesses_are_ten_and_then_the_right_password_works(connected: Addresses, guesses: int) -> None:
    """From one place, within one window; a day of it leaves nobody locked out for longer than the window."""
    start = clock.now()
    with clock.stopped_at(start):
        assert sum([await looked_at("203.0.113.9") for _ in range(guesses)]) == FROM_ONE_PLACE.most
    with clock.stopped_at(start + WAIT):
        assert await looked_at("203.0.113.9")


async def test_a_hundred_at_once_are_not_looked_at_a_hundred_times(connected: Addresses) -> None:
    assert sum(await asyncio.gather(*(looked_at("203.0.113.9") for _ in range(100)))) == FROM_ONE_PLACE.most


async def test_a_try_that_is_not_looked_at_counts_for_nothing(connected: Addresses) -> None:
    """A stranger who hammers from one place uses up ten of the account's fifty, not all."""
    for _ in range(200):
        await looked_at("203.0.113.9")
    others = [await looked_at(f"198.51.100.{number}") for number in range(100)]
    assert sum(others) == OF_ONE_ACCOUNT.most - FROM_ONE_PLACE.most


async def test_strangers_everywhere_do_not_keep_the_owner_out(connected: Addresses) -> None:
    """The browser that the account knows has a count of its own; others wait, and not for ever."""
    start = clock.now()
    with clock.stopped_at(start):
        for number in range(OF_ONE_ACCOUNT.most + 10):
            await looked_at(f"198.51.100.{number}")
        assert not await looked_at("192.0.2.1")
        assert await looked_at("192.0.2.1", known=True)
    with clock.stopped_at(start + WAIT):
        assert await looked_at("192.0.2.1")


async def test_one_address_may_not_go_through_many_accounts(connected: Addresses) -> None:
    async def tried(email: str) -> bool:
        try:
            await admit(at_the_door(email, "203.0.113.9", known=False))
        except TooManyTries:
            return False
        return True

    assert sum([await tried(f"{number}@example.in") for number in range(150)]) == AT_ONE_ADDRESS.most


async def test_the_right_password_forgets_the_wrong_ones(connected: Addresses) -> None:
    for _ in range(3):
        for _ in range(FROM_ONE_PLACE.most - 1):
            assert await looked_at("192.0.2.1")
        assert await looked_at("192.0.2.1")
        await welcome(at_the_door(ASHA, "192.0.2.1", known=False))


async def test_the_window_does_not_grow_with_tries(connected: Addresses) -> None:
    start = clock.now()
    for minutes in range(15):
        with clock.stopped_at(start + timedelta(minutes=minutes)):
            for _ in range(5):
                await looked_at("203.0.113.9")
    with clock.stopped_at(start + WAIT):
        assert await looked_at("203.0.113.9")


async def test_old_counts_are_removed_and_name_nobody(connected: Addresses) -> None:
    await looked_at("203.0.113.9")
    assert ASHA.encode() not in Counted(FROM_ONE_PLACE, ASHA).key
    with clock.stopped_at(clock.now() + timedelta(days=2)):
        await forget()
        assert await looked_at("203.0.113.9")
