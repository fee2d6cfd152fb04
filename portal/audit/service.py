"""Writing the trail: one function, called in the transaction of the change itself, so that neither is there without the other."""

from uuid import UUID

from portal import clock, db
from portal.audit.asking import who_asks
from portal.tables.audit import Action, AuditEntry, Result

LONGEST = 2_000
"""Letters of a sentence. Longer ones come from names that strangers choose."""


async def write(
    seller_id: UUID,
    action: Action,
    after: str = "",
    *,
    before: str = "",
    actor: str = "",
    account_id: UUID | None = None,
    result: Result = Result.DONE,
) -> None:
    """Put on record what is being done, in the caller's transaction of `seller_id`.

    `before` and `after` are sentences, counts or fingerprints, never a value that is secret or a buyer's. `actor` only where it is not
    whoever the present request is from.
    """
    asking = who_asks()
    async with db.transaction(seller_id):
        await AuditEntry.insert(
            AuditEntry(
                seller_id=seller_id,
                occurred_at=clock.now(),
                actor=(actor or asking.actor)[:120],
                action=action,
                marketplace_account_id=account_id,
                before=_tidy(before),
                after=_tidy(after),
                device=asking.device[:120],
                masked_address=asking.masked_address[:60],
                result=result,
            )
        )


async def called(user_id: UUID) -> str:
    """How the trail names a person, in the caller's transaction: the name, else the e-mail address; empty for nobody of this seller."""
    return str(await db.connection().fetchval("SELECT coalesce(nullif(name, ''), email) FROM seller_users WHERE id = $1", user_id) or "")


def _tidy(sentence: str) -> str:
    return sentence.replace("\0", "")[:LONGEST]
