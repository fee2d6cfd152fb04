"""How a call is signed, repeated and refused."""

import logging
from dataclasses import replace

import httpx
import pytest

from portal import clock
from portal.errors import Misconfigured
from portal.marketplaces.errors import KeysRejected, MarketplaceError, NotAllowed, Throttled, Unreachable, WireChanged
from portal.marketplaces.http import Outside
from portal.marketplaces.meesho import refusals
from portal.marketplaces.meesho.adapter import open_meesho
from portal.marketplaces.sandbox import Fault
from tests.marketplaces.meesho.shopping import ACCOUNT, Sandboxed

pytestmark = pytest.mark.anyio


async def first_page(shop: Sandboxed, *, timeout_s: str = "60") -> None:
    async with shop.adapter(TIMEOUT_S=timeout_s) as adapter:
        async for _ in adapter.sync_orders(shop.context()):
            return


FAULTS = [
    (Fault.REVOKED, KeysRejected, "does not know this API key"),
    (Fault.FORBIDDEN, NotAllowed, "does not share orders"),
    (Fault.SLOW_DOWN, Throttled, "asked us to slow down"),
    (Fault.OUTAGE, Unreachable, "is not answering"),
    (Fault.RESET, Unreachable, "is not answering"),
    (Fault.LOST_ANSWER, Unreachable, "is not answering"),
    (Fault.TRUNCATED, WireChanged, "sent data we cannot read yet"),
    (Fault.CHANGED, WireChanged, "sent data we cannot read yet"),
    (Fault.EMPTY, Unreachable, "is not answering"),
    (Fault.BOT_FILTER, Unreachable, "is blocking our server"),
    (Fault.LOGIN_PAGE, Unreachable, "is not answering"),
]


