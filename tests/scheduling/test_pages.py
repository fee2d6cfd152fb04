"""The schedule's pages as a browser without scripts meets them."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from litestar import Litestar

from portal import clock, db
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.scheduling import service
from portal.tables.schedules import Schedule
from portal.tables.syncs import Purpose
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up
from tests.factories import make_account
from tests.workshop import seen

pytestmark = pytest.mark.anyio

EVENING = datetime(2026, 8, 21, 13, 48, tzinfo=UTC)
"""Friday, 7:18 pm in India."""

STANDING = re.compile(r"</svg>\s*(On time|Delayed|Late)</span>")
RULE = {"target": "ORDERS", "interval": "30", "start": "07:00", "end": "22:00", "weekdays": "127"}


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as one:
        yield one


@pytest.fixture
async def asha(app: Litestar) -> AsyncIterator[Browser]:
    with clock.stopped_at(EVENING):
        yield await signed_up(app)


@pytest.fixture
async def account(database: Addresses, asha: Browser) -> AccountRef:
    ((seller_id,),) = await seen(database, "SELECT id FROM sellers")
    made = await make_account(seller_id)
    async with db.transaction(seller_id):
        await service.begin(made)
    return made


def address(account: AccountRef) -> str:
    return f"/accounts/{account.id}/schedule"


async def kept(account: AccountRef, target: ScheduleTarget = ScheduleTarget.ORDERS) -> Schedule:
    async with db.transaction(account.seller_id):
        found = await Schedule.objects().where((Schedule.marketplace_account_id == account.id) & (Schedule.target == target)).first()
    assert found is not None
    return found


async def test_a_new_account_begins_with_sensible_sentences(asha: Browser, account: AccountRef) -> None:
    text = (await asha.get(address(account))).text
    assert "Every 30 minutes between 7:00 am and 10:00 pm IST, every day." in text
    assert "Every 4 hours between 6:00 am and 10:00 pm IST, every day." in text
    assert "At 9:00 am IST, every day." in text
    assert "Next run today at 7:30 pm." in text
    assert "Starts only when you ask for it." in text  # stock, which nobody pushes by the clock


async def test_the_accounts_page_says_how_its_data_stand_against_the_schedule(
    database: Addresses, asha: Browser, account: AccountRef
) -> None:
    run = await seen(
        database,
        """INSERT INTO sync_runs (id, seller_id, marketplace_account_id, target, trigger, diagnostic_id, created_at, started_at, finished_at, state)
           SELECT gen_random_uuid(), seller_id, id, 'ORDERS', 'schedule', 'SYN-0000-0000', $2, $2, $2, 'succeeded'
           FROM marketplace_accounts WHERE id = $1 RETURNING id""",
        account.id,
        EVENING,
    )
    assert run
    for after, words in ((5, "On time"), (30, "Delayed"), (60, "Late")):
        with clock.stopped_at(EVENING + timedelta(minutes=after)):
            text = (await asha.get(f"/accounts/{account.id}")).text
        assert STANDING.findall(text) == [words]
        assert "Data as of" in text
    with clock.stopped_at(EVENING + timedelta(minutes=60)):
        await service.pause(account.seller_id, account.id, ScheduleTarget.ORDERS, until=None, by="Asha")
        assert STANDING.findall((await asha.get(f"/accounts/{account.id}")).text) == [], "what is off is not late"


async def test_saving_says_when_it_runs_next_and_keeps_who_changed_what(database: Addresses, asha: Browser, account: AccountRef) -> None:
    saved = await asha.post(address(account), {**RULE, "interval": "60", "start": "20:00", "end": "02:00"})
    assert saved.headers["location"] == address(account)
    text = (await asha.get(address(account))).text
    assert "Saved. Next run today at 8:00 pm." in text
    assert "Every hour between 8:00 pm and 2:00 am IST, ends next day, every day." in text
    (entry,) = await seen(database, "SELECT * FROM audit_entries WHERE action = 'schedule.saved'")
    assert entry["actor"]
    assert entry["before"] == "Every 30 minutes between 7:00 am and 10:00 pm IST, every day."
    assert entry["after"] == "ORDERS: Every hour between 8:00 pm and 2:00 am IST, ends next day, every day."


async def test_the_preview_says_what_a_rule_means_and_keeps_nothing(asha: Browser, account: AccountRef) -> None:
    rule = {**RULE, "interval": "times", "time-1": "10:30", "time-2": "15:30"}
    answer = await asha.post(address(account), {**rule, "do": "preview"})
    assert "At 10:30 am and 3:30 pm IST, every day." in answer.text
    assert "2 runs a day." in answer.text
    assert "Tomorrow at 10:30 am · in 15 h 12 min" in answer.text
    assert 'value="15:30"' in answer.text
    part = await asha.http.get("/p/schedule/preview", params={**RULE, "account": str(account.id)}, headers={"hx-request": "true"})
    assert "31 runs a day." in part.text
    assert "Today at 7:30 pm · in 12 min" in part.text
    assert (await kept(account)).interval_minutes == 30


async def test_a_rule_that_cannot_be_is_refused_with_what_was_typed(asha: Browser, account: AccountRef) -> None:
    answer = await asha.post(address(account), {**RULE, "start": "7 o'clock", "end": "23:45"})
    assert answer.status_code == 422
    assert 'href="#start"' in answer.text
    assert 'value="23:45"' in answer.text
    too_often = await asha.post(address(account), {**RULE, "target": "RETURNS", "interval": "15"})
    assert "allows every hour or slower here." in too_often.text
    assert (await kept(account, ScheduleTarget.RETURNS)).interval_minutes == 240


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ("hour", "Paused until today at 8:18 pm."),
        ("morning", "Paused until tomorrow at 7:00 am."),
        ("off", "Off until you turn it on."),
    ],
)
async def test_pausing_shows_everywhere_and_resuming_is_one_press(asha: Browser, account: AccountRef, length: str, said: str) -> None:
    await asha.get(address(account))
    await asha.post(f"{address(account)}/pause", {"target": "ORDERS", "for": length})
    for path in (address(account), f"/accounts/{account.id}", "/accounts"):
        assert said in (await asha.get(path)).text, path
    await asha.post(f"{address(account)}/resume", {"target": "ORDERS"})
    assert "On again. Next run today at 7:30 pm." in (await asha.get(address(account))).text


async def test_a_pause_until_the_morning_counts_the_morning(asha: Browser, account: AccountRef) -> None:
    await asha.post(f"{address(account)}/pause", {"target": "ORDERS", "for": "morning"})
    next_run = (await kept(account)).next_run_at
    assert next_run is not None
    assert f"{clock.in_ist(next_run):%d %H:%M}" == "22 07:00"


async def test_a_hold_is_no_pause_and_cannot_be_resumed_here(database: Addresses, asha: Browser, account: AccountRef) -> None:
    await seen(database, "UPDATE marketplace_accounts SET needs_reconnect = true WHERE id = $1", account.id)
    text = (await asha.get(address(account))).text
    assert "needs reconnecting. Its schedules go on by themselves after that." in text
    assert "resume-orders" not in text
    answer = await asha.post(f"{address(account)}/resume", {"target": "ORDERS"})
    assert answer.status_code == 409


async def test_nobody_sees_or_changes_another_sellers_schedule(app: Litestar, asha: Browser, account: AccountRef) -> None:
    chitra = await signed_up(app, "chitra@example.in", "Chitra Crafts")
    assert (await chitra.get(address(account))).status_code == 404
    for path in (address(account), f"{address(account)}/pause", f"{address(account)}/resume", f"/accounts/{account.id}/backfill"):
        answer = await chitra.post(path, {**RULE, "for": "off", "from": "2026-08-01", "to": "2026-08-02"})
        assert answer.status_code == 404, path


async def live_sync(account: AccountRef, asha: Browser) -> str:
    await asha.get("/accounts")
    return (await asha.post(f"/accounts/{account.id}/syncs", {"target": "ORDERS"})).headers["location"]


async def test_a_backfill_beside_a_live_sync_stands_next_in_line(database: Addresses, asha: Browser, account: AccountRef) -> None:
    live = await live_sync(account, asha)
    await asha.post(f"/accounts/{account.id}/backfill", {"target": "ORDERS", "from": "2026-06-01", "to": "2026-07-15"})
    text = (await asha.get(f"/accounts/{account.id}")).text
    assert "Orders from 1 Jun to 15 Jul" in text
    assert "Next in line" in text
    assert "0 of 45 days read." in text
    assert "Orders: Older days" in (await asha.get(live)).text
    ((request_id,),) = await seen(database, "SELECT id FROM run_requests")
    await asha.post(f"/requests/{request_id}/withdraw")
    assert "Cancelled" in (await asha.get(f"/accounts/{account.id}")).text


async def test_a_backfill_with_nothing_in_the_way_becomes_a_run(database: Addresses, asha: Browser, account: AccountRef) -> None:
    await asha.get("/accounts")
    answer = await asha.post(f"/accounts/{account.id}/backfill", {"target": "ORDERS", "from": "2026-08-01", "to": "2026-08-21"})
    (run,) = await seen(database, "SELECT * FROM sync_runs")
    assert answer.headers["location"] == f"/syncs/{run['id']}"
    assert (run["purpose"], run["trigger"]) == (Purpose.BACKFILL, "manual")
    assert (run["first_day"], run["until"]) == (clock.ist_day(datetime(2026, 8, 1, tzinfo=UTC).date())[0], EVENING)


@pytest.mark.parametrize(
    ("days", "field"),
    [
        ({"from": "2026-08-10", "to": "2026-08-01"}, "to"),
        ({"from": "2026-08-01", "to": "2026-08-22"}, "to"),
        ({"from": "2024-08-01", "to": "2026-08-01"}, "from"),
        ({"from": "", "to": "2026-08-01"}, "from"),
        ({"from": "2026-08-01", "to": "2026-08-02", "target": "LISTINGS"}, "target"),
    ],
)
async def test_days_that_cannot_be_are_refused(asha: Browser, account: AccountRef, days: dict[str, str], field: str) -> None:
    await asha.get("/accounts")
    answer = await asha.post(f"/accounts/{account.id}/backfill", {"target": "ORDERS", **days})
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text


async def test_sync_now_during_a_backfill_promises_what_is_new_for_afterwards(
    database: Addresses, asha: Browser, account: AccountRef
) -> None:
    await asha.get("/accounts")
    await asha.post(f"/accounts/{account.id}/backfill", {"target": "ORDERS", "from": "2026-08-01", "to": "2026-08-02"})
    for _ in range(2):
        where = await live_sync(account, asha)
        assert "What is new stands next in line and follows." in (await asha.get(where)).text
    rows = await seen(database, "SELECT purpose, run_id FROM run_requests ORDER BY purpose")
    assert [(row["purpose"], row["run_id"] is None) for row in rows] == [("backfill", False), ("incremental", True)]


async def test_the_account_says_what_the_last_check_found(database: Addresses, asha: Browser, account: AccountRef) -> None:
    page = f"/accounts/{account.id}"
    assert "Not checked yet." in (await asha.get(page)).text
    await checked(database, account, new=0, at=EVENING - timedelta(hours=14))
    assert "Checked 21 Aug, 5:18 am: 0 missing in the last 30 days." in (await asha.get(page)).text
    await checked(database, account, new=2, at=EVENING - timedelta(hours=1))
    assert "2 missing in the last 30 days. They are here now." in (await asha.get(page)).text


async def checked(database: Addresses, account: AccountRef, *, new: int, at: datetime) -> None:
    await seen(
        database,
        """INSERT INTO run_requests (id, seller_id, marketplace_account_id, target, purpose, new_count, outcome, created_at, ended_at)
           VALUES (gen_random_uuid(), $1, $2, 'ORDERS', 'reconciliation', $3, 'done', $4, $4)""",
        account.seller_id,
        account.id,
        new,
        at,
    )


async def test_the_history_says_what_a_run_was_for(asha: Browser, account: AccountRef) -> None:
    await asha.get("/accounts")
    await asha.post(f"/accounts/{account.id}/backfill", {"target": "ORDERS", "from": "2026-08-01", "to": "2026-08-02"})
    assert "Older days" in (await asha.get("/syncs")).text


async def test_a_run_id_is_all_a_request_needs(asha: Browser, account: AccountRef) -> None:
    """Withdrawing what is under way cancels its run; what another seller asked for is not found."""
    await asha.get("/accounts")
    answer = await asha.post(f"/accounts/{account.id}/backfill", {"target": "ORDERS", "from": "2026-08-01", "to": "2026-08-02"})
    run_id = UUID(answer.headers["location"].rpartition("/")[2])
    (request,) = await runs.requests_of(account.seller_id, account.id)
    await asha.post(f"/requests/{request.id}/withdraw")
    assert (await runs.get(account.seller_id, run_id)).state == "cancelled"
    assert (await asha.post(f"/requests/{account.id}/withdraw")).status_code == 404


async def test_stock_approved_during_a_push_is_next_in_line(database: Addresses, asha: Browser, account: AccountRef) -> None:
    await asha.get("/accounts")
    push = (await asha.post(f"/accounts/{account.id}/syncs", {"target": "INVENTORY"})).headers["location"]
    await seen(
        database,
        """INSERT INTO inventory_tasks (id, seller_id, marketplace_account_id, draft_id, sku, quantity, state, requested_by, created_at)
           VALUES (gen_random_uuid(), $1, $2, gen_random_uuid(), 'KURTA-1', 7, 'pending', 'Asha', now())""",
        account.seller_id,
        account.id,
    )
    words = "Stock push: 1 approved quantity"
    assert words not in (await asha.get(push)).text, "a push that has not begun takes it along"
    await seen(database, "UPDATE sync_runs SET state = 'running', heartbeat_at = now()")
    for page in (push, f"/accounts/{account.id}"):
        assert words in (await asha.get(page)).text, page
