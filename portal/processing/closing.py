"""When a batch's last stage may begin, and how long there is until the courier's cut-off. All days and times are Indian."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

import msgspec

from portal import clock
from portal.tables.processing import ClosePolicy, StockPolicy

WARNINGS = (timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2))
LONGEST_BREAK_DAYS = 60


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's owner has settled. `cutoff` is minutes after midnight; a delayed close comes `close_before` minutes earlier."""

    stock_policy: StockPolicy = StockPolicy.ASK
    close_policy: ClosePolicy = ClosePolicy.MANUAL
    cutoff: int = 17 * 60 + 30
    close_before: int = 30
    holidays: tuple[date, ...] = ()
    tax_number: str = ""


class Say(StrEnum):
    CLOSE = "close"
    WAIT = "wait"
    ASK = "ask"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether to close now, wait `until` then, or ask a person. `words` is for the seller."""

    say: Say
    words: str
    until: datetime | None = None


class Countdown(msgspec.Struct, frozen=True, kw_only=True):
    """The next cut-off, in UTC, and how near it is. `tone` is ok, info, warn or bad: from two hours, one hour and half an hour on."""

    cutoff: datetime
    left: timedelta
    tone: str
    today: bool

    @property
    def said(self) -> str:
        """How long that is, on one line wherever a page breaks."""
        return spoken(self.left).replace(" ", "\N{NO-BREAK SPACE}")


def next_cutoff(rule: Rule, moment: datetime) -> datetime:
    """The first cut-off after `moment` on a day that is no holiday."""
    day = clock.in_ist(moment).date()
    for ahead in range(LONGEST_BREAK_DAYS):
        candidate = _at(day + timedelta(days=ahead), rule.cutoff)
        if candidate > moment and (day + timedelta(days=ahead)) not in rule.holidays:
            return candidate
    return _at(day + timedelta(days=LONGEST_BREAK_DAYS), rule.cutoff)


def countdown(rule: Rule, moment: datetime) -> Countdown:
    cutoff = next_cutoff(rule, moment)
    left = cutoff - moment
    tone = next((tone for limit, tone in zip(WARNINGS, ("bad", "warn", "info"), strict=True) if left <= limit), "ok")
    return Countdown(cutoff=cutoff, left=left, tone=tone, today=clock.in_ist(cutoff).date() == clock.in_ist(moment).date())


def warned(rule: Rule, moment: datetime) -> timedelta | None:
    """The last warning that is due before the next cut-off: half an hour, an hour or two hours ahead; None before the first."""
    left = next_cutoff(rule, moment) - moment
    return next((limit for limit in WARNINGS if left <= limit), None)


def next_warning(rule: Rule, moment: datetime) -> datetime:
    """When the next warning is due after `moment`: today's, or the first before a later cut-off."""
    cutoff = next_cutoff(rule, moment)
    coming = [cutoff - limit for limit in WARNINGS if cutoff - limit > moment]
    return min(coming) if coming else next_cutoff(rule, cutoff) - max(WARNINGS)


def verdict(rule: Rule, moment: datetime, *, asked: bool) -> Verdict:
    """What to do about closing at `moment`. `asked`: a person has said so or it was begun, which counts under every policy."""
    cutoff = next_cutoff(rule, moment)
    if asked or rule.close_policy is ClosePolicy.IMMEDIATE:
        return Verdict(say=Say.CLOSE, words=closing_words(rule, moment))
    if rule.close_policy is ClosePolicy.MANUAL:
        return Verdict(say=Say.ASK, words="The manifests wait for you to close them.")
    begins = cutoff - timedelta(minutes=rule.close_before)
    if moment >= begins:
        return Verdict(say=Say.CLOSE, words=closing_words(rule, moment))
    return Verdict(say=Say.WAIT, until=begins, words=f"The manifests close at {clock.said(begins)}, before the cut-off.")


def closing_words(rule: Rule, moment: datetime) -> str:
    """What closing at `moment` means for the hand-over."""
    cutoff = next_cutoff(rule, moment)
    if clock.in_ist(cutoff).date() == clock.in_ist(moment).date():
        return "Closed before today's cut-off: these orders count as dispatched today."
    return f"Today's cut-off is over or it is a holiday: these orders count as dispatched on {clock.in_ist(cutoff):%a} {clock.in_ist(cutoff):%-d %b}."


def late_words(rule: Rule, moment: datetime) -> str:
    """What closing after the next cut-off would mean."""
    cutoff = next_cutoff(rule, moment)
    following = next_cutoff(rule, cutoff)
    return (
        f"Manifests closed after {clock.in_ist(cutoff).strftime('%-I:%M %p').lower()} IST count for the next dispatch, "
        f"on {clock.in_ist(following):%a} {clock.in_ist(following):%-d %b}."
    )


def spoken(time: timedelta) -> str:
    """A time that is left, as one says it: `2 h 5 min`, `25 min`."""
    minutes = max(0, int(time.total_seconds() // 60))
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def _at(day: date, minute: int) -> datetime:
    return (datetime.combine(day, time.min, tzinfo=clock.IST) + timedelta(minutes=minute)).astimezone(UTC)
