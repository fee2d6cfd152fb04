"""A rotation from its beginning to the day the older keys go. The steps may be on different days, and each may be begun again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from portal import db
from portal.errors import Conflict, Misconfigured
from portal.keyring import canaries, files, resealing
from portal.keyring.files import RingFiles
from portal.vault import Vault

_TURN = 7_265_412
"""Two rotations at once would undo each other's files. The number is arbitrary and ours."""

WRITERS_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Rotated:
    """`new` are the new keys by ring, empty when an earlier rotation was only brought to its end."""

    new: dict[str, str]
    values: int
    unreadable: tuple[str, ...]


async def rotate(vault: Vault, ring_files: RingFiles, *, batch: int = 200, told: Callable[[int], Awaitable[None]] | None = None) -> Rotated:
    """A new key for every ring whose private file is here, and everything sealed anew with it, while all processes run.

    As long as ciphertexts wait from an earlier rotation, that one is brought to its end instead, with no new key.
    """
    async with _turn():
        before = resealing.waiting(await resealing.in_use(), _opened(vault))
        new = {} if before else files.add_keys(ring_files)
        await canaries.plant(vault)
        values = 0
        while True:
            done = await resealing.reseal(vault, batch=batch, told=told)
            values += done.values
            # Whoever sealed with the older key while we went by is found by going again.
            if not done.values:
                return Rotated(new, values, tuple(done.unreadable))


async def retire(vault: Vault, ring_files: RingFiles) -> dict[str, str]:
    """Remove every key but the newest of its ring from the files. Answers the rings of those that went, by key id.

    Raises Misconfigured while a ciphertext names one of them, with what to do; then everything still opens.
    """
    async with _turn():
        await resealing.none_left(_opened(vault))
        gone = files.older(ring_files)
        if gone:
            files.drop(ring_files.public, gone)
            # A writer that sealed before may still have to commit.
            await _writers_are_through()
            await resealing.none_left(_opened(vault))
            await canaries.remove(gone)
            for path in ring_files.private:
                files.drop(path, gone)
        return gone


def _opened(vault: Vault) -> dict[str, str]:
    return {ring: key_id for ring, key_id in vault.newest.items() if vault.opens(ring)}


@asynccontextmanager
async def _turn() -> AsyncIterator[None]:
    async with db.pool().acquire() as held:
        if not await held.fetchval("SELECT pg_try_advisory_lock($1)", _TURN):
            raise Conflict("Another rotation is under way.", hint="Let it end; it can be begun again at any time.")
        try:
            yield
        finally:
            # The turn is the connection's, which ends however this does; the pool makes another.
            await held.close()


async def _writers_are_through() -> None:
    """Wait until every transaction that had written something by now has ended. Raises Misconfigured after a minute."""
    deadline = time.monotonic() + WRITERS_WITHIN_S
    async with db.pool().acquire() as held:
        here = await held.fetchval("SELECT pg_current_xact_id()::text::bigint")
        while await held.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") <= here:
            if time.monotonic() > deadline:
                raise Misconfigured(
                    "Something has been writing to the database for a minute, and may still use an older key.",
                    hint="Look for a long transaction in pg_stat_activity, then run this again.",
                )
            await asyncio.sleep(0.05)
