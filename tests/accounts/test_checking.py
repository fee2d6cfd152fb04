"""A connection and its live check: what the marketplace said, and only a definite refusal asks for anything."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from portal import clock
from portal.accounts import service
from portal.accounts.job import check_account
from portal.errors import Conflict
from portal.marketplaces import opening
from portal.marketplaces.sandbox import Fault
from portal.postgres import Addresses
from portal.tables.accounts import MarketplaceAccount
from portal.vault import Vault
from tests.workshop import Workshop, seen, shop_of_today, workshop

pytestmark = pytest.mark.anyio


@pytest.fixture
async def works(connected: Addresses, keys: Vault) -> AsyncIterator[Workshop]:
    async with workshop(connected, keys, shop_of_today(orders=3)) as works:
        yield works


async def checked(works: Workshop) -> MarketplaceAccount:
    """Ask for a check and deliver its job."""
    await service.start_check(works.seller, works.account.id, jobs=works.jobs)
    await check_account(works.context(), account_id=str(works.account.id))
    return await service.get(works.seller, works.account.id)


async def test_good_keys_prove_the_connection(works: Workshop) -> None:
    assert service.badge(await service.get(works.seller, works.account.id)).state == "never_checked"
    row = await checked(works)
    assert (row.last_validation_status, service.badge(row).state) == ("valid", "valid")
    assert row.checking_since is None
    assert row.last_proven_at == row.last_validated_at is not None
    assert await works.credential_events() == [("validated", "")]
    marks = await seen(works.addresses, "SELECT refresh_token_last_accepted_at AS at FROM amazon_account_details")
    assert marks[0]["at"] is not None


FOUND = {
    # what the marketplace does: fault, operation, status afterwards, badge afterwards
    "refuses the keys": (Fault.REVOKED, "signIn", "rejected", "needs_reconnect"),
    "does not answer": (Fault.OUTAGE, "signIn", "unreachable", "valid"),
    "filters our server": (Fault.BOT_FILTER, "signIn", "blocked", "valid"),
    "asks for patience": (Fault.SLOW_DOWN, "searchListingsItems", "valid", "valid"),
    "sends another shape": (Fault.CHANGED, "signIn", "valid", "valid"),
}


async def test_only_a_definite_refusal_changes_the_badge(works: Workshop) -> None:
    """An outage shows in the line below it, and the next good check forgets either."""
    for what, (fault, operation, status, badge) in FOUND.items():
        assert service.badge(await checked(works)).state == "valid"
        await works.bench.order_fault(fault, operation=operation, times=0)
        row = await checked(works)
        assert (row.last_validation_status, service.badge(row).state, service.checking(row)) == (status, badge, False), what
        assert row.needs_reconnect == (badge == "needs_reconnect"), what
        await works.bench.clear_faults()


async def test_keys_that_turn_out_to_be_another_shops_ask_for_a_reconnect(works: Workshop) -> None:
    await works.set(external_account_id="A9ANOTHERSHOP")
    row = await checked(works)
    assert (row.needs_reconnect, row.reconnect_reason) == (True, "The saved details belong to another merchant token.")
    assert await works.credential_events() == [("rejected", "other_shop")]


async def test_a_check_ends_though_the_marketplace_never_answers(works: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "CHECK_WITHIN_S", 0.3)
    await works.bench.order_fault(Fault.TIMEOUT, operation="signIn", times=0, seconds=30)
    assert (await checked(works)).last_validation_status == "unreachable"


async def test_keys_that_do_not_open_are_on_record(works: Workshop) -> None:
    await seen(works.addresses, "UPDATE amazon_account_details SET refresh_token = lwa_client_secret")
    row = await checked(works)
    assert row.last_validation_message == "A saved secret cannot be read. Reconnect the account to replace it."
    assert row.checking_since is None
    assert await works.credential_events() == [("open_failed", "secret_unreadable")]


async def test_two_clicks_make_one_check_and_a_lost_one_is_forgotten_after_a_minute(works: Workshop) -> None:
    for _ in range(2):
        row = await service.start_check(works.seller, works.account.id, jobs=works.jobs)
        assert service.checking(row)
    assert len(await seen(works.addresses, "SELECT 1 FROM saq_jobs")) == 1
    with clock.stopped_at(clock.now() + timedelta(seconds=61)):
        assert not service.checking(row)
        await service.start_check(works.seller, works.account.id, jobs=works.jobs)
    assert len(await seen(works.addresses, "SELECT 1 FROM saq_jobs")) == 2


async def test_pausing_and_resuming_are_on_record_and_only_where_they_make_sense(works: Workshop) -> None:
    for _ in range(2):
        await service.pause(works.seller, works.account.id, by="Asha")
    await service.resume(works.seller, works.account.id, by="Asha")
    assert [kind for kind, _ in await works.credential_events()] == ["paused", "resumed"]
    await works.set(state="disconnected")
    for act in (service.pause, service.resume):
        with pytest.raises(Conflict):
            await act(works.seller, works.account.id, by="Asha")
    with pytest.raises(Conflict):
        await service.start_check(works.seller, works.account.id, jobs=works.jobs)
