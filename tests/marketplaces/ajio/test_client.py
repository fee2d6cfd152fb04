"""Signing in, refusals, and what may never show."""

import asyncio
import logging
import traceback
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from portal import clock
from portal.marketplaces.adapter import MarketplaceAdapter
from portal.marketplaces.ajio.client.refusals import SIGN_IN_HOSTS, Door, answered
from portal.marketplaces.errors import KeysRejected, MarketplaceError, NotAllowed, Throttled, Unreachable, WireChanged
from portal.marketplaces.http import Call, Outside
from portal.marketplaces.sandbox import Fault
from tests.marketplaces.ajio.stand import DOORS, Stand, facts, pages, stand

pytestmark = pytest.mark.anyio


async def first_orders(adapter: MarketplaceAdapter, here: Stand) -> Any:
    async for page in adapter.sync_orders(here.ctx()):
        return page
    raise AssertionError("a run has at least one page")


# The pass of the partner API


async def test_one_pass_serves_many_calls() -> None:
    async with stand() as here, here.open() as adapter:
        await pages(adapter, "orders", here.ctx())
        await pages(adapter, "returns", here.ctx())
        assert here.faults.served.count("authToken") == 1


async def test_calls_at_once_share_one_sign_in() -> None:
    async with stand() as here, here.open() as adapter:
        await asyncio.gather(*(first_orders(adapter, here) for _ in range(8)))
        assert here.faults.served.count("authToken") == 1


async def test_a_refused_pass_is_replaced_once() -> None:
    async with stand() as here, here.open() as adapter:
        here.wrong(Fault.EXPIRED_TOKEN, times=1, operation="pendency")
        assert (await first_orders(adapter, here)).facts
        assert here.faults.served[:4] == ["authToken", "pendency", "authToken", "pendency"]


async def test_a_fresh_pass_refused_as_well_is_the_verdict() -> None:
    async with stand() as here, here.open() as adapter:
        here.wrong(Fault.EXPIRED_TOKEN)
        with pytest.raises(KeysRejected) as refused:
            await first_orders(adapter, here)
        assert refused.value.reason == "token_refused"
        assert refused.value.field == "api_password"
        assert here.faults.served == ["authToken", "pendency", "authToken", "pendency"]


async def test_a_sign_in_elsewhere_ends_our_pass_and_we_sign_in_again() -> None:
    async with stand() as here, here.open() as adapter:
        await first_orders(adapter, here)
        here.world.sign_in()
        assert (await first_orders(adapter, here)).facts
        assert here.faults.served.count("authToken") == 2


async def test_a_pass_older_than_half_an_hour_is_refused_by_ajio_and_replaced() -> None:
    async with stand() as here, here.open() as adapter:
        await first_orders(adapter, here)
        here.world.age_pass(1801)
        assert (await first_orders(adapter, here)).facts
        assert here.faults.served.count("authToken") == 2


async def test_a_pass_is_replaced_before_it_ends() -> None:
    async with stand() as here, here.open() as adapter:
        await first_orders(adapter, here)
        with clock.stopped_at(clock.now() + timedelta(minutes=26)):
            await first_orders(adapter, here)
        assert here.faults.served == ["authToken", "pendency", "authToken", "pendency"]


async def test_a_new_password_never_meets_the_old_pass() -> None:
    async with stand() as here:
        async with here.open() as adapter:
            await first_orders(adapter, here)
        async with here.open(api_password="sandbox-another-password") as adapter:
            with pytest.raises(KeysRejected):
                await first_orders(adapter, here)


async def test_a_wrong_password_is_tried_twice_and_named() -> None:
    async with stand() as here, here.open(api_password="sandbox-wrong-password") as adapter:
        with pytest.raises(KeysRejected) as refused:
            await first_orders(adapter, here)
        assert (refused.value.reason, refused.value.field, refused.value.whose) == ("login_refused", "api_password", "seller")
        assert here.faults.served == ["authToken", "authToken"]


