"""Signing in, passes, and what each of Amazon's answers becomes."""

import asyncio
import logging
from datetime import timedelta

import httpx
import pytest

from portal import clock
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.marketplaces.errors import KeysRejected, MarketplaceError, NotAllowed, Throttled, Unreachable, WireChanged
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.amazon_in.bench import Bench, running

pytestmark = pytest.mark.anyio

SHOP = Shop(orders=30, listings=10)


async def read_all(bench: Bench, changed: dict[str, str] | None = None) -> int:
    async with bench.adapter(changed=changed) as adapter:
        return sum([len(page.facts) async for page in adapter.sync_orders(bench.ctx())])


async def test_one_exchange_serves_all_calls_of_an_hour() -> None:
    async with running(SHOP) as bench, bench.adapter() as adapter:
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(adapter._client.search_orders({"lastUpdatedAfter": "2026-11-01T00:00:00Z"}))
        assert (await bench.calls()).count("signIn") == 1
        with clock.stopped_at(clock.now() + timedelta(minutes=59, seconds=30)):
            await adapter._client.sign_in()
        assert (await bench.calls()).count("signIn") == 2


async def test_an_expired_pass_is_replaced_once() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.EXPIRED_TOKEN)
        assert await read_all(bench) == 30
        assert await bench.calls() == ["signIn", "searchOrders", "signIn", "searchOrders"]


async def test_a_pass_refused_again_and_again_is_no_reason_to_reconnect() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.EXPIRED_TOKEN, times=0)
        with pytest.raises(NotAllowed):
            await read_all(bench)


@pytest.mark.parametrize(
    ("changed", "reason", "field"),
    [
        ({"refresh_token": "Atzr|of-somebody-else"}, "invalid_grant", "refresh_token"),
        ({"lwa_client_secret": "amzn1.oa2-cs.v1.rotated-away"}, "invalid_client", "lwa_client_secret"),
    ],
)
async def test_refused_keys_are_refused_after_asking_twice(changed: dict[str, str], reason: str, field: str) -> None:
    async with running(SHOP) as bench:
        with pytest.raises(KeysRejected) as caught:
            await read_all(bench, changed)
        assert (caught.value.reason, caught.value.field, caught.value.whose) == (reason, field, "seller")
        assert await bench.calls() == ["signIn", "signIn"]


async def test_one_refusal_that_is_taken_back_changes_nothing() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.REVOKED, operation="signIn", times=1)
        assert await read_all(bench) == 30


async def test_revoking_while_a_pass_is_held_is_noticed() -> None:
    async with running(SHOP) as bench:
        assert await read_all(bench) == 30
        await bench.order_fault(Fault.REVOKED, times=0)
        with pytest.raises(KeysRejected):
            await read_all(bench)


FAULTS = [
    # fault, operation, the error it becomes
    (Fault.FORBIDDEN, "searchOrders", NotAllowed),
    (Fault.SLOW_DOWN, "searchOrders", Throttled),
    (Fault.OUTAGE, "searchOrders", Unreachable),
    (Fault.RESET, "searchOrders", Unreachable),
    (Fault.BOT_FILTER, "searchOrders", Unreachable),
    (Fault.LOGIN_PAGE, "searchOrders", Unreachable),
    (Fault.TRUNCATED, "searchOrders", WireChanged),
    (Fault.CHANGED, "searchOrders", WireChanged),
    (Fault.EMPTY, "searchOrders", Unreachable),
    (Fault.REVOKED, "signIn", KeysRejected),
    (Fault.SLOW_DOWN, "signIn", Throttled),
    (Fault.OUTAGE, "signIn", Unreachable),
    (Fault.RESET, "signIn", Unreachable),
    (Fault.BOT_FILTER, "signIn", Unreachable),
    (Fault.TRUNCATED, "signIn", WireChanged),
    (Fault.CHANGED, "signIn", WireChanged),
    (Fault.EMPTY, "signIn", Unreachable),
]


