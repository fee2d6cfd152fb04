"""Rows set aside, as a worker meets them: kept with their reason, read again on request, and resolved once they are read."""

from collections.abc import Sequence

import msgspec

from portal import clock, db
from portal.marketplaces.facts import UnreadableRow
from portal.marketplaces.scrubbing import scrubbed
from portal.runs.service.taking import Taken


async def keep_aside(run: Taken, rows: Sequence[UnreadableRow]) -> int:
    """Keep what could not be read, in the page's transaction; a row that was set aside before is refreshed, not doubled. Answers how many."""
    kept = {(row.external_id[:120], run.scrub(row.reason)): row for row in rows}
    if kept:
        await db.connection().execute(
            """INSERT INTO set_asides (id, seller_id, run_id, marketplace_account_id, target, external_id, reason, raw_form, created_at)
               SELECT gen_random_uuid(), $1, $2, $3, $4, told.*, $5 FROM unnest($6::text[], $7::text[], $8::text[]) AS told
               ON CONFLICT (marketplace_account_id, target, external_id, reason) DO UPDATE SET
                   run_id = excluded.run_id, raw_form = excluded.raw_form, resolved_at = NULL, resolved_by = '', retry_asked_at = NULL""",
            run.seller_id,
            run.id,
            run.account_id,
            run.target,
            clock.now(),
            [external_id for external_id, _ in kept],
            [reason for _, reason in kept],
            [msgspec.json.encode(scrubbed(row.raw, run.hush)).decode() for row in kept.values()],
        )
    return len(rows)


async def any_aside(run: Taken) -> bool:
    """Whether rows of the run's kind wait to become readable. While it works, only the run itself can add to them."""
    async with db.transaction(run.seller_id) as held:
        return bool(
            await held.fetchval(
                "SELECT EXISTS (SELECT FROM set_asides WHERE marketplace_account_id = $1 AND target = $2 AND resolved_at IS NULL)",
                run.account_id,
                run.target,
            )
        )


async def resolve(run: Taken, external_ids: Sequence[str]) -> None:
    """What was set aside before and could be read now needs nobody's attention any more. In the page's transaction."""
    await db.connection().execute(
        f"""UPDATE set_asides SET {_RESOLVED}
            WHERE marketplace_account_id = $1 AND target = $2 AND external_id = ANY($5) AND external_id <> '' AND resolved_at IS NULL""",  # noqa: S608 (our own words)
        run.account_id,
        run.target,
        clock.now(),
        run.diagnostic_id,
        list(external_ids),
    )


_RESOLVED = """retry_asked_at = NULL, resolved_at = $3,
    resolved_by = CASE WHEN retry_asked_at IS NULL THEN $4 ELSE retry_asked_by || ' · ' || $4 END"""


async def asked_again(run: Taken) -> list[str]:
    """The ids of the rows this run is to read again; rows without an id cannot be asked for."""
    async with db.transaction(run.seller_id) as held:
        rows = await held.fetch(
            """SELECT DISTINCT external_id FROM set_asides WHERE marketplace_account_id = $1 AND target = $2 AND resolved_at IS NULL
               AND retry_asked_at <= $3 AND external_id <> '' ORDER BY 1""",
            run.account_id,
            run.target,
            run.taken_at,
        )
    return [row["external_id"] for row in rows]


async def resolve_unmet(run: Taken) -> None:
    """Everything was read again from before these rows, and they were not set aside again: they are among what was kept."""
    async with db.transaction(run.seller_id) as held:
        await held.execute(
            f"""UPDATE set_asides SET {_RESOLVED}
                WHERE marketplace_account_id = $1 AND target = $2 AND resolved_at IS NULL AND retry_asked_at <= $5 AND run_id <> $6""",  # noqa: S608 (our own words)
            run.account_id,
            run.target,
            clock.now(),
            run.diagnostic_id,
            run.taken_at,
            run.id,
        )


async def tried(run: Taken) -> None:
    """The run has ended: what it was asked for is no longer asked for, however it went. Nothing, while it only waits."""
    async with db.transaction(run.seller_id) as held:
        await held.execute(
            """UPDATE set_asides SET retry_asked_at = NULL WHERE marketplace_account_id = $1 AND target = $2 AND retry_asked_at <= $3
               AND EXISTS (SELECT FROM sync_runs WHERE id = $4 AND finished_at IS NOT NULL)""",
            run.account_id,
            run.target,
            run.taken_at,
            run.id,
        )
