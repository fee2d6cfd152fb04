"""What sellers cannot put right: a marketplace that refuses the portal's own application."""

import structlog

from portal import db
from portal.marketplaces.errors import KeysRejected

log = structlog.get_logger()


async def alert(code: str, error: KeysRejected) -> None:
    """Tell the operator, in the log and on /metrics (`portal_operator_refusals`). For errors whose `whose` is "operator"; call it outside
    a seller's transaction, because the count belongs to no seller.
    """
    log.error("operator_application_refused", marketplace=code, reason=error.reason, http_status=error.http_status)
    async with db.pool().acquire() as held:
        await held.execute(
            """INSERT INTO operator_refusals (marketplace_code, refusals, reason, last_at) VALUES ($1, 1, $2, now())
               ON CONFLICT (marketplace_code)
               DO UPDATE SET refusals = operator_refusals.refusals + 1, reason = excluded.reason, last_at = excluded.last_at""",
            code,
            error.reason[:60],
        )