async def test_a_locked_login_is_not_tried_again() -> None:
    async with stand() as here, here.open() as adapter:
        here.world.wrong_passwords = 5
        with pytest.raises(KeysRejected) as refused:
            await first_orders(adapter, here)
        assert refused.value.reason == "login_locked"
        assert "Unlock it on seller.ajio.com" in refused.value.seller_message
        assert here.faults.served == ["authToken"]


# The panel's session


async def test_invalid_token_is_tried_once_more() -> None:
    async with stand() as here, here.open("portal_session") as adapter:
        here.wrong(Fault.EXPIRED_TOKEN, times=1)
        assert (await first_orders(adapter, here)).facts
        here.wrong(Fault.EXPIRED_TOKEN)
        with pytest.raises(KeysRejected) as refused:
            await first_orders(adapter, here)
        assert refused.value.reason == "token_refused"
        assert "panel session has ended" in refused.value.seller_message


@pytest.mark.parametrize(("fault", "reason"), [(Fault.LOGIN_PAGE, "sign_in_page"), (Fault.REVOKED, "sent_to_sign_in")])
async def test_a_sign_in_page_means_that_the_session_is_over(fault: Fault, reason: str) -> None:
    async with stand() as here, here.open("portal_session") as adapter:
        here.wrong(fault)
        with pytest.raises(KeysRejected) as refused:
            await first_orders(adapter, here)
        assert refused.value.reason == reason
        assert len(here.faults.served) == 2


async def test_the_sign_in_hosts_cookies_stay_at_home() -> None:
    async with stand() as here:
        cookies = msgspec.json.decode(here.values("portal_session")["session_cookies"])
        cookies.append({"name": "sso", "value": "sandbox-sso-secret", "domain": f"sellers.{SIGN_IN_HOSTS[0]}"})
        async with here.open("portal_session", session_cookies=msgspec.json.encode(cookies).decode()) as adapter:
            assert "sandbox-sso-secret" not in adapter.transport.client._headers()["Cookie"]  # type: ignore[attr-defined]
            assert (await first_orders(adapter, here)).facts


async def test_values_that_cannot_be_read_are_refused_without_a_call() -> None:
    async with stand() as here:
        with pytest.raises(KeysRejected) as refused:
            async with here.open("portal_session", seller_context='{"user_id":'):
                raise AssertionError("it must not open")
        assert (refused.value.field, refused.value.reason) == ("seller_context", "unreadable_keys")
        assert here.faults.served == []


# Every fault under its one name

PARTNER_FAULTS = [
    (Fault.REVOKED, KeysRejected, "stopped accepting|does not accept"),
    (Fault.EXPIRED_TOKEN, KeysRejected, "stopped accepting"),
    (Fault.FORBIDDEN, NotAllowed, "does not share orders"),
    (Fault.SLOW_DOWN, Throttled, "asked us to slow down"),
    (Fault.OUTAGE, Unreachable, "is not answering"),
    (Fault.TIMEOUT, Unreachable, "is not answering"),
    (Fault.RESET, Unreachable, "is not answering"),
    (Fault.LOST_ANSWER, Unreachable, "is not answering"),
    (Fault.TRUNCATED, WireChanged, "data we cannot read yet"),
    (Fault.CHANGED, WireChanged, "data we cannot read yet"),
    (Fault.EMPTY, Unreachable, "is not answering"),
    (Fault.BOT_FILTER, Unreachable, "blocking our server"),
    (Fault.LOGIN_PAGE, Unreachable, "is not answering"),
]
PANEL_FAULTS = [
    (
        fault,
        KeysRejected if fault is Fault.LOGIN_PAGE else error,
        "session has ended" if error is KeysRejected or fault is Fault.LOGIN_PAGE else words,
    )
    for fault, error, words in PARTNER_FAULTS
]
MATRIX = [("partner_api", *one) for one in PARTNER_FAULTS] + [("portal_session", *one) for one in PANEL_FAULTS]


