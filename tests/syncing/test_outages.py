"""An outage costs neither calls nor patience, asks nobody to reconnect, and is told once; only a definite refusal is the seller's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from portal import clock
from portal.accounts import service as accounts
from portal.accounts.painting import banner
from portal.marketplaces import http
from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.circuits import ALONE, SharedCircuits
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.errors import Throttled, Unreachable
from portal.marketplaces.http import Call, Outside, Quota, retry_after
from portal.marketplaces.methods import Method
from portal.marketplaces.quotas import Silence
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Fault
from portal.notices import service as notices
from portal.postgres import Addresses
from portal.runs import painting
from portal.runs import service as runs
from portal.syncing import job
from portal.syncing.job import LONGEST_OUTAGE, PATIENCE
from portal.tables.syncs import FINISHED, RunState, SyncRun
from portal.vault import Vault
from tests.contract.desks import Desk, desk
from tests.contract.stalls import LIVE, TINY
from tests.workshop import Workshop, another_account, seen

pytestmark = pytest.mark.anyio

KINDS: dict[str, tuple[Fault, float]] = {
    # what goes wrong for an hour: the fault, and its seconds
    "asked to slow down for five minutes": (Fault.SLOW_DOWN, 300.0),
    "asked to slow down for a minute": (Fault.SLOW_DOWN, 60.0),
    "no answer we can use": (Fault.OUTAGE, 0.0),
    "no answer at all": (Fault.TIMEOUT, 30.0),
    "the connection dies": (Fault.RESET, 0.0),
    "half a body": (Fault.TRUNCATED, 0.0),
    "another shape": (Fault.CHANGED, 0.0),
    "an empty body": (Fault.EMPTY, 0.0),
    "a bot filter": (Fault.BOT_FILTER, 0.0),
    "a login page": (Fault.LOGIN_PAGE, 0.0),
    "clocks that differ": (Fault.CLOCK_SKEW, 0.0),
}
NOT_EVERYWHERE = (Fault.LOGIN_PAGE, Fault.CLOCK_SKEW)
"""What some marketplaces' wires have no way to show."""
SAMPLE = (
    ("AJIO", "asked to slow down for five minutes"),
    ("AJIO", "no answer we can use"),
    ("AJIO", "half a body"),
    ("MEESHO", "clocks that differ"),
)
HOUR = timedelta(hours=1)
WAYS = [pytest.param(place, method, id=f"{place.code}-{method.code}") for place in LIVE for method in place.methods]
every_way = pytest.mark.parametrize(("place", "method"), WAYS)


@asynccontextmanager
async def connected_by(place: Marketplace, method: Method, keys: Vault) -> AsyncIterator[tuple[Desk, AccountRef]]:
    """An account of one way to connect, and nothing waiting to be worked."""
    keys_of = method.sandbox_keys or place.sandbox_keys
    typed = {**keys_of(TINY), place.method_column: method.code} if keys_of is not None else {}
    async with desk(place, TINY, keys, typed) as d:
        account = await (d.allowed() if method.oauth else d.connect())
        d.jobs.waiting.clear()
        yield d, account


async def _an_hour_of(d: Desk, account: AccountRef, at: datetime) -> tuple[datetime, list[SyncRun]]:
    """Deliver whenever it is due; what has ended is started anew after ten minutes, as a schedule would. Answers each delivery's run."""
    end, seen_runs = at + HOUR, []
    while at < end:
        with clock.stopped_at(at):
            started = await runs.start(d.seller_id, account.id, ScheduleTarget.ORDERS, jobs=d.jobs)
            run = await d.deliver(started.run_id)
            row = await accounts.get(d.seller_id, account.id)
        assert not row.needs_reconnect, f"{run.error_code}: {run.error_message}"
        seen_runs.append(run)
        at = run.resume_at + timedelta(seconds=1) if run.state == RunState.WAITING and run.resume_at else at + timedelta(minutes=10)
    return at, seen_runs


