"""Keys that leave a choice, at a terminal: what there is to choose from is named, and an option chooses."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from portal.accounts import service as accounts
from portal.commands.connect import connected as connected_by
from portal.commands.connect import read_keys
from portal.commands.session import Session
from portal.connecting import service as connecting
from portal.errors import BadInput
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Shop
from portal.postgres import Addresses
from portal.vault import Vault
from tests.contract.desks import Desk, desk

pytestmark = pytest.mark.anyio

SHOP = Shop(seed=5, orders=4, returns=0, payouts=0, listings=4, locations=2)


@asynccontextmanager
async def worked(d: Desk) -> AsyncIterator[Session]:
    """What a command holds, with a worker at the other end of its queue."""

    async def work() -> None:
        while True:
            await d.work()
            await asyncio.sleep(0.05)

    worker = asyncio.create_task(work())
    yield Session(settings=d.settings, vault=d.vault, jobs=d.jobs)
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker


async def typed(d: Desk, session: Session, **chosen: str) -> str:
    """A key file handed in once; the shop that became an account."""
    wizard = await connecting.begin(d.seller_id, d.user_id, d.place.code, settings=d.settings)
    values = {name: value for name, value in d.values.items() if value}
    text = json.dumps(values)
    return str((await connected_by(session, wizard, "Surat", read_keys(text, d.place), **chosen)).found_account_id)


async def test_of_several_shops_one_is_named(connected: Addresses, keys: Vault) -> None:
    async with desk(marketplace("AJIO"), SHOP, keys, sandbox_panel_keys(SHOP)) as d, worked(d) as session:
        for shop in ("", "DVOFSOMEBODYELSE"):
            with pytest.raises(BadInput) as refused:
                await typed(d, session, shop=shop)
            assert refused.value.seller_message == "These keys open several shops: DVSANDBOX005, DVSANDBOX036."
            assert "--shop" in refused.value.hint
        assert await connecting.unfinished(d.seller_id) == []
        assert await typed(d, session, shop="DVSANDBOX036") == "DVSANDBOX036"


async def test_of_several_locations_one_is_named(connected: Addresses, keys: Vault) -> None:
    async with desk(marketplace("MEESHO"), replace(SHOP, locations=2), keys) as d, worked(d) as session:
        with pytest.raises(BadInput) as refused:
            await typed(d, session)
        assert refused.value.seller_message == "This shop ships from several locations: LOC0005, LOC0006."
        assert "--ships-from" in refused.value.hint
        await typed(d, session, ships_from="LOC0006")
        (account,) = await accounts.all_of(d.seller_id)
        assert account.ships_from == "LOC0006"
