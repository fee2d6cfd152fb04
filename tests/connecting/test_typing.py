"""Typing keys into the wizard: good values stay, mistakes are told beside their box, tabs do not overwrite each other."""

import asyncio
import contextvars
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from portal import clock, db
from portal.connecting import service
from portal.connecting.service import entering
from portal.errors import BadInput, Conflict
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.settings import Settings
from portal.tables.wizards import TestState, WizardState
from tests.connecting.conftest import SECRETS, Setup
from tests.workshop import seen

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("selling_partner_id", "", "Enter the merchant token"),
        ("selling_partner_id", "me@shop.in", "It is not your e-mail or shop name."),
        ("lwa_client_id", "B07EXAMPLE", "starts with amzn1.application-oa2-client"),
        ("lwa_client_secret", "short", "does not look like a client secret"),
        ("refresh_token", "Atza|an-access-token", "One that starts with Atza| is an access token, which ends after an hour."),
        ("refresh_token", "", "Enter the refresh token"),
    ],
)
async def test_a_wrong_value_is_told_at_its_box_and_never_repeated(setup: Setup, field: str, value: str, sentence: str) -> None:
    """The other values are kept, so that nothing is typed twice; nothing is tested before all are right."""
    one = await setup.begun()
    with pytest.raises(BadInput) as caught:
        await one.enter({field: value})
    assert list(caught.value.fields) == [field]
    assert sentence in caught.value.fields[field]
    assert not value or value not in caught.value.fields[field]
    row = await one.row()
    assert (row.step, row.test_state) == (service.ENTER, TestState.NONE)
    kept = await service.secrets_of(row)
    assert kept.keys() == set(SECRETS) - {field}
    await one.enter({name: one.typed[name] if name == field else "" for name in SECRETS})
    assert (await one.test()).test_state == TestState.PASSED


async def test_what_is_kept_shows_its_fingerprint_and_length_alone(setup: Setup) -> None:
    one = await setup.begun()
    await one.enter()
    kept = await service.secrets_of(await one.row())
    for name, shown in kept.items():
        assert shown.length == len(one.typed[name])
        assert shown.fingerprint == one.works.vault.fingerprint(one.typed[name])
        assert one.typed[name] not in repr(shown)


async def test_another_tab_is_noticed_and_loses_nothing(setup: Setup) -> None:
    one = await setup.begun()
    seen_by_both = (await one.row()).version
    await one.enter(version=seen_by_both)
    before = await service.secrets_of(await one.row())
    with pytest.raises(Conflict) as caught:
        await one.enter({"refresh_token": "Atzr|from-the-other-tab"}, version=seen_by_both)
    assert caught.value.seller_message == "You changed this in another tab. Here is what it looks like now."
    assert await service.secrets_of(await one.row()) == before


async def test_a_form_that_is_sent_twice_acts_once(setup: Setup) -> None:
    """A double click brings the very same form; it is neither a mistake nor another tab."""
    one = await setup.begun()
    version = (await one.row()).version
    await one.enter(version=version, form_token="5" * 32)
    after = await one.row()
    await one.enter(version=version, form_token="5" * 32)
    again = await one.row()
    assert (again.version, again.test_attempt) == (after.version, 1)
    assert len(await seen(one.works.addresses, "SELECT 1 FROM saq_jobs")) == 1


async def test_a_setup_older_than_a_day_is_over(setup: Setup) -> None:
    one = await setup.begun()
    with clock.stopped_at(clock.now() + timedelta(hours=24, minutes=1)):
        assert service.timed_out(await one.row())
        for attempt in (one.enter(), service.test_again(one.seller, one.id, jobs=one.works.jobs), one.confirm()):
            with pytest.raises(Conflict) as caught:
                await attempt
            assert caught.value.seller_message == "This setup timed out. Nothing was saved to your account."
        assert await service.unfinished(one.seller) == []
        assert await service.wipe_stale() == 1
        row = await one.row()
    assert (row.state, service.values_of(row)) == (WizardState.EXPIRED, {})