@pytest.mark.parametrize(("fault", "operation", "error"), FAULTS)
async def test_every_fault_has_one_error_with_a_sentence_and_no_secret(
    fault: Fault, operation: str, error: type[MarketplaceError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = [value for name, value in sandbox_keys(SHOP).items() if name != "selling_partner_id"]
    async with running(SHOP) as bench:
        await bench.order_fault(fault, times=0, operation=operation)
        with pytest.raises(error) as caught:
            await read_all(bench)
        assert type(caught.value) is error
        assert caught.value.seller_message.endswith(".")
        if fault is Fault.BOT_FILTER:
            assert isinstance(caught.value, Unreachable)
            assert caught.value.blocked
        shown = f"{caught.value!r} {caught.value} {caught.value.words} {caught.value.seller_message} {caplog.text}"
        for secret in secrets:
            assert secret not in shown
        assert "Atza|" not in shown


async def test_a_hanging_answer_is_a_time_out() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.TIMEOUT, times=0, operation="searchOrders", seconds=20)
        async with bench.adapter() as adapter:
            adapter._client._calls._client.timeout = httpx.Timeout(0.2)
            with pytest.raises(Unreachable) as caught:
                _ = [page async for page in adapter.sync_orders(bench.ctx())]
        assert caught.value.reason == "timeout"


async def test_words_of_amazon_that_repeat_our_secret_are_blanked() -> None:
    keys = sandbox_keys(SHOP)

    def parrot(request: httpx.Request) -> httpx.Response:
        said = {"error": "invalid_grant", "error_description": f"{keys['refresh_token']} and {keys['lwa_client_secret']} are wrong"}
        return httpx.Response(400, json=said)

    async with running(SHOP) as bench:
        outside = Outside(settings=bench.settings, transport=httpx.MockTransport(parrot))
        with pytest.raises(KeysRejected) as caught:
            async with bench.adapter(outside=outside) as adapter:
                await adapter._client.sign_in()
    assert caught.value.words == "… and … are wrong"


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, "unauthorized_client", KeysRejected),
        (400, "invalid_request", WireChanged),
        (400, "unsupported_grant_type", WireChanged),
        (400, "invalid_scope", WireChanged),
        (400, "server_error", Unreachable),
        (503, "temporarily_unavailable", Unreachable),
    ],
)
async def test_the_table_of_sign_in_refusals(status: int, error: str, expected: type[MarketplaceError]) -> None:
    async with running(SHOP) as bench:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, json={"error": error}))
        async with bench.adapter(outside=Outside(settings=bench.settings, transport=transport)) as adapter:
            with pytest.raises(expected) as caught:
                await adapter._client.sign_in()
    assert type(caught.value) is expected


async def test_a_wrong_region_does_not_blame_the_seller() -> None:
    async with running(SHOP) as bench, bench.adapter() as adapter:
        with pytest.raises(NotAllowed) as caught:
            await adapter._client.search_orders({"marketplaceIds": "ATVPDKIKX0DER", "lastUpdatedAfter": "2026-11-01T00:00:00Z"})
        assert "Your details are fine" in caught.value.seller_message


async def test_every_call_carries_what_amazon_asks_for() -> None:
    async with running(SHOP) as bench, bench.adapter(outside=bench.tapped()) as adapter:
        _ = [page async for page in adapter.sync_orders(bench.ctx())]
    signed_in, searched = (request for request, _, _ in bench.wire.seen)
    assert signed_in.headers["content-type"] == "application/x-www-form-urlencoded;charset=UTF-8"
    assert searched.headers["x-amz-access-token"].startswith("Atza|")
    assert searched.headers["user-agent"].startswith("SellerPortal/")
    assert "content-length" not in searched.headers
    assert "Atz" not in str(searched.url)


async def test_another_account_never_uses_this_ones_pass() -> None:
    async with running(SHOP) as first, running(Shop(seed=2, orders=5, listings=3)) as second:
        async with first.adapter() as adapter:
            await adapter._client.sign_in()
        async with second.adapter(outside=Outside(settings=second.settings, tokens=first.outside.tokens, allow_private=True)) as adapter:
            await adapter._client.search_orders({"lastUpdatedAfter": "2026-11-01T00:00:00Z"})
        assert await second.calls() == ["signIn", "searchOrders"]
