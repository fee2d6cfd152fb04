"""Schedules, requests and checks in words, for their own pages and for the account's."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import msgspec

from portal import clock
from portal.marketplaces.contract import ScheduleTarget
from portal.runs import service as runs
from portal.runs.painting import stock_in_line
from portal.scheduling import punctuality, rules, service
from portal.scheduling.forms import AT_SET_TIMES, DATED
from portal.scheduling.nightly import DAYS
from portal.scheduling.punctuality import Standing
from portal.scheduling.rules import Rule
from portal.scheduling.service import Line
from portal.tables.accounts import MarketplaceAccount
from portal.tables.requests import RequestOutcome, RunRequest
from portal.tables.schedules import SlotOutcome
from portal.tables.syncs import Purpose
from portal.web.filters import count, day, plural, words_of

JOBS = {
    ScheduleTarget.ORDERS: "New orders",
    ScheduleTarget.RETURNS: "Returns",
    ScheduleTarget.PAYOUTS: "Payouts",
    ScheduleTarget.LISTINGS: "Listings",
    ScheduleTarget.INVENTORY: "Stock push",
    ScheduleTarget.FULL_PROCESSING: "Full processing",
}
INTERVALS = [
    *(
        (str(minutes), rules.interval_words(minutes).removeprefix("every ").replace("hour", "1 hour", minutes == 60))
        for minutes in rules.INTERVALS
    ),
    (AT_SET_TIMES, "at set times"),
]
WEEKDAYS = [(str(bits), words) for bits, words in rules.WEEKDAYS.items()]

OUTCOMES = {
    SlotOutcome.JOINED: "The one planned for %(slot)s found a sync under way, so no second one was started.",
    SlotOutcome.NEXT: "The one planned for %(slot)s stands next in line.",
    SlotOutcome.MISSED: "The one planned for %(slot)s was left out, because its time had passed.",
}

BADGES = {
    # state of a line: words, tone, icon
    "on": ("On", "ok", ""),
    "paused": ("Paused", "neutral", "pause"),
    "off": ("Off", "neutral", "pause"),
    "held": ("On hold", "warn", ""),
    "none": ("Not set", "neutral", ""),
}


def coming(line: Line) -> str:
    """What happens next with a schedule, in one sentence."""
    if line.state == "held" and line.hold is not None:
        return line.hold.words
    if line.state == "off":
        return "Off until you turn it on."
    if line.state == "paused" and line.paused_until is not None:
        return f"Paused until {rules.slot_words(line.paused_until)}."
    if line.next_at is None:
        return "Starts only when you ask for it."
    if line.next_at <= clock.now():
        return "Starts within two minutes."
    return f"Next run {rules.slot_words(line.next_at)}."


def past(line: Line) -> str:
    """What became of the slots before, where there is something to say about it; else empty."""
    if line.held_slots and line.held_since is not None:
        return f"{plural(line.held_slots, 'planned sync was', 'planned syncs were')} left out since {words_of(line.held_since)}."
    said = OUTCOMES.get(SlotOutcome(line.last_outcome))
    return said % {"slot": rules.slot_words(line.last_slot_at)} if said and line.last_slot_at is not None else ""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A rule in plain words, before or after it is saved. `mistakes` instead, where it cannot be."""

    sentence: str = ""
    often: str = ""
    slots: tuple[tuple[str, str], ...] = ()
    mistakes: tuple[str, ...] = ()


