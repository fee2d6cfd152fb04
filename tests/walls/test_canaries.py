"""Known secrets and buyers go in at every marketplace's door, and come out nowhere: not kept in clear, not logged, not shown, not measured."""

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from portal import db, logs
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget, SyncContext
from portal.marketplaces.opening import Doorway
from portal.marketplaces.sandbox import Fault, Shop
from portal.people.service import open_session
from portal.postgres import Addresses
from portal.settings import Settings
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened
from tests.contract.desks import Desk, desk
from tests.contract.stalls import LIVE
from tests.workshop import everything_in

pytestmark = pytest.mark.anyio

SAMPLE = (Shop(seed=11, orders=12, returns=3, payouts=2, listings=6), (Fault.UNREADABLE_ROW, Fault.FORBIDDEN))
FULL = (Shop(seed=12, orders=400, returns=60, payouts=6, listings=60), tuple(fault for fault in Fault if fault is not Fault.TIMEOUT))
TARGETS = (ScheduleTarget.ORDERS, ScheduleTarget.RETURNS, ScheduleTarget.PAYOUTS, ScheduleTarget.LISTINGS)
PAGES = ("/home", "/orders", "/returns", "/payouts", "/listings", "/inventory", "/syncs", "/set-asides", "/accounts", "/status", "/metrics")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything the process logs, down to debugging."""
    text, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", text)
    logs.configure(Settings(log_json=True, log_level="DEBUG"), process="test")
    yield text
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


async def buyers(d: Desk, account: AccountRef, keys: object) -> set[str]:
    """Names, phones, addresses and mails of everybody who bought, as the marketplace tells them."""
    found: set[str] = set()
    async with Doorway(d.settings, transport=d.tap).opened(d.place, account, keys) as adapter:
        async for page in adapter.sync_orders(SyncContext(account=account, now=d.shop.now)):
            people = [fact.buyer for fact in page.facts if fact.buyer is not None]
            found |= {value for one in people for value in (one.name, one.phone, one.email, one.address) if len(value) > 5}
    return found


async def shown(app_url: str, d: Desk, keys: Vault) -> str:
    """Every page about what this seller has, each log to take away, the live stream and the figures."""
    async with db.transaction(d.seller_id) as held:
        runs = [row["id"] for row in await held.fetch("SELECT id FROM sync_runs WHERE finished_at IS NOT NULL")]
        accounts = [row["id"] for row in await held.fetch("SELECT id FROM marketplace_accounts")]
        orders = [row["id"] for row in await held.fetch("SELECT id FROM orders LIMIT 5")]
    paths = [*PAGES, *(f"/orders/{one}" for one in orders), *(f"/accounts/{one}{part}" for one in accounts for part in ("", "/timeline"))]
    paths += [f"/syncs/{one}{part}" for one in runs for part in ("", "/log", "/log.txt", "/log.jsonl", "/events")]
    async with opened(app_url, keys) as app:
        browser = Browser(app)
        browser.http.cookies.set(SESSION_COOKIE, await open_session(d.seller_id, d.user_id), domain="127.0.0.1")
        answers = [(path, await browser.get(path)) for path in paths]
    assert [(path, answer.status_code) for path, answer in answers if answer.status_code != 200] == []
    return "\n".join(f"{path} {answer.headers} {answer.text}" for path, answer in answers)


def processes() -> str:
    """The command line and environment of every process that we may look at."""
    told = []
    for one in Path("/proc").glob("[0-9]*"):
        for part in ("cmdline", "environ"):
            try:
                told.append((one / part).read_bytes().decode(errors="replace"))
            except OSError:
                continue  # it ended, or is somebody else's
    return "\n".join(told)


@pytest.mark.parametrize("place", LIVE, ids=lambda place: place.code)
@pytest.mark.parametrize(("shop", "faults"), [SAMPLE, pytest.param(*FULL, marks=pytest.mark.soak)], ids=["sample", "full"])
async def test_no_canary_comes_out(
    place: Marketplace, shop: Shop, faults: tuple[Fault, ...], connected: Addresses, keys: Vault, written: io.StringIO
) -> None:
    async with desk(place, shop, keys) as d:
        values = d.values
        method = place.method_of(values)
        secrets = {values[name] for name, field in method.fields().items() if field.secret and values.get(name)}
        account = await d.connect()
        await d.work()
        people = await buyers(d, account, method.keys(**{name: values[name] for name in method.fields() if name in values}))
        for target in (one for one in TARGETS if one in place.supported_targets):
            await d.sync(account, target)
        for fault in faults:
            await d.order(fault, times=1)
            await d.sync(account, ScheduleTarget.ORDERS)
            await d.clear()
            await _end_all(d)
        await d.check(account)
        pages = await shown(connected.web, d, keys)
        outside = {"pages": pages, "dump": await everything_in(connected), "/proc": processes(), "log": written.getvalue()}
    assert secrets
    assert "marketplace_call" in outside["log"]
    found = {(where, canary[:4]) for where, text in outside.items() for canary in secrets | people if canary in text}
    assert found == set()


async def _end_all(d: Desk) -> None:
    async with db.transaction(d.seller_id) as held:
        await held.execute("UPDATE sync_runs SET state = 'failed', finished_at = now() WHERE finished_at IS NULL")
        await held.execute("UPDATE marketplace_accounts SET needs_reconnect = false, state = 'active'")
