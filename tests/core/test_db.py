"""A transaction gives its connection back, however it ends."""

import asyncio
import contextvars
import re
from contextlib import nullcontext
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from portal import db
from portal.postgres import Addresses
from tests.factories import make_seller
from tests.workers import PATIENCE_S
from tests.workshop import seen

pytestmark = pytest.mark.anyio


async def nothing_is_held() -> None:
    """Every connection of the pool is free."""
    async with asyncio.timeout(PATIENCE_S):
        while db.pool().get_idle_size() < db.pool().get_size():
            await asyncio.sleep(0.01)


async def test_whoever_is_cancelled_at_any_moment_holds_nothing(connected: Addresses) -> None:
    """A reader that vanishes is cancelled: while its transaction begins, works, or ends."""
    seller = await make_seller()

    async def read() -> None:
        async with db.transaction(seller) as held:
            await held.fetchval("SELECT 1")

    for turns in range(60):
        # Free of this test's own transaction, as another request would be.
        reading = asyncio.create_task(read(), context=contextvars.Context())
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading], timeout=10)
        await asyncio.wait_for(read(), PATIENCE_S)
    await nothing_is_held()


async def dies(seller: UUID, addresses: Addresses) -> None:
    async with db.transaction(seller) as held:
        await seen(addresses, "SELECT pg_terminate_backend($1)", await held.fetchval("SELECT pg_backend_pid()"))
        await held.fetchval("SELECT 1")


async def test_a_connection_that_dies_within_a_transaction_is_not_missed(connected: Addresses) -> None:
    """More of them than the pool has."""
    seller = await make_seller()
    for _ in range(db.pool().get_max_size() + 2):
        with pytest.raises(db.LOST_CONNECTION):
            await dies(seller, connected)
        with pytest.raises(RuntimeError):
            db.connection()
    await asyncio.wait_for(make_seller("Bala Sarees"), PATIENCE_S)
    await nothing_is_held()


@pytest.mark.parametrize("ends", ["well", "in an error"])
async def test_what_a_transaction_sets_ends_with_it(connected: Addresses, ends: str) -> None:
    """Connections are not cleaned when they go back, so nothing may stay on them: no role, no seller, no setting, no lock."""
    seller = await make_seller()
    with pytest.raises(asyncpg.DivisionByZeroError) if ends != "well" else nullcontext():
        async with db.transaction(seller, {"synchronous_commit": "off", "enable_seqscan": "off"}) as held:
            await held.execute("SELECT set_config('app.current_seller_id', $1, true)", str(seller))
            async with db.acting_as("portal_amazon"):
                pass
            await held.fetchval("SELECT 1 / $1::int", 1 if ends == "well" else 0)
    async with db.pool().acquire() as held:
        assert await held.fetchval("SELECT current_setting('role')") == "none"
        assert await held.fetchval("SELECT current_setting('app.current_seller_id', true)") in ("", None)
        assert await held.fetch("SELECT name FROM pg_settings WHERE source = 'session'") == []
        assert await held.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == 0


LASTING = re.compile(
    r"""\bSET\s+(SESSION|ROLE|TIME\ ZONE)\b | ["']SET\s(?!LOCAL|search_path) | set_config\([^()]*,\s*false\)
        | \bDECLARE\b.*\bWITH\ HOLD\b | \bpg_(try_)?advisory_lock(_shared)?\( | \.add_listener\( | \bCREATE\s+TEMP""",
    re.VERBOSE,
)
ON_A_CONNECTION_THAT_ENDS = {"keyring/rotating.py", "migrating.py", "nudges.py"}


def test_nobody_sets_anything_for_longer_than_a_transaction() -> None:
    portal = Path(db.__file__).parent
    found = {str(path.relative_to(portal)) for path in portal.rglob("*.py") if LASTING.search(path.read_text())}
    assert found == ON_A_CONNECTION_THAT_ENDS
