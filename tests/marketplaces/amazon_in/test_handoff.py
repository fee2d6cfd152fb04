"""The operator's public application: where sellers are sent, what comes back, and what the exchange can answer."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.errors import Misconfigured
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.adapter import open_amazon
from portal.marketplaces.amazon_in.handoff import AmazonHandoff
from portal.marketplaces.amazon_in.keys import PublicAppKeys
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import KeysRejected, NotAllowed, Unreachable
from portal.marketplaces.handoff import Brought, Granted
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.amazon_in.bench import ACCOUNT, Bench, running

pytestmark = pytest.mark.anyio

HANDOFF = AmazonHandoff()
BACK = "https://portal.example.in/oauth/amazon/return"
SMALL = Shop(orders=5, listings=5, returns=1)


async def allowed(bench: Bench) -> Granted:
    """What a seller who pressed Confirm brings back."""
    address = HANDOFF.consent_address(bench.settings, redirect_uri=BACK, state="s-1")
    page = await bench.http.get(address)
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    answer = await bench.http.post(address, data={**hidden, "decision": "allow"})
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert query["state"] == "s-1"
    brought = HANDOFF.brought(query)
    return Granted(code=brought.code, state=query["state"], redirect_uri=BACK, shop=brought.shop)


def test_the_consent_address_is_the_documented_one_and_needs_no_secret() -> None:
    address = HANDOFF.consent_address({"APP_ID": "amzn1.sp.solution.x"}, redirect_uri=BACK, state="s&1")
    assert address.startswith("https://sellercentral.amazon.in/apps/authorize/consent?")
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert query == {"application_id": "amzn1.sp.solution.x", "redirect_uri": BACK, "state": "s&1"}
    draft = HANDOFF.consent_address({"APP_ID": "x", "APP_DRAFT": "true"}, redirect_uri=BACK, state="s")
    assert draft.endswith("&version=beta")
    assert not HANDOFF.is_set_up({})
    with pytest.raises(Misconfigured):
        HANDOFF.consent_address({}, redirect_uri=BACK, state="s")


def test_what_her_browser_brings() -> None:
    told = HANDOFF.brought({"spapi_oauth_code": "ANc", "selling_partner_id": "A1", "state": "s", "mws_auth_token": "ignored"})
    assert told == Brought(code="ANc", shop="A1")
    assert HANDOFF.brought({"error": "access_denied", "state": "s"}).code == ""
    assert "ANc" not in repr(told)
    assert "ANc" not in repr(Granted(code="ANc", state="s", redirect_uri=BACK))


async def test_a_code_becomes_keys_that_read_the_shop_once() -> None:
    async with running(SMALL) as bench:
        granted = await allowed(bench)
        keys = await HANDOFF.keys_for(bench.outside, granted)
        assert "refresh_token" not in repr(keys)
        async with open_amazon(bench.outside, ACCOUNT, keys) as adapter:
            found = await adapter.validate(bench.ctx())
        assert found.external_account_id == granted.shop == keys.selling_partner_id
        with pytest.raises(KeysRejected) as again:
            await HANDOFF.keys_for(bench.outside, granted)
    assert (again.value.reason, again.value.whose) == ("invalid_grant", "seller")
    assert granted.code not in f"{again.value} {again.value.words} {again.value.seller_message}"


@pytest.mark.parametrize("changed", [{"redirect_uri": "https://elsewhere.example.in/"}, {"code": "made-up"}])
async def test_a_code_is_good_for_its_address_alone(changed: dict[str, str]) -> None:
    async with running(SMALL) as bench:
        granted = await allowed(bench)
        with pytest.raises(KeysRejected, match="invalid_grant"):
            await HANDOFF.keys_for(
                bench.outside, Granted(**{"code": granted.code, "state": "s", "redirect_uri": BACK, "shop": granted.shop, **changed})
            )


async def test_the_shop_in_the_address_is_proven_not_believed() -> None:
    """Anybody can change an address. Listings of another shop do not open with these keys."""
    async with running(SMALL) as bench:
        granted = await allowed(bench)
        keys = await HANDOFF.keys_for(bench.outside, Granted(code=granted.code, state="s", redirect_uri=BACK, shop="ASOMEBODYELSE1"))
        async with open_amazon(bench.outside, ACCOUNT, keys) as adapter:
            with pytest.raises((NotAllowed, KeysRejected)) as refused:
                await adapter.validate(bench.ctx())
    assert "Connect again" in refused.value.seller_message
    with pytest.raises(KeysRejected, match="no_seller"):
        await HANDOFF.keys_for(Outside(), Granted(code="c", state="s", redirect_uri=BACK))


async def test_an_exchange_is_asked_once() -> None:
    async with running(SMALL) as bench:
        granted = await allowed(bench)
        await bench.order_fault(Fault.OUTAGE, operation="signIn", times=0)
        with pytest.raises(Unreachable):
            await HANDOFF.keys_for(bench.outside, granted)
        assert (await bench.calls()).count("signIn") == 1


async def test_whose_refusal_it_is() -> None:
    """A withdrawn permission is the seller's matter, the application's own secret the operator's."""
    account = AccountRef(id=ACCOUNT.id, seller_id=ACCOUNT.seller_id, code=MARKETPLACE.code, external_account_id="A1", name="x")
    async with running(SMALL) as bench:
        granted = await allowed(bench)
        keys = await HANDOFF.keys_for(bench.outside, granted)
        wrong = Outside(settings={**bench.settings, "CLIENT_SECRET": "wrong-operator-secret"}, allow_private=True)
        async with open_amazon(wrong, account, keys) as adapter:
            with pytest.raises(KeysRejected) as operators:
                await adapter.validate(bench.ctx())
        gone = PublicAppKeys(selling_partner_id=granted.shop, refresh_token="Atzr|sandbox-granted-withdrawn")
        async with open_amazon(bench.outside, account, gone) as adapter:
            with pytest.raises(KeysRejected) as sellers:
                await adapter.validate(bench.ctx())
        with pytest.raises(KeysRejected) as exchange:
            await HANDOFF.keys_for(wrong, await allowed(bench))
    assert [one.value.whose for one in (operators, sellers, exchange)] == ["operator", "seller", "operator"]
    assert "Connect again and press Confirm" in sellers.value.seller_message
    assert sellers.value.field is None, "there is no box she could correct"
    assert "wrong-operator-secret" not in f"{operators.value} {exchange.value}"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/apps/authorize/confirm/x",
        "https://sellercentral.amazon.in.evil.example/x",
        "http://sellercentral.amazon.in/x",
        "https://sellercentral.amazon.in:8443/x",
        "https://sellercentral.amazon.in@evil.example/x",
        "https://evil.example\\@sellercentral.amazon.in/x",
        "https://[sellercentral.amazon.in/x",
        "javascript:alert(1)//sellercentral.amazon.in",
        "//evil.example/x",
        "",
    ],
)
def test_an_invitation_leads_to_seller_central_alone(address: str) -> None:
    query = {"amazon_callback_uri": address, "amazon_state": "s", "selling_partner_id": "A1"}
    assert HANDOFF.arrival({}, query) is None
    assert HANDOFF.arrival({"CONSENT_URL": "http://127.0.0.1:8100/amazon/apps/authorize/consent"}, query) is None


def test_an_invitation_is_answered_with_what_it_came_with() -> None:
    query = {
        "amazon_callback_uri": "https://sellercentral.amazon.in/apps/authorize/confirm/amzn1.sp.solution.x",
        "amazon_state": "a&b",
        "selling_partner_id": "A1",
    }
    arrival = HANDOFF.arrival({}, query)
    assert arrival is not None
    assert arrival.shop == "A1"
    onward = urlsplit(arrival.onward(redirect_uri=BACK, state="ours"))
    assert f"{onward.scheme}://{onward.netloc}{onward.path}" == query["amazon_callback_uri"]
    assert parse_qs(onward.query) == {"amazon_state": ["a&b"], "redirect_uri": [BACK], "state": ["ours"]}
    assert HANDOFF.arrival({}, {**query, "amazon_state": ""}) is None
