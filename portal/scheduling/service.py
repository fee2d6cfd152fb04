"""An account's schedules: read, changed, paused and resumed, and the ones a new account begins with."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import Conflict, NotFound
from portal.marketplaces import reach
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.scheduling import ending, rules
from portal.scheduling.nightly import first_check
from portal.scheduling.rules import Rule
from portal.tables.accounts import AccountState, MarketplaceAccount
from portal.tables.audit import Action
from portal.tables.schedules import Schedule, SlotOutcome

HOUR = 60
BEGINNING = {
    # What a new account is given, as far as its marketplace can do it. Stock is pushed and orders are accepted only when a person
    # has asked for it: neither begins by itself.
    ScheduleTarget.ORDERS: Rule(interval=30, start=7 * HOUR, end=22 * HOUR),
    ScheduleTarget.RETURNS: Rule(interval=4 * HOUR, start=6 * HOUR, end=22 * HOUR),
    ScheduleTarget.PAYOUTS: Rule(interval=None, times=(9 * HOUR,)),
    ScheduleTarget.LISTINGS: Rule(interval=None, times=(6 * HOUR,)),
}
SUGGESTED = {**BEGINNING, ScheduleTarget.FULL_PROCESSING: Rule(interval=None, times=(10 * HOUR + 30, 15 * HOUR + 30))}
"""What the form offers where an account has no schedule of a target."""

MORNING = time(7)
OFF = "Off until turned on"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing of an account starts: `state` is reconnect, paused or disconnected. A schedule cannot lift it."""

    state: str
    words: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule as pages show it. `state`: on, paused, off, held, or none where the account never had one of this target."""

    target: ScheduleTarget
    state: str
    rule: Rule
    sentence: str
    next_at: datetime | None = None
    paused_until: datetime | None = None
    last_slot_at: datetime | None = None
    last_outcome: str = SlotOutcome.NONE
    hold: Hold | None = None
    held_since: datetime | None = None
    held_slots: int = 0


def hold_of(account: MarketplaceAccount) -> Hold | None:
    """What keeps this account's schedules from starting anything; None while it works."""
    if account.state == AccountState.DISCONNECTED:
        return Hold(state="disconnected", words=f"{account.name} is disconnected.")
    if account.needs_reconnect:
        return Hold(state="reconnect", words=f"{account.name} needs reconnecting. Its schedules go on by themselves after that.")
    if account.state == AccountState.PAUSED:
        return Hold(state="paused", words=f"{account.name} is paused. Its schedules go on when you resume the account.")
    return None


async def lines(account: MarketplaceAccount) -> list[Line]:
    """One for every kind of work that can be begun for this account, in the order of work."""
    async with db.transaction(account.seller_id):
        known = await Schedule.objects().where(Schedule.marketplace_account_id == account.id)
        opened = await reach.open_to(marketplace(account.marketplace_code), account.id)
    kept = {schedule.target: schedule for schedule in known}
    hold = hold_of(account)
    return [_line(kept.get(target), target, hold) for target in ScheduleTarget if target in opened]


def line_of(lines_: Sequence[Line], target: ScheduleTarget) -> Line:
    """The line of this target. NotFound when it cannot be done for the account."""
    for line in lines_:
        if line.target is target:
            return line
    raise NotFound("schedule")


def _line(schedule: Schedule | None, target: ScheduleTarget, hold: Hold | None) -> Line:
    if schedule is None:
        suggested = SUGGESTED.get(target, BEGINNING[ScheduleTarget.ORDERS])
        return Line(target=target, state="none", rule=suggested, sentence="")
    rule = rule_of(schedule)
    paused = schedule.paused_until is not None and schedule.paused_until > clock.now()
    state = "off" if not schedule.enabled else "held" if hold else "paused" if paused else "on"
    return Line(
        target=target,
        state=state,
        rule=rule,
        sentence=rules.sentence(rule),
        next_at=schedule.next_run_at if state in {"on", "paused"} else None,
        paused_until=schedule.paused_until if paused else None,
        last_slot_at=schedule.last_slot_at,
        last_outcome=schedule.last_outcome,
        hold=hold if schedule.enabled else None,
        held_since=schedule.held_since,
        held_slots=schedule.held_slots,
    )


def rule_of(schedule: Schedule) -> Rule:
    return Rule(
        interval=schedule.interval_minutes,
        start=schedule.window_start,
        end=schedule.window_end,
        times=tuple(schedule.set_times),
        weekdays=schedule.weekdays,
    )


async def save(seller_id: UUID, account_id: UUID, target: ScheduleTarget, rule: Rule, *, by: str) -> datetime:
    """Keep this rule and turn the schedule on. Answers the next slot.

    Raises NotFound for an account that is not this seller's or a target that cannot be done for it, BadInput for a rule that cannot be.
    """
    async with db.transaction(seller_id):
        account = await _account(account_id)
        place = marketplace(account.marketplace_code)
        if target not in await reach.open_to(place, account_id):
            raise NotFound("schedule")
        rules.check(rule, least=place.least_interval(target), marketplace_name=place.name)
        before = await _sentence_before(account_id, target)
        # Two presses on a first Save make one schedule.
        await Schedule.insert(_new(seller_id, account_id, target, rule)).on_conflict(action="DO NOTHING")
        schedule = await _existing(account_id, target)
        _write(schedule, rule)
        schedule.enabled, schedule.paused_until = True, None
        slot = _aim(schedule, clock.now())
        await schedule.save()
        await _on_record(schedule, Action.SCHEDULE_SAVED, by, before, rules.sentence(rule))
    return slot


