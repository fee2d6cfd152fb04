"""Sign-in and faults: every mishap has one name and a sentence, and no secret gets out on the way."""

import asyncio
import logging
import traceback
from datetime import timedelta

import httpx
import pytest

from portal import clock
from portal.errors import Misconfigured
from portal.marketplaces.errors import KeysRejected, MarketplaceError, NotAllowed, Throttled, Unreachable, WireChanged
from portal.marketplaces.flipkart.application import Application, application_of
from portal.marketplaces.flipkart.client import FlipkartClient, base_of
from portal.marketplaces.flipkart.keys import FlipkartSelfAccessKeys, FlipkartThirdPartyKeys
from portal.marketplaces.flipkart.wire.refusals import read_refusal
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.flipkart.shops import ACCOUNT, Bazaar, Recording, bazaar, pages_of

pytestmark = pytest.mark.anyio

SMALL = Shop(orders=12, returns=6, listings=8)
READS = ("orders", "returns", "listings")
FAULTS: tuple[tuple[Fault, type[MarketplaceError], str], ...] = (
    # ordered fault, its one name, what the sentence must say
    (Fault.REVOKED, KeysRejected, "secret"),
    (Fault.FORBIDDEN, NotAllowed, "does not share"),
    (Fault.SLOW_DOWN, Throttled, "slow down"),
    (Fault.OUTAGE, Unreachable, "not answering"),
    (Fault.RESET, Unreachable, "not answering"),
    (Fault.EMPTY, Unreachable, "not answering"),
    (Fault.LOGIN_PAGE, Unreachable, "not answering"),
    (Fault.BOT_FILTER, Unreachable, "blocking our server"),
    (Fault.TRUNCATED, WireChanged, "cannot read"),
    (Fault.CHANGED, WireChanged, "cannot read"),
)
OPERATIONS = {
    "orders": ("token", "shipments.search", "shipments.of_orders", "shipments.details"),
    "returns": ("token", "returns.search"),
    "listings": ("token", "listings.search", "listings.read"),
}
PLACES = [(kind, operation) for kind, operations in OPERATIONS.items() for operation in operations]


@pytest.mark.parametrize(("fault", "error", "words"), FAULTS, ids=[str(fault) for fault, _, _ in FAULTS])
async def test_every_fault_has_one_name_wherever_it_strikes(fault: Fault, error: type[MarketplaceError], words: str) -> None:
    async with bazaar(SMALL) as place:
        for kind, operation in PLACES:
            if fault is Fault.REVOKED and operation != "token":
                continue  # a refused pass is another story, told below
            await place.side.post("/_sandbox/faults/clear")
            await place.order(fault, times=0, operation=operation)
            place.tokens.drop(_pass_of(place))
            async with place.adapter() as adapter:
                with pytest.raises(error) as caught:
                    await pages_of(adapter, kind, place.ctx())
            assert type(caught.value) is error, operation
            assert words in caught.value.seller_message
            assert caught.value.marketplace == "Flipkart"


def _pass_of(place: Bazaar) -> str:
    return f"{ACCOUNT.id}:{application_of(place.keys(), {}).fingerprint}"


async def test_a_bot_filter_is_no_refusal_of_keys() -> None:
    async with bazaar(SMALL) as place, place.adapter() as adapter:
        await place.order(Fault.BOT_FILTER, times=0)
        with pytest.raises(Unreachable) as caught:
            await pages_of(adapter, "orders", place.ctx())
    assert caught.value.blocked


async def test_an_answer_that_never_comes_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.marketplaces.flipkart.client.calls.TIMEOUT_S", 0.15)
    async with bazaar(SMALL) as place, place.adapter() as adapter:
        await place.order(Fault.TIMEOUT, times=0, seconds=2.0)
        with pytest.raises(Unreachable) as caught:
            await pages_of(adapter, "returns", place.ctx())
    assert caught.value.reason == "timeout"


async def test_a_named_pause_is_kept() -> None:
    """Flipkart documents no Retry-After; should one come, it decides."""
    async with bazaar(SMALL) as place, place.adapter() as adapter:
        await place.order(Fault.SLOW_DOWN, seconds=77)
        with pytest.raises(Throttled) as caught:
            await pages_of(adapter, "orders", place.ctx())
    assert timedelta(seconds=60) < caught.value.retry_at - clock.now() <= timedelta(seconds=77)


async def test_a_passing_outage_is_not_noticed() -> None:
    async with bazaar(SMALL) as place, place.adapter() as adapter:
        await place.order(Fault.OUTAGE, times=1, operation="returns.search")
        pages = await pages_of(adapter, "returns", place.ctx())
    assert pages[-1].watermark


