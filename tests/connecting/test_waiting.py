"""Details that somebody else has to send: the setup waits for them, holds no secret meanwhile, and reminds."""

from datetime import timedelta

import pytest

from portal import clock, db
from portal.connecting import service
from portal.errors import Conflict
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import MARKETPLACES
from portal.tables.wizards import TestState, WizardState
from tests.connecting.conftest import Setup
from tests.workshop import seen

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("place", MARKETPLACES, ids=lambda place: place.code)
def test_the_message_asks_for_everything_the_form_asks_for(place: Marketplace) -> None:
    for method in place.methods:
        text = service.request_text(place, method)
        asked = [one.label for one in method.fields().values() if one.required] if text else []
        assert bool(text) is (method.sendable and not method.oauth)
        assert [label for label in asked if label not in text] == []


async def test_a_setup_waits_for_a_month_without_a_secret(setup: Setup) -> None:
    one = await setup.begun()
    await one.enter()
    start = clock.now()
    await service.wait(one.seller, one.id)
    row = await one.row()
    assert (row.waiting_for_details, row.step, row.test_state) == (True, service.ENTER, TestState.NONE)
    assert await seen(one.works.addresses, "SELECT 1 FROM connect_wizard_secrets") == []
    with clock.stopped_at(start + timedelta(days=29)):
        assert await service.wipe_stale() == 0
        assert [kept.id for kept in await service.unfinished(one.seller)] == [one.id]
    with clock.stopped_at(start + timedelta(days=30, minutes=1)):
        assert await service.wipe_stale() == 1
        assert (await one.row()).state == WizardState.EXPIRED
        assert await service.reminders_of(row) == []


async def test_reminders_come_after_two_and_five_days_and_once(setup: Setup) -> None:
    one = await setup.begun()
    start = clock.now()
    with clock.stopped_at(start):
        await service.wait(one.seller, one.id)
        await service.wait(one.seller, one.id)
        assert await service.reminders_of(await one.row()) == [start + timedelta(days=2), start + timedelta(days=5)]
        assert await service.due_reminders() == []
        assert await service.reminded(one.seller) == set()
    with clock.stopped_at(start + timedelta(days=2, minutes=1)):
        assert await service.reminded(one.seller) == {one.id}
        (due,) = await service.due_reminders()
        assert (due.wizard_id, due.user_id, due.name) == (one.id, one.user, "Surat store")
        async with db.transaction(one.seller):
            await service.mark_mailed(due)
        assert await service.due_reminders() == []
        assert await service.reminded(one.seller) == {one.id}, "pages go on to say so"


async def test_each_reminder_is_one_mail_to_whoever_began(setup: Setup) -> None:
    one = await setup.begun()
    start = clock.now()
    with clock.stopped_at(start):
        await service.wait(one.seller, one.id)
        assert await service.mail_reminders() == 0
    for days, written in ((2, 1), (3, 0), (5, 1), (6, 0)):
        with clock.stopped_at(start + timedelta(days=days, minutes=1)):
            assert await service.mail_reminders() == written
    mails = await seen(one.works.addresses, "SELECT m.link, u.id FROM mails m JOIN seller_users u ON u.email = m.recipient")
    assert [tuple(mail) for mail in mails] == [(f"/connect/{one.id}", one.user)] * 2


async def test_entering_the_details_ends_the_waiting(setup: Setup) -> None:
    one = await setup.begun()
    await service.wait(one.seller, one.id)
    await one.enter()
    row = await one.row()
    assert not row.waiting_for_details
    assert row.expires_at <= clock.now() + service.OPEN_FOR
    assert await service.reminders_of(row) == []
    assert (await one.test()).test_state == TestState.PASSED


async def test_a_reminder_is_moved_but_never_past_the_end(setup: Setup) -> None:
    one = await setup.begun()
    with pytest.raises(Conflict):
        await service.remind_in(one.seller, one.id, days=1)
    await service.wait(one.seller, one.id)
    await service.remind_in(one.seller, one.id, days=300)
    row = await one.row()
    assert await service.reminders_of(row) == [row.expires_at - timedelta(days=1)]


async def test_a_discarded_setup_reminds_of_nothing(setup: Setup) -> None:
    one = await setup.begun()
    await service.wait(one.seller, one.id)
    await service.discard(one.seller, one.id)
    assert await seen(one.works.addresses, "SELECT 1 FROM connect_reminders") == []


async def test_nobody_elses_setup_can_be_put_aside(setup: Setup) -> None:
    one = await setup.begun()
    await service.wait(one.seller, one.id)
    with clock.stopped_at(clock.now() + timedelta(days=3)):
        assert await service.reminded(one.works.seller) == set()
