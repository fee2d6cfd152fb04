"""Rows of tables as a measurement needs them: gone, counted, or written once more by a plain COPY."""

import io
import time
from collections.abc import Sequence

import asyncpg

ROUNDS = 3

Owner = asyncpg.Connection


async def emptied(owner: Owner, tables: Sequence[str]) -> None:
    """As on a new portal: no rows, and a planner that has never seen any."""
    await owner.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")
    await owner.execute(
        """SELECT pg_clear_relation_stats('public', relname), pg_clear_attribute_stats('public', relname, attname, false)
           FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped WHERE relname = ANY($1)""",
        list(tables),
    )


async def counted(owner: Owner, tables: Sequence[str]) -> int:
    """How many rows these tables have together."""
    return sum([int(await owner.fetchval(f"SELECT count(*) FROM {table}")) for table in tables])


async def copied(owner: Owner, tables: Sequence[str]) -> float:
    """Seconds for COPY of all rows of these tables into empty ones with the same indexes, in one transaction; the best of some rounds."""
    rows = {table: io.BytesIO() for table in tables}
    for table, kept in rows.items():
        await owner.copy_from_query(f"SELECT * FROM {table}", output=kept, format="text")
    taken = []
    for _ in range(ROUNDS):
        for table, kept in rows.items():
            kept.seek(0)
            await owner.execute(f"DROP TABLE IF EXISTS copied_{table}; CREATE TABLE copied_{table} (LIKE {table} INCLUDING INDEXES)")
        started = time.perf_counter()
        async with owner.transaction():
            for table, kept in rows.items():
                await owner.copy_to_table(f"copied_{table}", source=kept, format="text")
        taken.append(time.perf_counter() - started)
    return min(taken)
