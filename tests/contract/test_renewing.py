"""Parts of a credential that the marketplace replaces by itself: saved before they are used, so that nothing in between loses them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from portal import db
from portal.marketplaces import details, lasting
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Shop
from portal.postgres import Addresses
from portal.tables.accounts import CredentialEvent
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.contract.desks import Desk, desk
from tests.workshop import seen

pytestmark = pytest.mark.anyio

SHOP = Shop(seed=5, orders=25, returns=4, payouts=2, listings=10)
RENEWED = {"AMAZON_IN": "refresh_token", "FLIPKART": "refresh_token", "AJIO": "session_cookies"}
"""What each marketplace may hand out anew; the fourth renews nothing."""
every_renewing = pytest.mark.parametrize("place", [marketplace(code) for code in RENEWED], ids=lambda place: place.code)


@asynccontextmanager
async def connected_desk(place: Marketplace, vault: Vault) -> AsyncIterator[tuple[Desk, AccountRef]]:
    """An account connected in the way in which its marketplace renews things."""
    async with desk(place, SHOP, vault, sandbox_panel_keys(SHOP) if place.code == "AJIO" else None) as d:
        account = await d.allowed() if place.code == "FLIPKART" else await d.connect()
        await d.work()
        await d.side.post("/_sandbox/tune", json={"renewing": True})
        yield d, account


async def secret(d: Desk, account: AccountRef) -> str:
    """The renewed part as it is saved."""
    column = RENEWED[d.place.code]
    row = await d.satellite(account)
    return d.vault.open(d.place.code, details.place_of(d.place, column, account.id), row[column])


@every_renewing
async def test_what_is_renewed_is_saved_by_the_worker_and_on_record(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    async with connected_desk(place, keys) as (d, account):
        first = await secret(d, account)
        assert (await d.check(account)).last_validation_status in ("valid", "missing_permission")
        second = await secret(d, account)
        assert second != first
        assert "refreshed" in await d.story(account)
        row = await d.satellite(account)
        assert row[f"{RENEWED[place.code]}_saved_by"] == "marketplace"
        run = await d.sync(account, ScheduleTarget.ORDERS)
        assert run.state == RunState.SUCCEEDED
        assert (await d.check(account)).needs_reconnect is False


@every_renewing
async def test_a_crash_between_the_answer_and_the_saving_loses_nothing(
    place: Marketplace, connected: Addresses, keys: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new part is used by nobody before it is saved, so the old one still opens the shop afterwards.

    The power goes before the new part is written, and again when it is written and only the line about it is missing.
    """
    async with connected_desk(place, keys) as (d, account):
        first = await secret(d, account)

        class PowerCut(BaseException):
            pass

        async def cut(*_: object, **__: object) -> None:
            raise PowerCut

        for owner, step in ((lasting, "_replace"), (CredentialEvent, "insert")):
            with monkeypatch.context() as broken:
                broken.setattr(owner, step, cut)
                with pytest.raises(PowerCut):
                    await d.check(account)
            assert await secret(d, account) == first, step
            assert "refreshed" not in await d.story(account), step
            d.jobs.waiting.clear()
            async with db.transaction(d.seller_id) as held:
                await held.execute("UPDATE marketplace_accounts SET checking_since = NULL")
        assert (await d.check(account)).needs_reconnect is False
        assert await secret(d, account) != first


async def test_what_is_renewed_its_version_and_its_line_are_one_transaction(connected: Addresses, keys: Vault) -> None:
    async with connected_desk(marketplace("AMAZON_IN"), keys) as (d, account):
        async with db.transaction(d.seller_id):
            opened = await details.fetch(d.place, account, d.vault, purpose="a test", actor="test")
        before = opened.version
        await lasting.keeper(d.place, account, opened, d.vault)({"refresh_token": "Atzr|the-next-one"})
        assert (await secret(d, account), opened.version) == ("Atzr|the-next-one", before + 1)
        writers = await seen(
            connected,
            f"""SELECT xmin::text FROM {details.table_of(d.place)} WHERE marketplace_account_id = $1
                UNION ALL SELECT xmin::text FROM marketplace_accounts WHERE id = $1
                UNION ALL SELECT xmin::text FROM marketplace_credential_events WHERE marketplace_account_id = $1 AND kind = 'refreshed'""",
            account.id,
        )
        assert len(writers) == 3
        assert len({row["xmin"] for row in writers}) == 1


async def test_a_credential_that_was_replaced_meanwhile_is_left_alone(connected: Addresses, keys: Vault) -> None:
    async with connected_desk(marketplace("AMAZON_IN"), keys) as (d, account):
        async with db.transaction(d.seller_id):
            opened = await details.fetch(d.place, account, d.vault, purpose="a test", actor="test")
            keep = lasting.keeper(d.place, account, opened, d.vault)
        before = await secret(d, account)
        async with db.transaction(d.seller_id) as held:
            await held.execute("UPDATE marketplace_accounts SET credential_version = credential_version + 1")
        fresh: Mapping[str, str] = {"refresh_token": "Atzr|of-an-older-credential"}
        await keep(fresh)
        assert await secret(d, account) == before


async def test_the_marketplace_tells_when_the_permission_ends(connected: Addresses, keys: Vault) -> None:
    """The day is counted from when the seller pressed Allow, and taken from the marketplace wherever it names one."""
    async with connected_desk(marketplace("FLIPKART"), keys) as (d, account):
        row = await d.check(account)
        assert row.credential_expiring == "refresh_token"
        assert row.credential_expires_at is not None
        assert abs((row.credential_expires_at - row.last_validated_at).days - 180) <= 1
        assert (row.credential_expires_at - row.credential_warn_at).days == 14
