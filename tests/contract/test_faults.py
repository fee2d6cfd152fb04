"""Whatever goes wrong out there arrives under one of five names, with a sentence, wherever it strikes."""

import traceback
from collections.abc import Iterable
from uuid import uuid4

import pytest

from portal.marketplaces.contract import Marketplace, ScheduleTarget
from portal.marketplaces.errors import KeysRejected, MarketplaceError, NotAllowed, Throttled, Unreachable, WireChanged
from portal.marketplaces.facts import StockLine
from portal.marketplaces.http import LocalBudget, Tokens
from portal.marketplaces.sandbox import Fault
from tests.contract.kept import kept
from tests.contract.stalls import DOORS, PANEL, TINY, Stall, stall

pytestmark = pytest.mark.anyio

every_marketplace = pytest.mark.parametrize("place", DOORS)

NAMES: dict[Fault, type[MarketplaceError]] = {
    # fault, for as long as the reading lasts: the one name it has
    Fault.REVOKED: KeysRejected,
    Fault.FORBIDDEN: NotAllowed,
    Fault.SLOW_DOWN: Throttled,
    Fault.OUTAGE: Unreachable,
    Fault.TIMEOUT: Unreachable,
    Fault.RESET: Unreachable,
    Fault.BOT_FILTER: Unreachable,
    Fault.LOGIN_PAGE: Unreachable,
    Fault.EMPTY: Unreachable,
    Fault.TRUNCATED: WireChanged,
    Fault.CHANGED: WireChanged,
}
IN_A_SESSION: dict[Fault, type[MarketplaceError]] = {Fault.LOGIN_PAGE: KeysRejected}
"""Where the door is a signed-in session, a page that asks to sign in says that it is over."""
HARMLESS = (Fault.EXPIRED_TOKEN, Fault.CLOCK_SKEW)
"""What a client settles by itself."""
EVERYBODYS = frozenset(NAMES) - {Fault.LOGIN_PAGE}
"""What every wire over HTTP can show."""
QUICK = (ScheduleTarget.ORDERS,)


def sentence(error: MarketplaceError) -> str:
    told = error.seller_message
    assert told[:1].isupper(), told
    assert told.endswith((".", "!")), told
    assert not any(word in told for word in ("HTTP", "Exception", "Error(", "{", "<", "None")), told
    return told


@every_marketplace
async def test_a_fault_has_one_name_and_a_sentence(place: Marketplace) -> None:
    """One sandbox meets them all, one after the other; a new one for each would be most of the work."""
    async with stall(place, TINY) as s:
        read = [target for target in await s.targets() if target in QUICK]
        for fault in NAMES:
            await _strikes(s, fault, read)


@pytest.mark.soak
@every_marketplace
@pytest.mark.parametrize("fault", NAMES, ids=str)
async def test_a_fault_has_one_name_whatever_is_read(place: Marketplace, fault: Fault) -> None:
    async with stall(place, TINY) as s:
        await _strikes(s, fault, await s.targets())


async def _strikes(s: Stall, fault: Fault, targets: Iterable[ScheduleTarget]) -> None:
    for target in targets:
        await s.order(fault, seconds=30.0 if fault is Fault.TIMEOUT else 0.0)
        s.tap.patience_s = 0.2 if fault is Fault.TIMEOUT else None
        # As another worker, who has not signed in yet, nor heard that he should wait.
        s.tokens, s.budget = Tokens(), LocalBudget()
        error = None
        try:
            await s.read(target)
        except MarketplaceError as raised:
            error = raised
        struck = await s.struck()
        await s.clear()
        s.tap.patience_s = None
        if fault not in struck:
            assert fault not in EVERYBODYS, f"the sandbox cannot show {fault} in {target}"
            assert error is None
            continue
        assert isinstance(error, IN_A_SESSION.get(fault, NAMES[fault]) if s.place is PANEL else NAMES[fault]), (
            f"{target}: {fault} arrived as {error!r}"
        )
        sentence(error)
        _tells_no_secret(s, error)


def _tells_no_secret(s: Stall, error: MarketplaceError) -> None:
    shown = "".join(traceback.format_exception(error)) + error.seller_message + error.words + error.reason + repr(error)
    assert not [secret for secret in s.secrets if secret in shown]


@every_marketplace
async def test_a_bot_filter_does_not_blame_the_keys(place: Marketplace) -> None:
    async with stall(place, TINY) as s:
        await s.order(Fault.BOT_FILTER)
        with pytest.raises(Unreachable) as raised:
            await s.read(ScheduleTarget.ORDERS)
        assert raised.value.blocked


