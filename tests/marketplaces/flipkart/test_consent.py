"""Signing in with Flipkart: the page where a seller presses Allow, and what comes of it."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from portal import clock
from portal.errors import Misconfigured
from portal.marketplaces.errors import KeysRejected
from portal.marketplaces.flipkart.client import consent_address, keys_for_code
from portal.marketplaces.flipkart.keys import FlipkartThirdPartyKeys
from portal.marketplaces.flipkart.sandbox.credentials import Gate, Refused
from portal.marketplaces.sandbox import Shop
from tests.marketplaces.flipkart.shops import Bazaar, bazaar, kept, pages_of

pytestmark = pytest.mark.anyio

BACK = "https://portal.example.in/oauth/flipkart/return"
SMALL = Shop(orders=12, returns=6, listings=8)


async def press(place: Bazaar, button: str, *, state: str = "s-1") -> dict[str, str]:
    """What the browser brings back after the seller has pressed a button, read from the page as a browser would."""
    address = consent_address(place.outside().settings, redirect_uri=BACK, state=state)
    page = await place.side.get(address)
    assert page.status_code == 200
    form = dict(re.findall(r'name="([^"]+)" value="([^"]*)">\n', page.text))
    buttons = dict(re.findall(r'<button name="decision" value="([^"]+)">([^<]+)', page.text))
    value = next(value for value, label in buttons.items() if label == button)
    answer = await place.side.post(address, data={**form, "decision": value})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{BACK}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def test_allow_leads_to_keys_that_read_everything() -> None:
    async with bazaar(SMALL) as place:
        back = await press(place, "Allow", state="s-42")
        assert back["state"] == "s-42"
        keys = await keys_for_code(place.outside(), code=back["code"], state=back["state"], redirect_uri=BACK)
        async with place.adapter(keys) as adapter:
            found = await adapter.validate(place.ctx())
            assert kept("orders", await pages_of(adapter, "orders", place.ctx())) == await place.ledger("orders")
    assert found.external_account_id.startswith("sandbox-seller-")
    assert found.expires_at is not None
    assert timedelta(days=179) < found.expires_at - clock.now() <= timedelta(days=180)


def test_the_consent_address_needs_no_secret() -> None:
    """The web process sends the seller away; the application's secret is in the worker's environment only."""
    address = consent_address({"APP_ID": "our-application", "URL": "https://flipkart.test"}, redirect_uri=BACK, state="s&1")
    assert address.startswith("https://flipkart.test/oauth-service/oauth/authorize?")
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert query == {"client_id": "our-application", "redirect_uri": BACK, "response_type": "code", "scope": "Seller_Api", "state": "s&1"}
    with pytest.raises(Misconfigured):
        consent_address({}, redirect_uri=BACK, state="s")


async def test_deny_brings_no_code() -> None:
    async with bazaar(SMALL) as place:
        back = await press(place, "Deny")
    assert back["error"] == "access_denied"
    assert "code" not in back


async def test_a_code_works_once_and_only_for_its_address() -> None:
    async with bazaar(SMALL) as place:
        outside = place.outside()
        code = (await press(place, "Allow"))["code"]
        with pytest.raises(KeysRejected):
            await keys_for_code(outside, code=code, state="s", redirect_uri="https://elsewhere.example.in/")
        code = (await press(place, "Allow"))["code"]
        await keys_for_code(outside, code=code, state="s", redirect_uri=BACK)
        with pytest.raises(KeysRejected) as caught:
            await keys_for_code(outside, code=code, state="s", redirect_uri=BACK)
    assert "five minutes" in caught.value.seller_message
    assert code not in str(caught.value)


def test_a_code_dies_after_five_minutes() -> None:
    """By the real clock, as everything with a lifetime."""
    gate = Gate(SMALL)
    code = gate.new_code(BACK)
    with clock.stopped_at(clock.now() + timedelta(minutes=4)):
        assert gate.use_code(code, BACK)
    late = gate.new_code(BACK)
    with clock.stopped_at(clock.now() + timedelta(minutes=6)), pytest.raises(Refused):
        gate.use_code(late, BACK)


async def test_a_dead_renewal_token_asks_the_seller_not_the_operator() -> None:
    async with bazaar(SMALL) as place, place.adapter(FlipkartThirdPartyKeys(refresh_token="sandbox-refresh-unknown")) as adapter:
        with pytest.raises(KeysRejected) as caught:
            await adapter.validate(place.ctx())
    assert caught.value.whose == "seller"
    assert caught.value.field == "refresh_token"
    assert "press Allow" in caught.value.seller_message
    assert "sandbox-refresh-unknown" not in str(caught.value)


async def test_a_wrong_operators_secret_is_the_operators_matter() -> None:
    async with bazaar(SMALL) as place:
        keys = FlipkartThirdPartyKeys(refresh_token="sandbox-refresh-unknown")
        async with place.adapter(keys, APP_SECRET="sandbox-wrong") as adapter:
            with pytest.raises(KeysRejected) as caught:
                await adapter.validate(place.ctx())
    assert caught.value.whose == "operator"


async def test_the_page_takes_no_other_application_and_no_odd_address() -> None:
    async with bazaar(SMALL) as place:
        good = {
            "client_id": "sandbox-operator-application",
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "Seller_Api",
            "state": "s",
        }
        for wrong in ({"client_id": "other"}, {"redirect_uri": "javascript:alert(1)"}, {"response_type": "token"}, {"scope": "All"}):
            answer = await place.side.get("/oauth-service/oauth/authorize", params={**good, **wrong})
            assert answer.status_code == 400
        shown = await place.side.get("/oauth-service/oauth/authorize", params={**good, "state": '"><script>alert(1)</script>'})
        assert "<script" not in shown.text
