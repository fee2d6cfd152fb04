"""Credentials that end on a known day: counted down, told three times, and counted anew when they are replaced."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from portal import clock, db
from portal.accounts import painting, service
from portal.connecting import service as connecting
from portal.marketplaces.contract import AccountRef
from portal.tables.accounts import MarketplaceAccount
from tests.contract.desks import Desk

pytestmark = pytest.mark.anyio

LIFE = timedelta(days=180)


async def row_of(d: Desk, account: AccountRef) -> MarketplaceAccount:
    return await service.get(d.seller_id, account.id)


async def ends_at(d: Desk, account: AccountRef) -> datetime:
    at = (await row_of(d, account)).credential_expires_at
    assert isinstance(at, datetime)
    return at


async def change(d: Desk, account: AccountRef, **columns: Any) -> None:
    async with db.transaction(d.seller_id) as held:
        for name, value in columns.items():
            await held.execute(f"UPDATE marketplace_accounts SET {name} = $2 WHERE id = $1", account.id, value)


async def test_the_day_is_counted_from_the_saving(d: Desk, account: AccountRef) -> None:
    row = await row_of(d, account)
    assert row.credential_expiring == "lwa_client_secret"
    assert abs(await ends_at(d, account) - row.created_at - LIFE) < timedelta(minutes=1)
    assert service.badge(row).state == "valid"


async def test_the_badge_counts_down_within_the_warning_time_only(d: Desk, account: AccountRef) -> None:
    end, row = await ends_at(d, account), await row_of(d, account)
    for before, state, words in (
        (timedelta(days=30, minutes=1), "valid", "Valid"),
        (timedelta(days=29, hours=23), "expiring", "Expires in 30 days"),
        (timedelta(hours=20), "expiring", "Expires in 1 day"),
        (-timedelta(hours=1), "expiring", "Renewal overdue"),
    ):
        with clock.stopped_at(end - before):
            badge = service.badge(row)
            assert (badge.state, badge.text) == (state, words), before
    with clock.stopped_at(end - timedelta(days=3)):
        assert "The LWA client secret ends." in service.badge(row).why


async def test_it_goes_on_record_at_14_7_and_1_days_and_each_once(d: Desk, account: AccountRef) -> None:
    end = await ends_at(d, account)
    told = []
    for days in (31, 20, 14, 10, 6, 3, 1, 0):
        with clock.stopped_at(end - timedelta(days=days) + timedelta(minutes=1)):
            for _ in range(2):
                await service.tell_due()
        async with db.transaction(d.seller_id) as held:
            rows = await held.fetch("SELECT code FROM marketplace_credential_events WHERE kind = 'expiring' ORDER BY code")
        told.append(len(rows))
    assert told == [0, 0, 1, 1, 2, 2, 3, 3]
    assert {row["code"] for row in rows} == {"14_days", "7_days", "1_days"}


async def test_days_that_passed_unseen_are_told_as_one(d: Desk, account: AccountRef) -> None:
    """A worker that was away for a week does not tell the past."""
    with clock.stopped_at(await ends_at(d, account) - timedelta(days=2)):
        assert await service.tell_due() == 1


async def test_a_new_secret_starts_anew_and_a_kept_one_keeps_its_day(d: Desk, account: AccountRef) -> None:
    first = await ends_at(d, account)
    await change(d, account, expiry_told=7)
    wizard = await d.reconnect(account, {"refresh_token": d.values["refresh_token"]})
    await d.confirm(wizard)
    assert (await ends_at(d, account), (await row_of(d, account)).expiry_told) == (first, 7)
    with clock.stopped_at(first - timedelta(days=5)):
        wizard = await d.reconnect(account, {"lwa_client_secret": d.values["lwa_client_secret"]})
        await d.confirm(wizard)
    assert await ends_at(d, account) - first == LIFE - timedelta(days=5)
    assert (await row_of(d, account)).expiry_told is None
    assert await connecting.unfinished(d.seller_id) == []


async def test_the_line_above_every_page_can_be_put_off_for_a_week(d: Desk, account: AccountRef) -> None:
    end = await ends_at(d, account)
    with clock.stopped_at(end - timedelta(days=20)):
        shown = await painting.banner(d.seller_id)
        assert shown is not None
        assert (shown.tone, shown.hide_href) == ("warn", f"/accounts/{account.id}/hide-expiry")
        await service.hide(d.seller_id, account.id)
        assert await painting.banner(d.seller_id) is None
    with clock.stopped_at(end - timedelta(days=12)):
        assert await painting.banner(d.seller_id) is not None
    with clock.stopped_at(end - timedelta(days=6)):
        urgent = await painting.banner(d.seller_id)
        assert urgent is not None
        assert urgent.tone == "bad"


async def test_what_is_broken_goes_before_what_ends(d: Desk, account: AccountRef) -> None:
    with clock.stopped_at(await ends_at(d, account) - timedelta(days=2)):
        await change(d, account, needs_reconnect=True)
        shown = await painting.banner(d.seller_id)
        assert shown is not None
        assert "needs reconnecting" in shown.text
