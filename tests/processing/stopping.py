"""Stop a worker at one exact place of a batch, from outside: its own statement waits for a lock that the test holds.

The worker is the real one and knows nothing of it. Triggers in the test's database ask for a lock that nobody else wants, so whoever
holds it decides how far a batch comes, and the worker stands still in the middle of a transaction until it is killed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

import asyncpg

from portal.postgres import Addresses


class Place(StrEnum):
    """Where a batch can be stopped. The first three are of a stage, the last two of the batch; nothing of that transaction is committed."""

    BEGINS = "begins"
    """The stages before are over, this one is not begun."""
    FIRST_STEP = "first_step"
    """The marketplace has taken the calls of the stage's first step and its papers are stored, and none of it is written down."""
    ENDS = "ends"
    """All that the stage said is written down, and not that it is over."""
    CLOSES = "closes"
    """Every stage is over, the batch is still open."""
    FINISHES = "finishes"
    """The batch is closed, the run that did it goes on."""


TRIGGERS = f"""
CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(TG_ARGV[0]), coalesce((to_jsonb(NEW) ->> 'position')::int, 0));
    RETURN NEW;
END $$;
CREATE TRIGGER {Place.BEGINS} BEFORE INSERT ON stage_runs FOR EACH ROW EXECUTE FUNCTION stop_here('{Place.BEGINS}');
CREATE TRIGGER {Place.FIRST_STEP} BEFORE UPDATE OF passed_count ON stage_runs FOR EACH ROW EXECUTE FUNCTION stop_here('{Place.FIRST_STEP}');
CREATE TRIGGER {Place.ENDS} BEFORE UPDATE OF ended_at ON stage_runs FOR EACH ROW WHEN (NEW.state = 'done')
    EXECUTE FUNCTION stop_here('{Place.ENDS}');
CREATE TRIGGER {Place.CLOSES} BEFORE UPDATE ON batches FOR EACH ROW WHEN (NEW.state = 'closed') EXECUTE FUNCTION stop_here('{Place.CLOSES}');
CREATE TRIGGER {Place.FINISHES} BEFORE UPDATE ON sync_runs FOR EACH ROW WHEN (NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION stop_here('{Place.FINISHES}');
"""


class Roadblock:
    """A lock that stops every batch at a place of a stage, counted from 1; 0 where the place is the batch's."""

    def __init__(self, held: asyncpg.Connection) -> None:
        self._held = held

    async def reached(self) -> bool:
        """A worker stands before it."""
        return bool(await self._held.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"))


async def lay_out(addresses: Addresses) -> None:
    """Make a database of the test's own one in which batches can be stopped."""
    held = await asyncpg.connect(addresses.owner)
    try:
        await held.execute(TRIGGERS)
    finally:
        await held.close()


@asynccontextmanager
async def roadblock(addresses: Addresses, place: Place, position: int = 0) -> AsyncIterator[Roadblock]:
    """Stop whoever comes there, until the block is left."""
    held = await asyncpg.connect(addresses.owner)
    try:
        await held.execute("SELECT pg_advisory_lock(hashtext($1), $2)", place, position)
        yield Roadblock(held)
    finally:
        await held.close()