async def test_typed_secrets_are_wiped_an_hour_after_the_last_touch(setup: Setup) -> None:
    one = await setup.begun()
    await one.enter()
    await one.test()
    start = clock.now()
    with clock.stopped_at(start + timedelta(minutes=59)):
        assert await service.wipe_stale() == 0
        await service.test_again(one.seller, one.id, jobs=one.works.jobs)
    with clock.stopped_at(start + timedelta(minutes=61)):
        assert await service.wipe_stale() == 0, "it was touched meanwhile"
    with clock.stopped_at(start + timedelta(minutes=120)):
        assert await service.wipe_stale() == 1
        assert await service.wipe_stale() == 0
        row = await one.row()
        assert await seen(one.works.addresses, "SELECT 1 FROM connect_wizard_secrets") == []
        assert (row.state, row.step, row.test_state) == (WizardState.OPEN, service.ENTER, TestState.NONE)
        assert service.values_of(row)["selling_partner_id"] == one.typed["selling_partner_id"]
        with pytest.raises(Conflict):
            await one.confirm()


async def test_a_seller_who_comes_back_at_the_last_moment_keeps_what_was_typed(setup: Setup) -> None:
    """The sweep has already seen the setup as stale, and waits for its row."""
    one = await setup.begun()
    await one.enter()
    with clock.stopped_at(clock.now() + timedelta(minutes=61)):
        async with db.transaction(one.seller):
            await db.connection().execute("UPDATE connect_wizards SET touched_at = $2 WHERE id = $1", one.id, clock.now())
            # A context of its own, as another process has, but the same stopped clock.
            sweeping = asyncio.create_task(_at(clock.now(), service.wipe_stale()), context=contextvars.Context())
            while not await seen(one.works.addresses, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                assert not sweeping.done()
        assert await sweeping == 0
    assert (await service.secrets_of(await one.row())).keys() == set(SECRETS)


async def _at(moment: datetime, what: Awaitable[int]) -> int:
    with clock.stopped_at(moment):
        return await what


async def test_a_confirmation_no_worker_made_gives_its_secrets_up_as_well(setup: Setup) -> None:
    one = await setup.begun()
    await one.enter()
    await one.test()
    await service.confirm(one.seller, one.id, first_days=30, jobs=one.works.jobs)
    with clock.stopped_at(clock.now() + timedelta(minutes=61)):
        assert await service.wipe_stale() == 1
    row = await one.confirmed()
    assert (row.state, row.step) == (WizardState.OPEN, service.ENTER)
    assert await seen(one.works.addresses, "SELECT 1 FROM connect_wizard_secrets") == []


async def test_discarding_forgets_what_was_typed(setup: Setup) -> None:
    one = await setup.begun()
    await one.enter()
    await service.discard(one.seller, one.id)
    assert await seen(one.works.addresses, "SELECT 1 FROM connect_wizard_secrets") == []
    assert (await one.test()).test_state == TestState.RUNNING, "its test is not made any more"
    assert await one.works.bench.calls() == []


async def test_another_method_forgets_the_test_and_the_secrets_it_has_no_box_for(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise keys of one kind could be saved on the strength of a test of another."""
    private = MARKETPLACE.method()
    place = replace(MARKETPLACE, methods=(private, replace(private, code="public_app")))
    monkeypatch.setattr(entering, "marketplace", lambda _: place)
    one = await setup.begun()
    await one.enter()
    assert (await one.test()).test_state == TestState.PASSED
    await service.choose(one.seller, one.id, name="Surat store", method="public_app", version=None, settings=Settings())
    row = await one.row()
    assert (row.test_state, row.step) == (TestState.NONE, service.ENTER)
    with pytest.raises(Conflict):
        await one.confirm()


@pytest.mark.parametrize(("name", "sentence"), [("  ", "Enter a name for this account"), ("x" * 41, "Name must be 40 characters or fewer")])
async def test_an_account_needs_a_short_name(setup: Setup, name: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        await setup.begun(name)
    assert caught.value.fields == {"name": sentence}