async def pause(seller_id: UUID, account_id: UUID, target: ScheduleTarget, *, until: datetime | None, by: str) -> Line:
    """Start nothing before `until`; None means until somebody turns it on. NotFound without such a schedule."""
    async with db.transaction(seller_id):
        schedule = await _existing(account_id, target)
        if until is None:
            schedule.enabled, schedule.paused_until, schedule.next_run_at = False, None, None
            after = OFF
        else:
            schedule.enabled, schedule.paused_until = True, until
            # A slot at the very end of the pause counts.
            _aim(schedule, until - timedelta(seconds=1))
            after = _rest(schedule)
        await schedule.save()
        await _on_record(schedule, Action.SCHEDULE_PAUSED, by, rules.sentence(rule_of(schedule)), after)
        return _line(schedule, target, hold_of(await _account(account_id)))


def _rest(schedule: Schedule) -> str:
    """How a schedule rests, for the record; empty while it does not."""
    if not schedule.enabled:
        return OFF
    return f"Paused until {rules.slot_words(schedule.paused_until)}" if schedule.paused_until else ""


async def resume(seller_id: UUID, account_id: UUID, target: ScheduleTarget, *, by: str) -> Line:
    """On again, from the next slot. Conflict while the account itself is on hold: that is lifted there."""
    async with db.transaction(seller_id):
        account = await _account(account_id)
        hold = hold_of(account)
        if hold is not None:
            raise Conflict(hold.words)
        schedule = await _existing(account_id, target)
        before = _rest(schedule)
        schedule.enabled, schedule.paused_until = True, None
        _aim(schedule, clock.now())
        await schedule.save()
        await _on_record(schedule, Action.SCHEDULE_RESUMED, by, before, rules.sentence(rule_of(schedule)))
        return _line(schedule, target, None)


def tomorrow_morning() -> datetime:
    """Tomorrow, 7:00 am Indian time, in UTC."""
    return datetime.combine(clock.ist_today() + timedelta(days=1), MORNING, tzinfo=clock.IST).astimezone(UTC)


def beginning(place: Marketplace, opened: Collection[ScheduleTarget]) -> dict[ScheduleTarget, Rule]:
    """What a new account of this marketplace reads by itself, and when; `opened` is what can be begun for it."""
    return {target: _slowed(rule, place, target) for target, rule in BEGINNING.items() if target in opened}


async def begin(account: AccountRef) -> None:
    """The schedules and the nightly check of a new account, in the caller's transaction.

    What an account has already stays, but for what its new way to connect does not open: that would only fail.
    """
    place = marketplace(account.code)
    opened = await reach.open_to(place, account.id)
    known = await Schedule.objects().where(Schedule.marketplace_account_id == account.id)
    await ending.end(account.seller_id, [schedule.id for schedule in known if schedule.target not in opened])
    for target, rule in beginning(place, opened).items():
        schedule = _new(account.seller_id, account.id, target, rule)
        _aim(schedule, clock.now())
        await Schedule.insert(schedule).on_conflict(action="DO NOTHING")
    if ScheduleTarget.ORDERS in opened:
        await first_check(account)


def _slowed(rule: Rule, place: Marketplace, target: ScheduleTarget) -> Rule:
    least = place.least_interval(target)
    if rule.interval is None or rule.interval >= least:
        return rule
    return msgspec.structs.replace(rule, interval=next(interval for interval in rules.INTERVALS if interval >= least))


def _write(schedule: Schedule, rule: Rule) -> None:
    schedule.interval_minutes, schedule.set_times = rule.interval, list(rule.times)
    schedule.window_start, schedule.window_end, schedule.weekdays = rule.start, rule.end, rule.weekdays
    schedule.changed_at = clock.now()


def _aim(schedule: Schedule, moment: datetime) -> datetime:
    """Point the schedule at its first slot after `moment`."""
    slot = rules.next_slot(rule_of(schedule), moment)
    schedule.next_run_at, schedule.spread_s = slot, rules.spread_s(schedule.marketplace_account_id, slot)
    schedule.held_since, schedule.held_slots = None, 0
    return slot


async def _account(account_id: UUID) -> MarketplaceAccount:
    account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).first()
    if account is None:
        raise NotFound("account")
    return account


def _new(seller_id: UUID, account_id: UUID, target: ScheduleTarget, rule: Rule) -> Schedule:
    schedule = Schedule(id=uuid4(), seller_id=seller_id, marketplace_account_id=account_id, target=target)
    _write(schedule, rule)
    return schedule


async def _sentence_before(account_id: UUID, target: ScheduleTarget) -> str:
    """What the schedule says so far; empty where there is none."""
    known = await Schedule.objects().where((Schedule.marketplace_account_id == account_id) & (Schedule.target == target)).first()
    return rules.sentence(rule_of(known)) if known is not None else ""


async def _existing(account_id: UUID, target: ScheduleTarget) -> Schedule:
    """The schedule, locked until the caller's transaction ends."""
    schedule = (
        await Schedule.objects()
        .where((Schedule.marketplace_account_id == account_id) & (Schedule.target == target))
        .lock_rows("UPDATE")
        .first()
    )
    if schedule is None:
        raise NotFound("schedule")
    return schedule


async def _on_record(schedule: Schedule, action: Action, by: str, before: str, after: str) -> None:
    told = f"{schedule.target}: {after}"
    await audit.write(schedule.seller_id, action, told, before=before, actor=by, account_id=schedule.marketplace_account_id)
