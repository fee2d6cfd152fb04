"""The live check: what it ticks, what it proves, and whom it blames."""

import pytest

from portal.marketplaces.contract import AccountRef, Check, Permission, ScheduleTarget, Validation
from portal.marketplaces.errors import KeysRejected, NotAllowed, Unreachable
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.amazon_in.bench import ACCOUNT, Bench, running

pytestmark = pytest.mark.anyio

SHOP = Shop(orders=30, listings=10)


async def check(bench: Bench, account: AccountRef = ACCOUNT) -> tuple[Validation, list[Check]]:
    ticked: list[Check] = []

    async def tick(one: Check) -> None:
        ticked.append(one)

    async with bench.adapter() as adapter:
        return await adapter.validate(bench.ctx(account=account, checked=tick)), ticked


def permission(found: Validation, target: ScheduleTarget) -> Permission:
    return next(one for one in found.permissions if one.target is target)


async def test_good_keys_name_their_shop_and_what_they_open() -> None:
    async with running(SHOP) as bench:
        found, ticked = await check(bench)
        assert ticked == list(Check)
        assert found.external_account_id == bench.keys().selling_partner_id
        assert found.seller_name == "Sandbox Textiles 1"
        assert {one.target for one in found.permissions if one.allowed} == set(ScheduleTarget) - {ScheduleTarget.FULL_PROCESSING}
        orders = {row["external_order_id"] for row in (await bench.ledger())["orders"]}
        assert permission(found, ScheduleTarget.ORDERS).proof.removeprefix("Read order ") in orders


async def test_a_token_of_another_shop_does_not_prove_this_one() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.OTHER_SHOP, times=0)
        with pytest.raises(NotAllowed) as caught:
            await check(bench)
        assert "merchant token is of another shop" in caught.value.seller_message


async def test_a_check_never_trusts_a_pass_it_holds() -> None:
    async with running(SHOP) as bench:
        await check(bench)
        await bench.order_fault(Fault.REVOKED, operation="signIn", times=0)
        with pytest.raises(KeysRejected):
            await check(bench)


async def test_a_missing_role_limits_that_target_only() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.FORBIDDEN, operation="searchOrders")
        found, _ = await check(bench)
        assert permission(found, ScheduleTarget.ORDERS).allowed is False
        assert "Inventory and Order Tracking" in permission(found, ScheduleTarget.ORDERS).message
        assert permission(found, ScheduleTarget.LISTINGS).allowed is True


async def test_a_used_up_limit_leaves_the_question_open() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.SLOW_DOWN, operation="searchOrders")
        found, _ = await check(bench)
        assert permission(found, ScheduleTarget.ORDERS).allowed is None


async def test_the_rare_call_is_made_only_while_connecting() -> None:
    async with running(SHOP) as bench:
        known = AccountRef(id=ACCOUNT.id, seller_id=ACCOUNT.seller_id, code="AMAZON_IN", external_account_id="A1", name="Surat")
        await check(bench, known)
        assert "getMarketplaceParticipations" not in await bench.calls()


async def test_nothing_is_ticked_while_amazon_is_down() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.OUTAGE, times=0)
        ticked: list[Check] = []

        async def tick(one: Check) -> None:
            ticked.append(one)

        async with bench.adapter() as adapter:
            with pytest.raises(Unreachable):
                await adapter.validate(bench.ctx(checked=tick))
        assert ticked == []
