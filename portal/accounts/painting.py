"""Accounts as people see them: the card, the line above every page, and the story of a connection in words."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec

from portal import clock
from portal.accounts import service
from portal.marketplaces.budgets import allowance
from portal.marketplaces.circuits import Outage
from portal.marketplaces.contract import mask
from portal.marketplaces.errors import resting
from portal.marketplaces.registry import marketplace
from portal.people.service import owner_of
from portal.runs import painting
from portal.runs import service as runs
from portal.scheduling import painting as scheduling
from portal.tables.accounts import AccountState, EventKind, MarketplaceAccount
from portal.tables.syncs import FINISHED, RunState
from portal.web.pages import Banner

KINDS = {
    # what happened: what it is called, and its tone
    EventKind.SAVED: ("Connected", "ok"),
    EventKind.VALIDATED: ("Accepted", "ok"),
    EventKind.REJECTED: ("Refused", "bad"),
    EventKind.REFRESHED: ("Renewed by the marketplace", "info"),
    EventKind.OPENED: ("Opened", "neutral"),
    EventKind.OPEN_FAILED: ("Could not be opened", "bad"),
    EventKind.RESEALED: ("Re-sealed with a new key", "neutral"),
    EventKind.EXPIRING: ("Ends soon", "warn"),
    EventKind.REPLACED: ("Partly replaced", "ok"),
    EventKind.RECONNECTED: ("Reconnected", "ok"),
    EventKind.PAUSED: ("Paused", "neutral"),
    EventKind.RESUMED: ("Resumed", "neutral"),
    EventKind.DISCONNECTED: ("Disconnected", "neutral"),
    EventKind.ERASED: ("Erased", "neutral"),
}
NEWS_FOR = timedelta(days=7)
"""How long a filled gap stands on the account's page."""
OURS = {"worker": "System", "test": "System", "key rotation": "Key rotation"}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the story. `action` and `href` are what to do next, while that still has to be done."""

    happening: service.Happening
    words: str
    tone: str
    by: str
    action: str = ""
    href: str = ""


async def card(account: MarketplaceAccount) -> dict[str, Any]:
    """What an account's card shows."""
    place = marketplace(account.marketplace_code)
    last = await runs.history(account.seller_id, account_id=account.id, limit=1)
    badge = service.badge(account)
    return {
        "account": account,
        "place": place,
        "badge": badge,
        "was": service.settled(account).text if badge.state == "checking" else "",
        "checking": service.checking(account),
        "expiring": service.ends_soon(account),
        "target_words": painting.TARGETS,
        "shown_id": mask(account.external_account_id),
        "last": last[0] if last else None,
        "next_line": await scheduling.next_line(account),
        "words": painting.words,
        "retry_href": painting.retry_of(last[0]) if last else "",
        "paused": account.state == AccountState.PAUSED,
        "allowance": await allowance(account.seller_id, account.id),
    }


async def gap_told(account: MarketplaceAccount) -> str:
    """What the last reconnect made up for: "2 to 9 November: 148 orders recovered"; empty without one, and when it is old news."""
    gap = await service.last_gap(account.seller_id, account.id)
    if gap is None or gap.until < clock.now() - NEWS_FOR:
        return ""
    days = days_told(clock.in_ist(gap.since).date(), clock.in_ist(gap.until).date())
    if RunState(gap.state) not in FINISHED:
        return f"{days}: fetching what came in meanwhile."
    if gap.state == RunState.FAILED:
        return f"{days}: not fetched yet."
    return f"{days}: {gap.recovered} {'order' if gap.recovered == 1 else 'orders'} recovered."


def days_told(first: date, last: date) -> str:
    """`9 November`, `2 to 9 November`, `28 October to 3 November`, with years where they differ."""
    end = f"{last:%-d %B}" if first.year == last.year else f"{last:%-d %B %Y}"
    if first == last:
        return end
    if first.year != last.year:
        return f"{first:%-d %B %Y} to {end}"
    return f"{first:%-d} to {end}" if first.month == last.month else f"{first:%-d %B} to {end}"


async def banner(seller_id: UUID, *, may_connect: bool = True) -> Banner | None:
    """The one line on every page about accounts that need their seller; None when none does. What is broken goes before what ends.

    Who may not connect accounts is told whom to ask instead of being sent to a page that refuses her.
    """
    told = await _needed(seller_id)
    if told is None or may_connect:
        return told
    return msgspec.structs.replace(told, detail=f"Ask {await owner_of(seller_id)} for access.", href="", action="", hide_href="")


async def _needed(seller_id: UUID) -> Banner | None:
    accounts = await service.all_of(seller_id)
    broken = [account for account in accounts if account.needs_reconnect]
    if len(broken) > 1:
        return Banner(
            text=f"{len(broken)} accounts need reconnecting.", detail="Their syncs are on hold.", href="/accounts", action="See which"
        )
    if broken:
        return Banner(
            text=f"{broken[0].name} needs reconnecting.",
            detail="Its syncs are on hold. Your data is safe.",
            href=f"/accounts/{broken[0].id}/reconnect",
            action="Reconnect",
        )
    ending = [one for one in accounts if service.ends_soon(one) and not service.hidden(one.expiry_hidden_until)]
    return _ending(min(ending, key=service.days_left)) if ending else None


def _ending(account: MarketplaceAccount) -> Banner:
    days = service.days_left(account)
    what, _ = service.what_ends(account)
    return Banner(
        text=_end_told(f"{account.name}: {what[:1].lower()}{what[1:]}", days),
        tone="bad" if days <= service.URGENT_DAYS else "warn",
        detail="Syncs keep working until then.",
        href=f"/accounts/{account.id}/reconnect",
        action="Renew",
        hide_href=f"/accounts/{account.id}/hide-expiry",
    )


def _end_told(what: str, days: int) -> str:
    if days == 0:
        return f"{what} has passed its date."
    return f"{what} ends within a day." if days == 1 else f"{what} ends in {days} days."


def outage_told(outage: Outage) -> str:
    """The line on every page of the sellers it concerns, once however many of their accounts it hits."""
    return resting(marketplace(outage.code).name, outage.since, outage.retry_at)


def story(account: MarketplaceAccount, happenings: list[service.Happening]) -> list[Line]:
    """The connection's story in words. Only the newest refusal, or the newest warning, still asks for something."""
    place = marketplace(account.marketplace_code)
    asked: set[str] = set()
    if not account.needs_reconnect:
        asked |= {EventKind.REJECTED, EventKind.OPEN_FAILED}
    if not service.ends_soon(account) or account.state == AccountState.DISCONNECTED:
        asked.add(EventKind.EXPIRING)
    lines = []
    for one in happenings:
        words, tone = KINDS[EventKind(one.kind)]
        action = {EventKind.REJECTED: "Reconnect", EventKind.OPEN_FAILED: "Reconnect", EventKind.EXPIRING: "Renew"}.get(
            EventKind(one.kind), ""
        )
        if one.kind in asked:
            action = ""
        if action:
            asked.add(one.kind)
        lines.append(
            Line(
                happening=one,
                words=words,
                tone=tone,
                by=place.name if one.by == "marketplace" else OURS.get(one.by, one.by),
                action=action,
                href=f"/accounts/{account.id}/reconnect" if action else "",
            )
        )
    return lines