async def test_one_pass_serves_all_calls_and_all_conversations() -> None:
    async with bazaar(SMALL) as place:
        async with place.adapter() as one, place.adapter() as other:
            await asyncio.gather(*(pages_of(adapter, kind, place.ctx()) for adapter in (one, other) for kind in READS))
        assert (await place.calls()).count("token") == 1


async def test_an_expired_pass_is_renewed_once_and_the_run_goes_on() -> None:
    async with bazaar(SMALL) as place, place.adapter() as adapter:
        await pages_of(adapter, "orders", place.ctx())
        await place.order(Fault.EXPIRED_TOKEN, times=0, operation="shipments.details")
        pages = await pages_of(adapter, "orders", place.ctx())
        assert pages[-1].watermark
        assert (await place.calls()).count("token") == 2


async def test_a_refused_fresh_pass_ends_it_after_the_second_refusal() -> None:
    """401 to a pass that was fetched a moment ago is definite: no third try."""
    async with bazaar(SMALL) as place, place.adapter() as adapter:
        await place.order(Fault.REVOKED, times=0, operation="returns.search")
        with pytest.raises(KeysRejected) as caught:
            await pages_of(adapter, "returns", place.ctx())
        calls = await place.calls()
    assert calls == ["token", "returns.search", "token", "returns.search"]
    assert caught.value.reason == "invalid_token"
    assert caught.value.whose == "seller"


async def test_one_refusal_of_the_exchange_is_not_definite() -> None:
    """The exchange is repeated once before anybody is asked to reconnect."""
    async with bazaar(SMALL) as place, place.adapter() as adapter:
        await place.order(Fault.REVOKED, times=1, operation="token")
        assert (await adapter.validate(place.ctx())).external_account_id
        assert (await place.calls())[:2] == ["token", "token"]


@pytest.mark.parametrize(
    ("app_id", "app_secret", "field", "words"),
    [
        ("sandbox-app-nobody-knows", None, "app_id", "no application with this ID"),
        (None, "sandbox-secret-not-this-one", "app_secret", "secret"),
    ],
)
async def test_the_refused_field_is_named(app_id: str | None, app_secret: str | None, field: str, words: str) -> None:
    async with bazaar(SMALL) as place:
        keys = place.keys()
        wrong = FlipkartSelfAccessKeys(app_id=app_id or keys.app_id, app_secret=app_secret or keys.app_secret)
        async with place.adapter(wrong) as adapter:
            with pytest.raises(KeysRejected) as caught:
                await adapter.validate(place.ctx())
        assert (await place.calls()) == ["token", "token"]
    assert caught.value.field == field
    assert words in caught.value.seller_message
    assert wrong.app_id not in str(caught.value)


async def test_a_replaced_secret_never_meets_an_old_pass() -> None:
    async with bazaar(SMALL) as place:
        async with place.adapter() as adapter:
            await pages_of(adapter, "returns", place.ctx())
        wrong = FlipkartSelfAccessKeys(app_id=place.keys().app_id, app_secret="sandbox-secret-not-this-one")
        async with place.adapter(wrong) as adapter:
            with pytest.raises(KeysRejected):
                await pages_of(adapter, "returns", place.ctx())


async def test_no_secret_leaves_through_errors_reprs_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    """Flipkart repeats the pass it refuses and the id it does not know; none of it goes further."""
    caplog.set_level(logging.DEBUG)
    recording = Recording()
    told: list[str] = []
    async with bazaar(SMALL, transport=recording) as place:
        keys = place.keys()
        for fault, _, _ in FAULTS:
            for operation in ("token", "shipments.search"):
                await place.side.post("/_sandbox/faults/clear")
                await place.order(fault, times=0, operation=operation)
                async with place.adapter() as adapter:
                    try:
                        await pages_of(adapter, "orders", place.ctx())
                    except MarketplaceError as error:
                        told += [str(error), repr(error), error.seller_message, error.words, *traceback.format_exception(error)]
        told += [repr(keys), repr(FlipkartThirdPartyKeys(refresh_token="the-renewal-token")), repr(application_of(keys, {}))]
        told += [repr(call) for call in place.seen]
    passes = {
        request.headers["authorization"].partition(" ")[2] for request, _ in recording.exchanges if "authorization" in request.headers
    }
    assert len(passes) >= 2
    text = "\n".join([*told, caplog.text])
    for secret in {keys.app_secret, "the-renewal-token", *passes}:
        assert secret not in text


