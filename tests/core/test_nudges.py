"""Waiting for a nudge, and the one connection that hears them."""

import asyncio

import pytest

from portal.nudges import Ears, Nudged
from portal.postgres import Addresses
from tests.workers import PATIENCE_S
from tests.workshop import seen

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_counts_even_when_a_nudge_comes_just_before_it(turns: int) -> None:
    """Otherwise the feed of a reader who has gone would be followed for ever. `turns` of the loop lie between the two."""
    nudged = Nudged()

    async def follow() -> None:
        while True:
            await nudged.wait(silence_s=60)

    following = asyncio.create_task(follow())
    for _ in range(5):
        await asyncio.sleep(0)
    nudged.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    following.cancel()
    await asyncio.wait([following], timeout=1)
    assert following.cancelled()


async def test_a_connection_that_says_nothing_is_asked_and_stays(connected: Addresses) -> None:
    async with Ears(connected.worker, ask_every_s=0.05) as ears:
        await asyncio.wait_for(ears.listening.wait(), PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            while not await seen(
                connected,
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'portal-nudges' AND query = 'SELECT 1' AND state = 'idle'",
            ):
                await asyncio.sleep(0.01)
        assert ears.listening.is_set()
