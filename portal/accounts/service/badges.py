"""The badge of a connection: what of all that is known about it a seller sees first."""

from datetime import datetime, timedelta
from math import ceil

import msgspec

from portal import clock
from portal.marketplaces import lasting
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import MarketplaceAccount, ValidationStatus

CHECK_PATIENCE = timedelta(seconds=60)
OVERDUE = timedelta(hours=24)
TROUBLED = (
    ValidationStatus.UNREACHABLE,
    ValidationStatus.BLOCKED,
    ValidationStatus.REJECTED,
    ValidationStatus.MISSING_PERMISSION,
)


class Badge(msgspec.Struct, frozen=True, kw_only=True):
    """A state in words, tone and icon; `line` stands below it, `why` behind a disclosure. `state` names the row of the badge table.

    `line_tone` is the line's own: a check that is overdue, or a filter that blocks us, is no fault of the credential.
    """

    state: str
    text: str
    tone: str
    line: str
    why: str
    line_tone: str = ""


def checking(account: MarketplaceAccount) -> bool:
    """A check is under way; one that has not answered within a minute no longer counts."""
    return account.checking_since is not None and account.checking_since > clock.now() - CHECK_PATIENCE


def badge(account: MarketplaceAccount) -> Badge:
    """First match of: needs reconnect, checking, never checked, expiring, valid. Outages change only the line."""
    return _under_way(account) if checking(account) and not account.needs_reconnect else settled(account)


def settled(account: MarketplaceAccount) -> Badge:
    """The badge as it is apart from a check that is under way."""
    name = marketplace(account.marketplace_code).name
    if account.needs_reconnect:
        return Badge(
            state="needs_reconnect",
            text="Needs reconnect",
            tone="bad",
            line=f"Stopped {moment(account.refused_at)}",
            why=f"{account.reconnect_reason} Your data is safe.",
        )
    if account.last_proven_at is None:
        return Badge(
            state="never_checked",
            text="Never checked",
            tone="neutral",
            line=account.last_validation_message or _checked(account),
            why="We have not been able to test these details yet.",
        )
    if ends_soon(account):
        return _ending(account)
    return Badge(
        state="valid",
        text="Valid",
        tone="ok",
        line=_line(account),
        why=f"{name} accepted these details {moment(account.last_proven_at)}.",
        line_tone=_line_tone(account),
    )


def _under_way(account: MarketplaceAccount) -> Badge:
    name = marketplace(account.marketplace_code).name
    why = f"We are asking {name} whether it accepts these details."
    return Badge(state="checking", text="Checking", tone="info", line="Started just now", why=why)


def ends_soon(account: MarketplaceAccount) -> bool:
    """The seller has to act by a known day, and that day is near enough to say so."""
    return account.credential_warn_at is not None and account.credential_warn_at <= clock.now()


def days_left(account: MarketplaceAccount) -> int:
    """Whole days until the credential ends, the present one included; 0 when it has ended."""
    ends = account.credential_expires_at
    return max(0, ceil((ends - clock.now()).total_seconds() / 86_400)) if ends else 0


def what_ends(account: MarketplaceAccount) -> tuple[str, str]:
    """The part that ends, and what the seller does about it."""
    deadline = lasting.deadline_of(marketplace(account.marketplace_code), account.credential_expiring)
    return (deadline.what, deadline.advice) if deadline else ("The saved credential", "Reconnect this account before it ends.")


def _ending(account: MarketplaceAccount) -> Badge:
    what, advice = what_ends(account)
    ends, days = account.credential_expires_at, days_left(account)
    words = "Renewal overdue" if days == 0 else "Expires in 1 day" if days == 1 else f"Expires in {days} days"
    line = f"Was to be renewed before {moment(ends)}" if days == 0 else f"Renew before {moment(ends)}"
    return Badge(state="expiring", text=words, tone="warn", line=line, why=f"{what} ends. {advice} Syncs keep working until then.")


def _checked(account: MarketplaceAccount) -> str:
    return f"Checked {moment(account.last_validated_at)}" if account.last_validated_at else f"Added {moment(account.created_at)}"


def _line(account: MarketplaceAccount) -> str:
    troubled = account.last_validation_status in TROUBLED and account.last_validation_message
    return f"{_checked(account)} · {account.last_validation_message}" if troubled else _checked(account)


def _line_tone(account: MarketplaceAccount) -> str:
    if account.last_validation_status == ValidationStatus.BLOCKED:
        return "bad"
    return "warn" if account.last_proven_at < clock.now() - OVERDUE else ""


def moment(at: datetime | None) -> str:
    """`21 Aug 2026, 7:05 pm`; empty for none."""
    return clock.in_ist(at).strftime("%-d %b %Y, %-I:%M %p").replace("AM", "am").replace("PM", "pm") if at else ""