async def test_a_page_address_that_leads_elsewhere_is_not_followed() -> None:
    """Our pass goes with every call, so an answer must not choose whom we call."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "flipkart.test"
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "pass", "expires_in": 3600})
        return httpx.Response(200, json={"hasMore": True, "nextPageUrl": "@elsewhere.test/v3/shipments/filter?x", "shipments": []})

    outside = Outside(settings={"URL": "https://flipkart.test"}, transport=httpx.MockTransport(answer))
    async with FlipkartClient(outside, ACCOUNT, FlipkartSelfAccessKeys(app_id="a" * 16, app_secret="s" * 16)) as client:
        for next_url in (
            "@elsewhere.test/v3/shipments/filter?x",
            "https://elsewhere.test/v3/shipments/filter?",
            "//elsewhere.test",
            "/v2/x",
        ):
            with pytest.raises(WireChanged):
                await client.next_shipments(next_url)


@pytest.mark.parametrize(
    ("status", "body", "content_type", "error"),
    [
        (500, b"DEPENDENT_SYSTEM_CALL_FAILED", "text/plain", Unreachable),
        (503, b"<html><h1>Gateway Time-out</h1></html>", "text/html", Unreachable),
        (599, b"", "text/plain", Unreachable),
        (499, b"connection timed out", "text/plain", Unreachable),
        (302, b"", "text/html", Unreachable),
        (200, b"<!DOCTYPE html><p>hello", "application/json", Unreachable),
        (404, b'{"errors":[{"code":"NOT_FOUND","description":"gone"}]}', "application/json", WireChanged),
        (422, b"INVALID_STATES", "text/plain", WireChanged),
    ],
)
async def test_statuses_and_bodies_of_all_shapes(status: int, body: bytes, content_type: str, error: type[MarketplaceError]) -> None:
    """Text, pages and nothing at all come with server faults; none of it needs to be JSON."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "pass", "expires_in": 3600})
        return httpx.Response(status, content=body, headers={"content-type": content_type})

    outside = Outside(settings={"URL": "https://flipkart.test", "RATE": "1000"}, transport=httpx.MockTransport(answer))
    async with FlipkartClient(outside, ACCOUNT, FlipkartSelfAccessKeys(app_id="a" * 16, app_secret="s" * 16)) as client:
        with pytest.raises(error) as caught:
            await client.listings(["A"])
    assert caught.value.http_status == (status if error is WireChanged else caught.value.http_status)


async def test_a_short_pass_is_renewed_before_it_ends() -> None:
    """Whatever life Flipkart gives a pass, it is counted from the answer, and ends a little early."""
    fetched = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal fetched
        if request.url.path.endswith("/token"):
            fetched += 1
            return httpx.Response(200, json={"access_token": f"pass-{fetched}", "expires_in": 3600})
        return httpx.Response(200, json={"available": {}})

    outside = Outside(settings={"RATE": "1000"}, transport=httpx.MockTransport(answer))
    async with FlipkartClient(outside, ACCOUNT, FlipkartSelfAccessKeys(app_id="a" * 16, app_secret="s" * 16)) as client:
        start = clock.now()
        for minutes, expected in ((0, 1), (50, 1), (54, 2)):
            with clock.stopped_at(start + timedelta(minutes=minutes)):
                await client.listings(["A"])
            assert fetched == expected


def test_the_real_host_is_the_default() -> None:
    assert base_of({}) == "https://api.flipkart.net"
    assert base_of({"URL": "http://127.0.0.1:1/flipkart/"}) == "http://127.0.0.1:1/flipkart"


def test_signing_in_with_flipkart_needs_the_operators_application() -> None:
    with pytest.raises(Misconfigured) as caught:
        application_of(FlipkartThirdPartyKeys(refresh_token="r"), {"APP_ID": "only half"})
    assert "PORTAL_FLIPKART_APP_SECRET" in caught.value.hint


@pytest.mark.parametrize(
    ("body", "whose", "field"),
    [
        (b'{"error":"unauthorized","error_description":"Bad credentials"}', "operator", None),
        (b'{"error":"unauthorized","error_description":"No client with requested id: x"}', "operator", None),
        (b'{"error":"invalid_grant","error_description":"Invalid refresh token: abc"}', "seller", "refresh_token"),
    ],
)
def test_a_refused_operators_application_marks_no_seller(body: bytes, whose: str, field: str | None) -> None:
    app = Application(app_id="operator", app_secret="s", refresh_token="abc", whose="operator")
    error = app.refused(read_refusal(body), 401)
    assert (error.whose, error.field) == (whose, field)
    assert "abc" not in str(error)
