"""What pages offer for an account, its adapter can do: every marketplace, every way to connect, every kind of work."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from portal import db
from portal.accounts.routes import UNATTENDED
from portal.accounts.routes import show as account_page
from portal.errors import Conflict, NotFound
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Marketplace, MarketplaceAdapter, ScheduleTarget
from portal.marketplaces.errors import NotAllowed
from portal.marketplaces.facts import BatchFacts, StockLine
from portal.marketplaces.handoff import Granted
from portal.marketplaces.http import Outside
from portal.marketplaces.methods import Method
from portal.marketplaces.registry import marketplace
from portal.postgres import Addresses
from portal.processing.routes import ROUTES as PROCESSING
from portal.runs import service as runs
from portal.runs.freshness import of_accounts
from portal.scheduling import service as scheduling
from portal.scheduling.job import start_due
from portal.scheduling.routes import ROUTES as SCHEDULING
from tests.contract.desks import Line
from tests.contract.stalls import LIVE, PANEL, READERS, TINY, Stall, stall
from tests.factories import make_account, make_seller
from tests.visiting import Person, browsing

pytestmark = pytest.mark.anyio

BACK = "http://127.0.0.1/oauth/return"
WAYS = [pytest.param(place, method, id=f"{place.code}-{method.code}") for place in LIVE for method in place.methods]


async def keys_of(s: Stall, method: Method) -> Any:
    """Keys of that way to connect: the sandbox's own, or those it gives to somebody who presses Allow."""
    if not method.oauth:
        return s.keys()
    assert s.place.handoff is not None
    page = await s.side.get(s.place.handoff.consent_address(s.settings, redirect_uri=BACK, state="s-1"))
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    back = (await s.side.post(str(page.url), data={**hidden, "decision": "allow"})).headers["location"]
    brought = s.place.handoff.brought({name: values[0] for name, values in parse_qs(urlsplit(back).query).items()})
    outside = Outside(settings=s.settings, budget=s.budget, tokens=s.tokens, transport=s.tap, allow_private=True)
    return await s.place.handoff.keys_for(outside, Granted(code=brought.code, state="s-1", redirect_uri=BACK, shop=brought.shop))


def shop_for(place: Marketplace, method: Method) -> Marketplace:
    """The marketplace with the sandbox whose key file is for this way; any will do for one that sends its sellers away."""
    known = [one for one in (place, PANEL) if one.code == place.code and one.sandbox_keys is not None]
    return next((one for one in known if one.sandbox_keys and one.method_of(one.sandbox_keys(TINY)) is method), place)


async def tried(s: Stall, adapter: MarketplaceAdapter, target: ScheduleTarget) -> str:
    """One step of that kind of work; empty, or the sentence with which the adapter says that this is not to be had."""
    steps: Any
    if target is ScheduleTarget.INVENTORY:
        steps = adapter.push_inventory(s.ctx(), [StockLine(task_id=uuid4(), sku="no such", quantity=1)])
    elif target is ScheduleTarget.FULL_PROCESSING:
        steps = adapter.full_processing(s.ctx(), BatchFacts(batch_id=uuid4(), stage=s.place.stages[0].code, orders=()))
    else:
        steps = getattr(adapter, READERS[target])(s.ctx())
    try:
        await anext(steps)
    except NotAllowed as refused:
        return refused.seller_message
    finally:
        await steps.aclose()
    return ""


@pytest.mark.parametrize(("place", "method"), WAYS)
async def test_an_adapter_does_what_its_way_to_connect_opens_and_refuses_the_rest(place: Marketplace, method: Method) -> None:
    assert method.closed.keys() <= place.supported_targets
    async with stall(shop_for(place, method), TINY) as s, s.open(await keys_of(s, method)) as adapter:
        found = await adapter.validate(s.ctx())
        said = {one.target: one.message for one in found.permissions if one.allowed is False}
        assert said == method.closed
        for target in place.supported_targets:
            assert await tried(s, adapter, target) == method.closed.get(target, ""), target


async def connected_by(seller: Any, place: Marketplace, method: Method) -> AccountRef:
    """An account that was connected in that way, as far as pages can see."""
    account = await make_account(seller, code=place.code, external=f"S-{method.code}", name=f"{place.code} {method.code}")
    async with db.transaction(seller):
        await details.move_in(place, account, method, {}, {}, by="a test")
    return account


@pytest.mark.parametrize(("place", "method"), WAYS)
async def test_pages_offer_what_can_be_begun_and_explain_the_rest(place: Marketplace, method: Method, connected: Addresses) -> None:
    seller = await make_seller()
    account = await connected_by(seller, place, method)
    opened = place.opened_by(method)
    async with browsing(Person(seller), [account_page, *SCHEDULING, *PROCESSING], jobs=Line()) as asha:
        page = (await asha.get(f"/accounts/{account.id}")).text
        schedules = (await asha.get(f"/accounts/{account.id}/schedule")).text
        batches = (await asha.get("/batches")).text
        edited = {
            target for target in ScheduleTarget if (await asha.get(f"/accounts/{account.id}/schedule?target={target}")).status_code == 200
        }
    shown = set(re.findall(r'name="target" value="([A-Z_]+)"', page.partition('<div class="own">')[2]))
    assert shown == {target for target in opened if target not in UNATTENDED and target != ScheduleTarget.ORDERS}
    assert set(re.findall(r"schedule\?target=([A-Z_]+)", schedules)) == edited == opened
    assert (f"/accounts/{account.id}/syncs" in batches) is (ScheduleTarget.FULL_PROCESSING in opened)
    for why in method.closed.values():
        assert why in page
    for target in ScheduleTarget:
        (one,) = await of_accounts(seller, target)
        assert one.supported is (target in opened)
        if target not in opened:
            with pytest.raises((Conflict, NotFound)) as refused:
                await runs.start(seller, account.id, target, jobs=Line())
            assert method.closed.get(target, "") in refused.value.seller_message
        else:
            await runs.start(seller, account.id, target, jobs=Line())


async def test_another_way_to_connect_ends_the_schedules_that_it_cannot_keep(connected: Addresses) -> None:
    place = marketplace(PANEL.code)
    seller = await make_seller()
    account = await connected_by(seller, place, place.method("portal_session"))
    async with db.transaction(seller) as held:
        await scheduling.begin(account)
        before = {row["target"] for row in await held.fetch("SELECT target FROM schedules")}
        await details.move_in(place, account, place.method("partner_api"), {}, {}, by="a test")
        await scheduling.begin(account)
        after = {row["target"] for row in await held.fetch("SELECT target FROM schedules")}
    assert before == {"ORDERS", "RETURNS", "PAYOUTS"}
    assert after == {"ORDERS", "RETURNS", "LISTINGS"}


async def test_a_schedule_from_before_that_only_fails_ends_at_its_next_time(connected: Addresses) -> None:
    place = marketplace(PANEL.code)
    seller = await make_seller()
    account = await connected_by(seller, place, place.method("partner_api"))
    async with db.transaction(seller) as held:
        await held.execute(
            """INSERT INTO schedules (id, seller_id, marketplace_account_id, target, interval_minutes, window_start, window_end, next_run_at)
               VALUES (gen_random_uuid(), $1, $2, 'PAYOUTS', 30, 0, 1439, now() - interval '1 minute')""",
            seller,
            account.id,
        )
    assert await start_due(jobs=Line()) == 0
    async with db.transaction(seller) as held:
        assert await held.fetchval("SELECT count(*) FROM schedules") == 0
    assert await runs.history(seller) == []