def preview(rule: Rule) -> Preview:
    slots = tuple((rules.slot_words(slot), rules.wait_words(slot)) for slot in rules.upcoming(rule, clock.now()))
    often = f"{plural(rule.runs_a_day, 'run', 'runs')} a day. Each starts within 2 minutes of its time."
    return Preview(sentence=rules.sentence(rule), often=often, slots=slots)


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A request on the account page. `done` of `days` for a backfill; `run_id` names its run, where a stopped one can be retried."""

    id: str
    title: str
    state: str
    tone: str
    line: str
    open: bool
    run_id: str
    done: int
    days: int


def waiting(request: RunRequest) -> Waiting:
    days, done = _days(request)
    ended = request.ended_at is not None
    words, tone = _state(request)
    found = f"{count(request.new_count)} new, {count(request.changed_count)} changed, {count(request.same_count)} same"
    progress = f"{done} of {plural(days, 'day', 'days')} read. {found} so far." if days else ""
    return Waiting(
        id=str(request.id),
        title=_title(request),
        state=words,
        tone=tone,
        line=f"{found}." if ended else progress,
        open=not ended,
        run_id=str(request.run_id) if request.run_id else "",
        done=done,
        days=days,
    )


def _title(request: RunRequest) -> str:
    job = JOBS[ScheduleTarget(request.target)]
    if request.purpose == Purpose.BACKFILL:
        return f"{job.removeprefix('New ').capitalize()} from {day(request.first_day)} to {day(request.until - timedelta(seconds=1))}"
    return f"Check of {job.removeprefix('New ').lower()}" if request.purpose == Purpose.RECONCILIATION else job


def _state(request: RunRequest) -> tuple[str, str]:
    if request.ended_at is None:
        return ("Under way", "info") if request.run_id else ("Next in line", "neutral")
    if request.outcome == RequestOutcome.DONE:
        return ("Done with problems", "warn") if request.troubled else ("Done", "ok")
    return ("Cancelled", "neutral") if request.outcome == RequestOutcome.WITHDRAWN else ("Stopped early", "warn")


def _days(request: RunRequest) -> tuple[int, int]:
    """How many days a backfill reads, and how many of them it has read."""
    if request.purpose != Purpose.BACKFILL:
        return 0, 0
    second = timedelta(seconds=1)
    days = -((request.first_day - request.until) // timedelta(days=1))
    return days, min(days, (request.reached - request.first_day + second) // timedelta(days=1)) if request.reached < request.until else days


def checked(check: RunRequest | None) -> str:
    """What the last nightly check found."""
    if check is None or check.ended_at is None:
        return "Not checked yet. Every night we compare the last 30 days with the marketplace."
    at = words_of(check.ended_at)
    if not check.new_count:
        return f"Checked {at}: 0 missing in the last {DAYS} days."
    return f"Checked {at}: {count(check.new_count)} missing in the last {DAYS} days. {'It is' if check.new_count == 1 else 'They are'} here now."


async def next_line(account: MarketplaceAccount) -> str:
    """The line of an account's card about its schedule of orders; empty where the card says it already."""
    lines = await service.lines(account)
    orders = next((line for line in lines if line.target is ScheduleTarget.ORDERS), None)
    return coming(orders) if orders is not None and orders.state != "held" else ""


async def of_account(account: MarketplaceAccount) -> dict[str, Any]:
    """What the account's page shows about the clock: schedules, what stands in line, the last check, days that can be read again."""
    lines = await service.lines(account)
    opened = {line.target for line in lines}
    standings = {} if service.hold_of(account) else await punctuality.of_account(account)
    requests = await runs.requests_of(account.seller_id, account.id)
    stock = await runs.stock_in_line(account.seller_id, account.id)
    return {
        "schedule_lines": painted(lines, standings),
        "requests": [waiting(request) for request in requests],
        "stock_in_line": stock_in_line(stock) if stock else "",
        "checked": checked(await runs.last_check(account.seller_id, account.id)) if ScheduleTarget.ORDERS in opened else "",
        "dated": [(target, JOBS[target].removeprefix("New ").capitalize()) for target in DATED if target in opened],
        "days_back": {"from": (clock.ist_today() - timedelta(days=29)).isoformat(), "to": clock.ist_today().isoformat()},
    }


def painted(lines: Sequence[Line], standings: Mapping[ScheduleTarget, Standing] = MappingProxyType({})) -> list[dict[str, Any]]:
    return [
        {
            "line": line,
            "job": JOBS[line.target],
            "badge": BADGES[line.state],
            "coming": coming(line),
            "past": past(line),
            "standing": standings.get(line.target),
        }
        for line in lines
    ]