@pytest.mark.parametrize(("door", "fault", "error", "words"), MATRIX, ids=[f"{one[0]}-{one[1]}" for one in MATRIX])
async def test_every_fault_has_one_name_and_one_sentence(door: str, fault: Fault, error: type[MarketplaceError], words: str) -> None:
    async with stand(settings={"TIMEOUT_S": "0.3"}) as here, here.open(door) as adapter:
        here.wrong(
            fault, seconds=40 if fault is Fault.SLOW_DOWN else 2, operation="order_report" if door == "portal_session" else "pendency"
        )
        with pytest.raises(error) as raised:
            await first_orders(adapter, here)
        assert type(raised.value) is error
        assert any(one in raised.value.seller_message for one in words.split("|"))
        if isinstance(raised.value, Unreachable):
            assert raised.value.blocked is (fault is Fault.BOT_FILTER)
        if isinstance(raised.value, Throttled):
            assert 30 < (raised.value.retry_at - clock.now()).total_seconds() <= 40


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("fault", [Fault.OUTAGE, Fault.RESET, Fault.EXPIRED_TOKEN])
async def test_a_passing_fault_passes_unseen(door: str, fault: Fault) -> None:
    async with stand() as here, here.open(door) as adapter:
        here.wrong(fault, times=1)
        read = await pages(adapter, "orders", here.ctx())
        assert len(facts(read)) == here.shop.orders


@pytest.mark.parametrize("door", DOORS)
async def test_a_run_goes_on_after_any_fault_with_its_last_cursor(door: str) -> None:
    async with stand() as here, here.open(door) as adapter:
        got: list[Any] = []
        cursor: str | None = None
        here.wrong(Fault.OUTAGE, after=3)

        async def until_it_fails() -> None:
            nonlocal cursor
            async for page in adapter.sync_orders(here.ctx()):
                got.extend(page.facts)
                cursor = page.cursor

        with pytest.raises(Unreachable):
            await until_it_fails()
        here.faults.ordered.clear()
        assert 0 < len(got) < here.shop.orders
        got.extend(facts(await pages(adapter, "orders", here.ctx(cursor=cursor))))
        assert [one.external_order_id for one in got] == [order.order_id for order in here.world.sold]


# What may never show


@pytest.mark.parametrize("door", DOORS)
async def test_no_secret_shows_anywhere(door: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def observe(call: Call) -> None:
        seen.append(repr(call))

    async with stand(settings={"TIMEOUT_S": "0.2"}) as here:
        secrets = {here.world.api_password, here.world.panel_token, here.world.panel_cookie}
        for fault in (None, *dict.fromkeys(one[0] for one in PARTNER_FAULTS)):
            here.faults.ordered.clear()
            here.outside = Outside(settings=here.outside.settings, allow_private=True, observe=observe)
            async with here.open(door) as adapter:
                seen.append(repr(adapter))
                if fault is not None:
                    here.wrong(fault, seconds=1)
                try:
                    seen.append(repr(await adapter.validate(here.ctx())))
                except MarketplaceError as error:
                    seen += [str(error), repr(error), repr(error.__dict__), "".join(traceback.format_exception(error))]
            secrets.add(here.world.pass_in_force or "sandbox.nothing")
            seen.append(repr(here.outside.tokens.__dict__))
        seen.append(caplog.text)
    for secret in secrets:
        assert not any(secret in text for text in seen)


async def test_a_secret_echoed_by_ajio_is_blotted_out() -> None:
    body = {"success": False, "errorMessage": "no service for token sandbox-secret-token here"}
    with pytest.raises(WireChanged) as raised:
        answered(httpx.Response(400, json=body), "orders", Door.PARTNER, hush=("sandbox-secret-token",))
    assert raised.value.words == "no service for token … here"