@every_marketplace
async def test_slowing_down_comes_with_a_moment_to_go_on(place: Marketplace) -> None:
    async with stall(place, TINY) as s:
        await s.order(Fault.SLOW_DOWN, seconds=120)
        with pytest.raises(Throttled) as raised:
            await s.read(ScheduleTarget.ORDERS)
        assert raised.value.retry_at.tzinfo is not None


@every_marketplace
@pytest.mark.parametrize("fault", [Fault.OUTAGE, Fault.RESET], ids=str)
async def test_one_passing_fault_is_not_noticed(place: Marketplace, fault: Fault) -> None:
    async with stall(place, TINY) as s:
        whole = await s.read(ScheduleTarget.ORDERS)
        await s.order(fault, times=1)
        assert kept(ScheduleTarget.ORDERS, await s.read(ScheduleTarget.ORDERS)) == kept(ScheduleTarget.ORDERS, whole)
        assert fault in await s.struck()


@every_marketplace
@pytest.mark.parametrize("fault", HARMLESS, ids=str)
async def test_what_a_client_settles_by_itself(place: Marketplace, fault: Fault) -> None:
    async with stall(place, TINY) as s:
        for target in await s.targets():
            whole = await s.read(target)
            await s.order(fault, times=1)
            assert kept(target, await s.read(target)) == kept(target, whole), target
            await s.clear()


@every_marketplace
async def test_refused_keys_are_refused_in_the_live_check_too(place: Marketplace) -> None:
    async with stall(place, TINY) as s:
        await s.order(Fault.REVOKED)
        async with s.open() as adapter:
            with pytest.raises(KeysRejected) as raised:
                await adapter.validate(s.ctx())
        sentence(raised.value)
        assert raised.value.whose == "seller"


@every_marketplace
async def test_keys_of_another_shop_never_prove_this_one(place: Marketplace) -> None:
    async with stall(place, TINY) as s:
        async with s.open() as adapter:
            own = (await adapter.validate(s.ctx())).external_account_id
        assert own
        await s.order(Fault.OTHER_SHOP)
        async with s.open() as adapter:
            try:
                found = (await adapter.validate(s.ctx())).external_account_id
            except (KeysRejected, NotAllowed) as error:
                sentence(error)
                found = ""
        assert found != own or Fault.OTHER_SHOP not in await s.struck()


@every_marketplace
async def test_a_wrong_secret_is_refused(place: Marketplace) -> None:
    async with stall(place, TINY) as s:
        method = s.place.method_of(s.values)
        for name, described in method.fields().items():
            if not described.secret or not s.values.get(name):
                continue
            wrong = s.values[name][:-4] + "".join(reversed(s.values[name][-4:])) + "x"
            with pytest.raises(KeysRejected) as raised:
                async with s.open(s.keys(**{name: wrong})) as adapter:
                    await adapter.validate(s.ctx())
            assert wrong not in str(raised.value) + raised.value.seller_message + raised.value.words
            sentence(raised.value)


@every_marketplace
async def test_stock_whose_answer_is_lost_arrives_once(place: Marketplace) -> None:
    if ScheduleTarget.INVENTORY not in place.supported_targets or place is PANEL:
        return
    async with stall(place, TINY) as s:
        lines = await _lines(s)
        await s.order(Fault.LOST_ANSWER, times=1)
        async with s.open() as adapter:
            outcomes = [one for page in [page async for page in adapter.push_inventory(s.ctx(), lines)] for one in page.facts]
        assert Fault.LOST_ANSWER in await s.struck()
        assert sorted(one.sku for one in outcomes) == sorted(line.sku for line in lines)
        assert {one.state for one in outcomes} <= {"accepted", "queued"}
        stocked = {row["sku"]: row["quantity_seen"] for row in (await s.ledger())["listings"]}
        assert {line.sku: stocked[line.sku] for line in lines} == {line.sku: line.quantity for line in lines}


async def _lines(s: Stall) -> list[StockLine]:
    """Three quantities to push, for listings as this marketplace tells of them: in its catalogue, or in its orders."""
    if ScheduleTarget.LISTINGS in s.place.supported_targets:
        facts = kept(ScheduleTarget.LISTINGS, await s.read(ScheduleTarget.LISTINGS)).values()
        known = {one.sku: one for one in facts if one.pushable}
    else:
        orders = kept(ScheduleTarget.ORDERS, await s.read(ScheduleTarget.ORDERS)).values()
        known = {item.sku: item for order in orders for item in order.items}
    return [
        StockLine(task_id=uuid4(), sku=sku, quantity=50 + number, external_listing_id=one.external_listing_id, attributes=one.attributes)
        for number, (sku, one) in enumerate(sorted(known.items())[:3])
    ]
