"""Mails while manifests are open and the courier's cut-off comes near: two hours, one hour and half an hour ahead, each once."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from portal import clock, db
from portal.marketplaces.registry import marketplace
from portal.notices import service as notices
from portal.notices.wording import Words, retold
from portal.people.permissions import Permission
from portal.processing import batches, closing, errands, rules
from portal.processing.closing import Rule
from portal.tables.processing import ClosePolicy


async def warn_due() -> int:
    """Warn of every cut-off that is near. Answers of how many batches. May run in several workers at once."""
    warned = 0
    for row in await db.door("door_cutoffs_near", clock.now()):
        warned += await _look(row["seller_id"], row["batch_id"])
    return warned


async def _look(seller_id: UUID, batch_id: UUID) -> bool:
    """Whether this batch's people were warned just now. The next look is when the next warning is due."""
    async with db.transaction(seller_id) as held:
        batch = await held.fetchrow(
            """SELECT b.id, b.number, a.id AS account_id, a.name, a.marketplace_code FROM batches b
               JOIN marketplace_accounts a ON a.id = b.marketplace_account_id
               WHERE b.id = $1 AND b.state = 'open' FOR NO KEY UPDATE OF b SKIP LOCKED""",
            batch_id,
        )
        if batch is None:
            return False
        rule, now = await rules.of_account(batch["account_id"]), clock.now()
        ahead = closing.warned(rule, now)
        await held.execute("UPDATE batches SET next_warning_at = $2 WHERE id = $1", batch_id, closing.next_warning(rule, now))
        waits = await _waits_for(batch, rule, now) if ahead is not None else ""
        if ahead is None or not waits:
            return False
        await _mail(seller_id, batch, rule, now, ahead, waits)
    return True


async def _waits_for(batch: Any, rule: Rule, now: datetime) -> str:
    """What its open manifests wait for, in a sentence; empty while the portal or the marketplace is closing them."""
    stages = marketplace(batch["marketplace_code"]).stages
    position = await batches.standing(batch["id"], len(stages))
    if position is None or not stages[position - 1].closes:
        return ""
    errand = await errands.under_way(batch["id"], position)
    if errand is not None:
        return "" if errand.looking else errand.words
    found = closing.verdict(rule, now, asked=False)
    if found.say is closing.Say.CLOSE or await batches.begun(batch["id"], position):
        return ""
    return found.words if rule.close_policy is ClosePolicy.DELAYED else "They wait for you to close them, as you have settled it."


async def _mail(seller_id: UUID, batch: Any, rule: Rule, now: datetime, ahead: timedelta, waits: str) -> None:
    cutoff = closing.next_cutoff(rule, now)
    left = closing.spoken(cutoff - now)
    words = Words(
        subject=f"{left} left to close the manifests of {batch['name']}",
        body=(
            " ".join((f"The manifests of batch {batch['number']} of {batch['name']} are open.", waits)),
            " ".join((f"The courier's cut-off is at {clock.said(cutoff)} IST.", closing.late_words(rule, now))),
            "The batch:",
        ),
        link=f"/batches/{batch['id']}",
    )
    await notices.tell(
        seller_id,
        about=f"cut-off {batch['id']} {cutoff.isoformat()} {ahead}",
        words=partial(retold, words),
        needs=Permission.SYNC,
        lasts=cutoff - now,
    )
