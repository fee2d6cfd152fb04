"""What must not get out does not: not to another account, not into a log, an address, an exception or a repr."""

import asyncio
import logging
import traceback

import httpx
import pytest

from portal.marketplaces.contract import Marketplace, ScheduleTarget
from portal.marketplaces.errors import KeysRejected, MarketplaceError
from portal.marketplaces.http import LocalBudget, Tokens
from portal.marketplaces.sandbox import Fault, Shop
from tests.contract.kept import kept
from tests.contract.stalls import DOORS, Stall, stall

pytestmark = pytest.mark.anyio

every_marketplace = pytest.mark.parametrize("place", DOORS)

ASHA, CHITRA = Shop(seed=5, orders=60, returns=6, payouts=3, listings=20), Shop(seed=6, orders=60, returns=6, payouts=3, listings=20)
REPLACED = {
    # the secret that a shop's seller replaces, and with what: none of it opens the sandbox
    "refresh_token": "Atzr|the-token-of-another-permission",
    "app_secret": "the-secret-of-another-application",
    "api_secret": "the-secret-of-another-key-pair",
    "api_password": "the-password-before-its-reset",
    "session_cookies": "_abck=a; bm_sv=b; vms_session=the-session-of-yesterday",
}
SHORTEST = 16
"""No pass is shorter; shorter words may be in anything."""


def carried(requests: list[httpx.Request]) -> str:
    """Everything these requests told, as one text."""
    parts = [f"{one.url} {one.content.decode('latin-1')} " + " ".join(one.headers.values()) for one in requests]
    return "\n".join(parts)


def passes(s: Stall) -> set[str]:
    """The short-lived passes of this account: words of its own key file, or of an answer to it, that its later headers repeat."""
    headers = " ".join(value for one in s.tap.requests for value in one.headers.values())
    words = {word for answer in s.tap.answers for word in _words(answer)} | set(s.secrets)
    return {word for word in words if word in headers} | set(s.secrets)


def _words(answer: httpx.Response) -> set[str]:
    cut = answer.text.replace("\\", '"').split('"')
    return {word for word in cut if len(word) >= SHORTEST and " " not in word and not word[0].isspace()}


@every_marketplace
async def test_two_accounts_side_by_side_never_carry_each_others_keys(place: Marketplace) -> None:
    tokens, budget = Tokens(), LocalBudget()
    async with (
        stall(place, ASHA, number=1, tokens=tokens, budget=budget) as asha,
        stall(place, CHITRA, number=2, tokens=tokens, budget=budget) as chitra,
    ):
        await asyncio.gather(asha.read(ScheduleTarget.ORDERS), chitra.read(ScheduleTarget.ORDERS))
        for mine, theirs in ((asha, chitra), (chitra, asha)):
            assert kept(ScheduleTarget.ORDERS, await mine.read(ScheduleTarget.ORDERS)).keys() == {
                row["external_order_id"] for row in (await mine.ledger())["orders"]
            }
            foreign = passes(theirs) - passes(mine)
            assert foreign >= set(theirs.secrets), "the accounts must differ for this to prove anything"
            told = carried(mine.tap.requests)
            assert [word for word in foreign if word in told] == []


@every_marketplace
async def test_replaced_keys_meet_no_pass_of_the_old_ones(place: Marketplace) -> None:
    """In the very process that still held one: the first call goes by the new keys alone, and these are refused here."""
    async with stall(place, ASHA) as s:
        await s.read(ScheduleTarget.ORDERS)
        old = passes(s) - set(s.secrets)
        # What a fifth marketplace's seller replaces is the secret of its form.
        changed, new = next(((name, REPLACED[name]) for name in REPLACED if s.values.get(name)), (s.secret_name, "a-key-of-another-shop"))
        s.tap.requests.clear()
        async with s.open(s.keys(**{changed: new})) as adapter:
            with pytest.raises(KeysRejected):
                [page async for page in adapter.sync_orders(s.ctx())]
        assert s.tap.requests, "they were tried"
        told = carried(s.tap.requests)
        assert [word for word in {*old, s.values[changed]} if word in told] == []


@every_marketplace
async def test_no_secret_shows_in_a_log_an_exception_an_address_or_a_repr(place: Marketplace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = ""
    async with stall(place, ASHA) as s:
        async with s.open() as adapter:
            shown += repr(adapter) + repr(await adapter.validate(s.ctx()))
        for fault in (Fault.REVOKED, Fault.EXPIRED_TOKEN, Fault.FORBIDDEN, Fault.CHANGED, Fault.TRUNCATED, Fault.RESET, Fault.BOT_FILTER):
            await s.order(fault)
            try:
                await s.read(ScheduleTarget.ORDERS)
            except MarketplaceError as error:
                shown += "".join(traceback.format_exception(error)) + repr(vars(error))
            await s.clear()
        shown += repr(s.calls) + repr(s.keys()) + repr(s.tokens) + repr(vars(s.tokens))
        secrets = passes(s)
    shown += caplog.text + "".join(repr(record.__dict__) for record in caplog.records)
    assert secrets >= set(s.secrets)
    assert [secret[:4] for secret in secrets if secret in shown] == []


@every_marketplace
async def test_a_set_aside_row_names_no_buyer(place: Marketplace) -> None:
    async with stall(place, ASHA) as s:
        for target in await s.targets():
            buyers = [fact.buyer for page in await s.read(target) for fact in page.facts if getattr(fact, "buyer", None)]
            personal = {value for one in buyers for value in (one.name, one.phone, one.email, one.address) if len(value) > 4}
            await s.order(Fault.UNREADABLE_ROW, times=1)
            aside = repr([row for page in await s.read(target) for row in page.set_aside])
            await s.clear()
            assert [value for value in personal if value in aside] == [], target