@pytest.mark.parametrize(("code", "kind"), SAMPLE)
async def test_an_hour_of_it_asks_nobody_to_reconnect(code: str, kind: str, connected: Addresses, keys: Vault) -> None:
    place = marketplace(code)
    async with connected_by(place, place.methods[0], keys) as (d, account):
        await _lasts_an_hour(kind, d, account, clock.now())
        await nobody_is_asked(d, connected)


@pytest.mark.soak
@every_way
async def test_an_hour_of_each_asks_nobody_by_any_way(
    place: Marketplace, method: Method, connected: Addresses, keys: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One account goes through all of them in turn, and reads its orders in between."""
    monkeypatch.setattr(http, "FIRST_WAIT_S", 0.01)
    async with connected_by(place, method, keys) as (d, account):
        at = clock.now()
        for kind, (fault, _) in KINDS.items():
            # Where the way in is a signed-in session, a page that asks to sign in says that it is over.
            if fault is not Fault.LOGIN_PAGE or method.capturing is None:
                at = await _lasts_an_hour(kind, d, account, at)
        await nobody_is_asked(d, connected)


async def _lasts_an_hour(kind: str, d: Desk, account: AccountRef, at: datetime) -> datetime:
    """An hour of it, a few calls each time, and the next sync after it succeeds. Answers the moment after that."""
    fault, seconds = KINDS[kind]
    await d.order(fault, seconds=seconds)
    d.tap.patience_s = 0.1 if fault is Fault.TIMEOUT else None
    before, struck = len(d.arrivals.at), (await d.struck()).count(fault)
    at, deliveries = await _an_hour_of(d, account, at)
    assert (await d.struck()).count(fault) > struck or fault in NOT_EVERYWHERE, f"{kind}: it never came to it"
    if any(run.state != RunState.SUCCEEDED for run in deliveries):  # else its client settles it, and reads on
        assert len(d.arrivals.at) - before <= 4 * len(deliveries), f"{kind}: it signs in and tries three times, then it waits"
    await d.clear()
    d.tap.patience_s = None
    at += timedelta(minutes=20)
    with clock.stopped_at(at):
        started = await runs.start(d.seller_id, account.id, ScheduleTarget.ORDERS, jobs=d.jobs)
        ended = await d.deliver(started.run_id)
    for _ in range(2):  # it may have to wait for another probe
        if ended.state == RunState.WAITING and ended.resume_at:
            at = ended.resume_at + timedelta(seconds=1)
            with clock.stopped_at(at):
                ended = await d.deliver(ended.id)
    assert ended.state == RunState.SUCCEEDED, f"{kind}: {ended.error_message}"
    return at


async def nobody_is_asked(d: Desk, addresses: Addresses) -> None:
    await notices.tell_due()
    assert await seen(addresses, "SELECT 1 FROM mails WHERE subject LIKE '%reconnected'") == []
    assert await seen(addresses, "SELECT 1 FROM marketplace_credential_events WHERE kind = 'rejected'") == []
    assert await banner(d.seller_id, may_connect=True) is None


@pytest.mark.parametrize(
    ("place", "method"), [pytest.param(*one.values, id=one.id, marks=[] if "MEESHO" in str(one.id) else pytest.mark.soak) for one in WAYS]
)
async def test_a_definite_refusal_asks_once_however_often_it_is_repeated(
    place: Marketplace, method: Method, connected: Addresses, keys: Vault
) -> None:
    async with connected_by(place, method, keys) as (d, account):
        if method.oauth:
            (await d.side.post("/_sandbox/withdraw")).raise_for_status()
        else:
            await d.order(Fault.REVOKED)
        started = await runs.start(d.seller_id, account.id, ScheduleTarget.ORDERS, jobs=d.jobs)
        other = await runs.start(d.seller_id, account.id, ScheduleTarget.RETURNS, jobs=d.jobs)
        calls = len(d.arrivals.at)
        run = await d.deliver(started.run_id)
        assert (run.state, run.error_code) == (RunState.FAILED, "keys_rejected")
        assert len(d.arrivals.at) - calls >= 2, "one refusal is no verdict"
        calls = len(d.arrivals.at)
        assert (await d.deliver(other.run_id)).error_code == "keys_rejected"
        assert len(d.arrivals.at) == calls, "keys that were refused are not shown again"
        assert (await accounts.get(d.seller_id, account.id)).needs_reconnect
        assert len(await seen(connected, "SELECT 1 FROM marketplace_credential_events WHERE kind = 'rejected'")) == 1
        for minutes in range(0, 60, 20):
            with clock.stopped_at(clock.now() + timedelta(minutes=minutes)):
                assert (await d.check(account)).needs_reconnect
                await notices.tell_due()
        mails = await seen(connected, "SELECT link FROM mails WHERE subject LIKE '%reconnected'")
        assert [row["link"] for row in mails] == [f"/accounts/{account.id}/reconnect"], "one mail in all that time"
        asks = await banner(d.seller_id, may_connect=True)
        assert asks is not None
        assert (asks.text, asks.href) == ("Surat store needs reconnecting.", f"/accounts/{account.id}/reconnect")


# An open circuit, as runs and pages meet it.

FOREVER: dict[str, Any] = {"times": 0}


async def _open(works: Workshop) -> Silence:
    """As if other workers had found the marketplace silent."""
    host = works.bench.base.removeprefix("http://")
    circuit = SharedCircuits().of(works.account)
    silence = None
    for _ in range(ALONE):
        silence = await circuit.unanswered(host)
    assert silence is not None
    return silence


async def _rung(works: Workshop, run: SyncRun) -> SyncRun:
    assert run.resume_at is not None
    with clock.stopped_at(run.resume_at + timedelta(seconds=1)):
        return await works.work(run.id)


async def test_runs_wait_out_an_outage_without_a_call_and_without_patience(works: Workshop) -> None:
    silence = await _open(works)
    run = await works.sync()
    assert (run.state, run.error_code, run.faults) == (RunState.WAITING, "unreachable", 0)
    assert await works.bench.calls() == []
    assert run.error_message.startswith(f"{NAME} is not answering since {clock.said(silence.since)}. We try again at ")
    assert run.error_message.endswith(" Your details are not the cause.")
    assert run.resume_at is not None
    assert timedelta() <= run.resume_at - silence.retry_at <= timedelta(seconds=5), "runs do not all come back in the same moment"
    assert (await _rung(works, run)).state == RunState.SUCCEEDED
    assert await seen(works.addresses, "SELECT 1 FROM marketplace_circuits WHERE faults > 0") == []


async def test_of_many_accounts_one_call_finds_out(works: Workshop) -> None:
    other = await another_account(works)
    await works.bench.order_fault(Fault.OUTAGE, **FOREVER)
    silence = await _open(works)
    waiting = [
        await works.sync(),
        await works.work((await runs.start(works.seller, other.id, ScheduleTarget.ORDERS, jobs=works.jobs)).run_id),
    ]
    with clock.stopped_at(silence.retry_at + timedelta(seconds=6)):
        again = [await works.work(run.id) for run in waiting]
    assert len(await works.bench.calls()) == 1
    assert [(run.state, run.faults) for run in again] == [(RunState.WAITING, 0)] * 2
    assert all(run.resume_at and run.resume_at > silence.retry_at for run in again)


async def test_a_marketplace_that_is_gone_for_a_day_ends_the_run(works: Workshop) -> None:
    silence = await _open(works)
    run_id = await works.start()
    await seen(works.addresses, "UPDATE marketplace_circuits SET silent_since = $1", silence.since - LONGEST_OUTAGE)
    run = await works.work(run_id)
    assert (run.state, run.error_code) == (RunState.FAILED, "unreachable")
    assert not (await accounts.get(works.seller, works.account.id)).needs_reconnect


async def test_what_a_run_waits_for_is_shown_wherever_the_run_is(works: Workshop) -> None:
    await works.bench.order_fault(Fault.SLOW_DOWN, after=1, operation="searchOrders")
    run = await works.sync()
    assert run.resume_at is not None
    told = f"asked us to slow down. We go on at {clock.said(run.resume_at)}."
    assert told in painting.panel(run).bar.text
    assert told in (await runs.history(works.seller))[0].reason
    done = await _rung(works, run)
    assert done.state in FINISHED
    assert (await runs.history(works.seller))[0].reason == ""


# Retry-After, and what it does to a call.


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999", 86_400),
        ("Fri, 20 Nov 2026 06:32:00 GMT", 120),
        ("Fri, 20 Nov 2026 06:00:00 GMT", 0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(header: str, seconds: float | None) -> None:
    noon = datetime.fromisoformat("2026-11-20T06:30:00+00:00")
    with clock.stopped_at(noon):
        found = retry_after(httpx.Response(429, headers={"retry-after": header}))
    assert found == (None if seconds is None else noon + timedelta(seconds=seconds))


def test_a_date_to_retry_at_goes_by_the_clock_of_who_named_it() -> None:
    now = datetime.fromisoformat("2026-11-20T06:30:00+00:00")
    theirs = now + timedelta(hours=2)
    headers = {"date": format_datetime(theirs, usegmt=True), "retry-after": format_datetime(theirs + timedelta(minutes=3), usegmt=True)}
    with clock.stopped_at(now):
        assert retry_after(httpx.Response(429, headers=headers)) == now + timedelta(minutes=3)


@pytest.mark.parametrize(("headers", "calls"), [({}, 3), ({"retry-after": "600"}, 1)])
async def test_a_call_is_not_repeated_before_the_time_the_marketplace_named(headers: dict[str, str], calls: int) -> None:
    made: list[Call] = []

    async def observe(call: Call) -> None:
        made.append(call)

    outside = Outside(transport=httpx.MockTransport(lambda _: httpx.Response(503, headers=headers)), observe=observe)
    async with outside.calls("Bazaar", "one") as client:
        with pytest.raises(Unreachable) as raised:
            await client.send(client.request("GET", "https://bazaar.test/orders"), Quota("orders", 100.0, 100.0))
    assert len(made) == calls
    assert (raised.value.retry_at is not None) == bool(headers)


async def test_our_own_budget_is_not_blamed_on_the_marketplace() -> None:
    rare = Quota("reports", 0.001, 2.0)
    async with Outside(transport=httpx.MockTransport(lambda _: httpx.Response(200))).calls("Bazaar", "one") as client:
        await client.send(client.request("GET", "https://bazaar.test/reports"), rare)
        with pytest.raises(Throttled) as raised:
            await client.send(client.request("GET", "https://bazaar.test/reports"), rare)
    assert raised.value.seller_message.startswith("We have used all calls Bazaar allows for now. We go on at ")


async def test_a_run_waits_at_least_as_long_as_the_marketplace_asked(works: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "backoff", lambda _: 0.5)
    asked = clock.now() + timedelta(minutes=10)
    opened = works.context()

    class Turned:
        def opened(self, *_: Any, **__: Any) -> Any:
            raise Unreachable("Bazaar", retry_at=asked)

    await job.run_sync({**opened, "doorway": Turned()}, run_id=str(await works.start()))
    (run,) = await runs.history(works.seller)
    row = await runs.get(works.seller, run.id)
    assert (row.state, row.faults) == (RunState.WAITING, 1)
    assert row.resume_at is not None
    assert row.resume_at >= asked - timedelta(seconds=1)
    assert PATIENCE[Unreachable] > 1
