"""The countdown of credentials that only their seller can renew, and the look at accounts that nobody has used for a while."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from portal import clock, db, nudges
from portal.accounts.service import story
from portal.accounts.service.badges import days_left, moment, what_ends
from portal.accounts.service.reading import locked, ref, topic
from portal.audit import service as audit
from portal.marketplaces import lasting
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import AccountState, EventKind
from portal.tables.audit import Action

TOLD_AT = (14, 7, 1)
"""Days before the end at which it goes on record, each once."""
HIDE_FOR = timedelta(days=7)
URGENT_DAYS = 7
"""From here on the line above every page says it too."""


async def count_down(account: AccountRef) -> None:
    """Bring the account's countdown up to what its satellite says. In the caller's transaction."""
    row = await locked(account.id)
    due = await lasting.next_due(marketplace(account.code), account.id)
    ends_at = due.at if due else None
    if row.credential_expires_at != ends_at:
        row.expiry_told = row.expiry_hidden_until = None
    row.credential_expiring, row.credential_expires_at = (due.column, due.at) if due else ("", None)
    row.credential_warn_at = due.warn_at if due else None
    await row.save()


async def tell_due() -> int:
    """Put on record whose credential ends in 14, 7 or 1 days. Answers how many lines that made. Asking again makes none."""
    rows: Any = await db.door("door_expiring_accounts", clock.now())
    told = 0
    for row in rows:
        told += await _tell(row["seller_id"], row["account_id"])
    return told


async def _tell(seller_id: UUID, account_id: UUID) -> bool:
    async with db.transaction(seller_id):
        account = await locked(account_id)
        if account.credential_warn_at is None or account.credential_warn_at > clock.now() or account.state == AccountState.DISCONNECTED:
            return False
        reached = [days for days in TOLD_AT if days_left(account) <= days]
        if not reached or (account.expiry_told is not None and account.expiry_told <= reached[-1]):
            return False
        account.expiry_told = reached[-1]
        await account.save()
        what, advice = what_ends(account)
        message = f"{what} ends on {moment(account.credential_expires_at)}. {advice}"
        await story.tell(ref(account), EventKind.EXPIRING, message, code=f"{reached[-1]}_days")
        await nudges.nudge(topic(account_id))
    return True


async def hide(seller_id: UUID, account_id: UUID) -> None:
    """The seller has read it: the line above the pages stays away for a week, the badge stays."""
    async with db.transaction(seller_id):
        account = await locked(account_id)
        account.expiry_hidden_until = clock.now() + HIDE_FOR
        await account.save()
        await audit.write(seller_id, Action.EXPIRY_HIDDEN, "The line about its end is hidden for 7 days", account_id=account_id)


async def idle(limit: int) -> list[tuple[UUID, UUID]]:
    """Seller and account of those due for a look: nobody has asked their marketplace lately. The longest unasked come first."""
    rows: Any = await db.door("door_idle_accounts", clock.now(), limit)
    return [(row["seller_id"], row["account_id"]) for row in rows]


def hidden(until: datetime | None) -> bool:
    return until is not None and until > clock.now()
