"""A seller takes back at the marketplace what she allowed, and allows it again: both are hers to do, and the account stays itself."""

from collections.abc import AsyncIterator

import pytest

from portal.accounts import painting
from portal.accounts import service as accounts
from portal.accounts.job import check_account
from portal.connecting import service
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.sandbox import Shop
from portal.postgres import Addresses
from portal.tables.accounts import MarketplaceAccount
from portal.tables.wizards import ConnectWizard, TestState
from portal.vault import Vault
from tests.browsing import signed_up
from tests.connecting.consenting import SENDING, Consents, consents
from tests.contract.desks import desk
from tests.workshop import seen

pytestmark = pytest.mark.anyio


@pytest.fixture(params=SENDING, ids=lambda place: place.code)
async def way(request: pytest.FixtureRequest, connected: Addresses, keys: Vault) -> AsyncIterator[Consents]:
    async with consents(request.param, connected, keys) as way:
        yield way


async def checked(way: Consents, done: ConnectWizard) -> MarketplaceAccount:
    """The account after the worker has asked the marketplace about it."""
    await check_account(way.context(), account_id=str(done.account_id), by="Asha")
    return await accounts.get(done.seller_id, done.account_id)


async def test_a_permission_taken_back_asks_its_seller_and_one_given_again_opens_the_shop(way: Consents, connected: Addresses) -> None:
    asha = await signed_up(way.app)
    done = await way.connected(asha)
    assert (await checked(way, done)).needs_reconnect is False
    (await way.side.post("/_sandbox/withdraw")).raise_for_status()
    lost = await checked(way, done)
    assert (lost.needs_reconnect, lost.reconnect_code) == (True, "invalid_grant")
    shown = await painting.banner(done.seller_id)
    assert shown is not None
    assert shown.href == f"/accounts/{done.account_id}/reconnect"
    assert await seen(connected, "SELECT 1 FROM operator_refusals") == [], "the operator's application is as good as before"

    wizard = await service.begin_reconnect(done.seller_id, done.user_id, done.account_id)
    await way.allowed(asha, f"/connect/{wizard.id}")
    await way.work()
    row = await way.row(asha, f"/connect/{wizard.id}")
    assert row.test_state == TestState.PASSED, row.error_message
    await service.confirm(row.seller_id, row.id, first_days=30, jobs=way.jobs)
    await way.jobs.waiting.pop(0)(way.context())
    back = await checked(way, done)
    assert (back.needs_reconnect, back.last_validation_status) == (False, "valid")


@pytest.mark.parametrize("place", SENDING, ids=lambda place: place.code)
async def test_an_account_with_keys_of_its_own_goes_on(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    """What she took back was the portal's application; hers gets itself another pass."""
    async with desk(place, Shop(seed=5, orders=12, returns=2, payouts=1, listings=5), keys) as d:
        account = await d.connect()
        await d.work()
        (await d.side.post("/_sandbox/withdraw")).raise_for_status()
        assert (await d.check(account)).needs_reconnect is False
