"""Known secrets and buyers go in at every marketplace's door, and come out nowhere: not kept in clear, not logged, not queued, not shown."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog

from portal import logs
from portal.__main__ import main
from portal.jobs import queue_name
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import CODES
from portal.marketplaces.sandbox import Fault, Shop
from portal.postgres import Addresses, dumping
from portal.settings import Settings
from tests.connecting.consenting import SENDING
from tests.contract.stalls import LIVE
from tests.walls import journeys
from tests.walls.outlets import found_in, outlets
from tests.walls.town import Town, town

pytestmark = pytest.mark.anyio


class Size(NamedTuple):
    """How much of it. At `places` marketplaces a batch is processed and the keys are renewed; all pages are looked at for so many (`most`) of
    each kind of row. `hands` says whether a batch is carried to a panel and back as well.
    """

    shop: Shop
    faults: tuple[Fault, ...]
    places: int
    most: int
    hands: bool


SAMPLE = Size(Shop(seed=11, orders=12, returns=3, payouts=2, listings=6), (Fault.UNREADABLE_ROW,), places=1, most=3, hands=False)
FULL = Size(Shop(seed=12, orders=300, returns=60, payouts=6, listings=60), tuple(Fault), places=len(LIVE), most=200, hands=True)
TARGETS = (ScheduleTarget.RETURNS, ScheduleTarget.PAYOUTS, ScheduleTarget.LISTINGS)


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


@pytest.fixture
def rings(tmp_path: Path) -> Path:
    """With `seal`, `open` and `buyer-open`."""
    assert main(["keys", "generate", "--into", str(tmp_path / "keys")]) == 0
    return tmp_path / "keys"


def private_parts(rings: Path) -> set[str]:
    """Every private key, and the key of fingerprints, which stands with the public ones."""
    lines = [line.split() for name in ("open", "buyer-open", "seal") for line in (rings / name).read_text().splitlines()]
    public = {key for ring, _, key in (line.split() for line in (rings / "seal").read_text().splitlines()) if ring != "FINGERPRINTS"}
    return {key for _, _, key in lines} - public


async def live(one: Town, size: Size) -> set[str]:
    """All that a seller does, at all marketplaces. Answers what must not come out."""
    canaries = await journeys.second_step(one)
    shops = []
    for place in LIVE:
        account_id, brought = await journeys.connect(one, place)
        assert brought
        shops.append((place, account_id))
        canaries |= brought
    for place, account_id in shops:
        assert place.sandbox_keys is not None
        opened = place.opened_by(place.method_of(place.sandbox_keys(one.shop)))
        for target in TARGETS:
            if target in opened:
                await one.synced(account_id, target)
    for fault in size.faults:
        await one.goes_wrong(fault)
        await asyncio.gather(*(one.synced(account_id, ScheduleTarget.ORDERS) for _, account_id in shops))
        await one.well_again()
    for _, account_id in shops:
        await one.post(f"/accounts/{account_id}/check")
    for place, account_id in shops[: size.places]:
        if place.stages:
            await journeys.process(one, account_id)
        await journeys.reconnect(one, place, account_id)
    for place in SENDING:
        canaries |= await journeys.hand_off(one, place)
    if size.hands:
        await journeys.leave(one, next(account_id for place, account_id in shops if place.code == "AJIO"))
    setup, captured = await journeys.capture(one)
    canaries |= captured
    if size.hands:
        canaries |= await journeys.carry_by_hand(one, await one.confirmed(setup))
    await journeys.look_at_a_buyer(one)
    await journeys.invoice(one)
    await journeys.look_around(one, most=size.most)
    await journeys.take_away(one)
    return canaries


@pytest.mark.parametrize("size", [pytest.param(SAMPLE, id="sample"), pytest.param(FULL, marks=pytest.mark.soak, id="full")])
async def test_no_canary_comes_out(size: Size, own_database: Addresses, rings: Path, tmp_path: Path, written: io.StringIO) -> None:
    async with town(own_database, rings, tmp_path / "data", size.shop) as one:
        canaries = await live(one, size)
        backup = tmp_path / "portal.backup"
        await asyncio.to_thread(dumping.dump, own_database.owner, backup)
        told = await outlets(one, written.getvalue(), backup)
        passes = {one for one in one.callers.passes if len(one) >= journeys.LEAST}
        secrets = canaries | passes | private_parts(rings) | {one.asha.session}
        jobs = await one.owner.fetch("SELECT DISTINCT queue, convert_from(job, 'utf8') AS job FROM queue_so_far")
    assert found_in(told, secrets) == set()
    assert [where for where, text in told.items() if not text.strip()] == []
    assert "marketplace_call" in told["the worker's log"]
    assert {row["queue"] for row in jobs} >= {queue_name(code) for code in CODES}
    assert {name for row in jobs for name in json.loads(row["job"])["kwargs"]} <= {"run_id", "wizard_id", "account_id", "print_id", "by"}


def test_a_canary_is_seen_in_every_dress() -> None:
    """As it is, as bytes stand in a dump, in an address, in base64; and what is not there is not seen."""
    canary = "Farida & Söhne, 12/4"
    told = {
        "a page": f"<td>{canary}</td>",
        "a dump": f"\\x{canary.encode().hex()}",
        "an address": "?q=Farida%20%26%20S%C3%B6hne%2C%2012%2F4",
        "a header": "Basic RmFyaWRhICYgU8O2aG5lLCAxMi80",
    }
    assert {where for where, _ in found_in(told, {canary})} == told.keys()
    assert found_in(told, {"somebody else"}) == set()