@pytest.mark.parametrize(("fault", "error", "sentence"), FAULTS, ids=[fault.value for fault, _, _ in FAULTS])
async def test_every_fault_has_its_one_error_and_sentence(
    shop: Sandboxed, fault: Fault, error: type[MarketplaceError], sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever Meesho does, the portal sees one of five errors with a sentence for the seller, and no key anywhere."""
    caplog.set_level(logging.DEBUG)
    await shop.order(fault, times=0, operation="orders")

    with pytest.raises(error) as caught:
        await first_page(shop)

    assert sentence in caught.value.seller_message
    assert type(caught.value) is error
    shown = f"{caught.value!r} {caught.value} {caught.value.detail} {caught.value.words} {caught.value.__dict__} {caplog.text}"
    assert shop.keys.api_secret not in shown
    assert shop.keys.api_key not in shown


async def test_an_answer_that_never_comes_is_an_outage(shop: Sandboxed) -> None:
    await shop.order(Fault.TIMEOUT, times=0, seconds=0.5)

    with pytest.raises(Unreachable) as caught:
        await first_page(shop, timeout_s="0.1")

    assert caught.value.reason == "timeout"
    assert len(await shop.calls()) == 3


async def test_a_bot_filter_is_no_refusal_of_the_keys(shop: Sandboxed) -> None:
    await shop.order(Fault.BOT_FILTER, times=0)

    with pytest.raises(Unreachable) as caught:
        await first_page(shop)

    assert caught.value.blocked


async def test_a_short_outage_is_waited_out_with_fresh_signatures(shop: Sandboxed) -> None:
    """Meesho takes each nonce once, so a repeated call must not be the same request again."""
    await shop.order(Fault.OUTAGE)
    await shop.order(Fault.RESET)

    await first_page(shop)

    assert await shop.calls() == ["orders"] * 3


@pytest.mark.parametrize(("wrong", "field"), [("api_key", "api_key"), ("api_secret", "api_secret")])
async def test_a_wrong_key_is_believed_at_the_second_refusal(shop: Sandboxed, wrong: str, field: str) -> None:
    """One refusal may be an accident. Meesho repeats the wrong key in its words; ours do not."""
    keys = replace(shop.keys, **{wrong: "typed-with-a-mistake"})

    async with shop.client(keys=keys) as client:
        with pytest.raises(KeysRejected) as caught:
            await client.supplier()

    assert caught.value.field == field
    assert await shop.calls() == ["supplier"] * 2
    assert "typed-with-a-mistake" not in f"{caught.value} {caught.value.words} {caught.value.__dict__}"
    assert caught.value.request_id


async def test_a_single_refusal_is_repeated_and_forgotten(shop: Sandboxed) -> None:
    await shop.order(Fault.REVOKED, times=1)

    await first_page(shop)

    assert await shop.calls() == ["orders"] * 2


async def test_a_shop_that_is_not_enabled_is_told_about_the_two_days(shop: Sandboxed) -> None:
    async with shop.client(keys=replace(shop.keys, supplier_identifier="other")) as client:
        with pytest.raises(NotAllowed) as caught:
            await client.supplier()

    assert "48 hours" in caught.value.seller_message
    assert caught.value.reason == "SUPPLIER_NOT_ENABLED"


@pytest.mark.parametrize("seconds", [900.0, -900.0])
async def test_another_clock_is_adopted_and_the_call_repeated_once(shop: Sandboxed, seconds: float) -> None:
    """A refused timestamp is never a refused key. From then on every call of this conversation goes by Meesho's clock."""
    told: list[str] = []

    async def note(words: str) -> None:
        told.append(words)

    await shop.order(Fault.CLOCK_SKEW, seconds=seconds)
    async with shop.adapter() as adapter:
        pages = [page async for page in adapter.sync_orders(shop.context(note=note))]

    assert len(await shop.calls()) == len(pages) + 1
    assert told == ["Our clock and Meesho's differ by 15 min. We go by Meesho's."]


async def test_a_clock_that_runs_away_is_our_fault_and_tried_again_later() -> None:
    """Refused twice for the time: an Unreachable that speaks of clocks, not of keys."""

    def answer(request: httpx.Request) -> httpx.Response:
        error = {"error": {"code": "TIMESTAMP_OUT_OF_RANGE", "message": "late", "details": []}, "request_id": "r"}
        return httpx.Response(401, json=error, headers={"date": "Fri, 20 Nov 2020 06:30:00 GMT"})

    outside = Outside(settings={"URL": "https://meesho.test"}, transport=httpx.MockTransport(answer))
    sandboxed = Sandboxed(base="")
    async with open_meesho(outside, ACCOUNT, sandboxed.keys) as adapter:
        with pytest.raises(Unreachable) as caught:
            await adapter.validate(sandboxed.context())

    assert "clock" in caught.value.seller_message
    assert "Your details are not the cause" in caught.value.seller_message


async def test_the_wait_that_meesho_asks_for_is_kept(shop: Sandboxed) -> None:
    """Retry-After decides when to go on, and a throttled call is not repeated at once."""
    await shop.order(Fault.SLOW_DOWN, times=0, seconds=120)

    with pytest.raises(Throttled) as caught:
        await first_page(shop)

    assert 100 < (caught.value.retry_at - clock.now()).total_seconds() <= 121
    assert await shop.calls() == ["orders"]


async def test_a_prefix_in_the_address_is_signed_as_sent(shop: Sandboxed) -> None:
    """The path that is signed is the path that is sent, also below a prefix."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(200, json={"data": [], "cursor": None})

    outside = Outside(settings={"URL": "https://meesho.test/gateway/"}, transport=httpx.MockTransport(answer))
    async with open_meesho(outside, ACCOUNT, shop.keys) as adapter:
        assert [page.facts async for page in adapter.sync_orders(shop.context())] == [()]

    assert seen == ["/gateway/v2/orders"]


async def test_without_an_address_the_operator_is_told(shop: Sandboxed) -> None:
    with pytest.raises(Misconfigured) as caught:
        async with open_meesho(Outside(), ACCOUNT, shop.keys):
            pass

    assert "PORTAL_MEESHO_URL" in caught.value.hint


@pytest.mark.parametrize("written", ["soon", "0", "nan", "1e9"])
async def test_a_strange_time_out_is_the_operators_mistake(shop: Sandboxed, written: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        await first_page(shop, timeout_s=written)

    assert "PORTAL_MEESHO_TIMEOUT_S" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, "KEY_EXPIRED", KeysRejected),
        (403, "SUPPLIER_NOT_ENABLED", NotAllowed),
        (403, "SOMETHING_ELSE", NotAllowed),
        (409, "INVALID_STATE", WireChanged),
        (422, "VALIDATION_FAILED", WireChanged),
        (404, "", WireChanged),
        (302, "", Unreachable),
    ],
)
async def test_other_refusals(status: int, code: str, error: type[MarketplaceError]) -> None:
    body = b'{"error":{"code":"%s","message":"words"},"request_id":"r"}' % code.encode() if code else b"{}"

    raised = refusals.error(refusals.read(status, "application/json", body), what="orders")

    assert type(raised) is error
    assert raised.seller_message
