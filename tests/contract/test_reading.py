"""Readings of every marketplace: whole, broken off anywhere, cut otherwise, repeated, and with something odd in them."""

from typing import Any

import pytest

from portal.marketplaces.contract import Marketplace, Page, ScheduleTarget
from portal.marketplaces.errors import NotAllowed
from portal.marketplaces.facts import LineKind, OrderStatus, PayoutFact, ReturnStatus
from portal.marketplaces.sandbox import Fault
from tests.contract.kept import ID, ids, kept
from tests.contract.stalls import DOORS, PANEL, Pages, Stall, stall

pytestmark = pytest.mark.anyio

every_marketplace = pytest.mark.parametrize("place", DOORS)

UNKNOWN = {"", OrderStatus.UNKNOWN.value, ReturnStatus.UNKNOWN.value, LineKind.UNMAPPED.value}
PAGED_BY_THE_CLIENT = {"FLIPKART"}
"""Where the page size is what we ask for: its own folder's tests turn that."""


@every_marketplace
async def test_a_complete_reading_ends_with_its_watermark_and_brings_the_ledger(place: Marketplace) -> None:
    async with stall(place) as s:
        ledger = await s.ledger()
        for target in await s.targets():
            pages = await s.read(target)
            assert [page.cursor is None for page in pages] == [False] * (len(pages) - 1) + [True], target
            assert pages[-1].watermark, target
            assert not any(page.cut or page.set_aside for page in pages), target
            rows = ledger[target.value.lower()]
            assert sorted(kept(target, pages)) == sorted({row[ID[target]] for row in rows}), target
            assert rows, f"the sandbox has no {target} to read"


@every_marketplace
async def test_a_reading_goes_on_after_any_page_in_another_process(place: Marketplace) -> None:
    """Without gap and without repeat: what follows a cursor is exactly what followed it in the unbroken reading."""
    async with stall(place) as s:
        for target in await s.targets():
            whole = await s.read(target)
            assert whole[-1].watermark, target
            assert len(whole) > 1 or target is not ScheduleTarget.ORDERS
            for place_in_line, page in enumerate(whole[:-1], start=1):
                rest = await s.read(target, cursor=page.cursor, known=_open_orders(target, whole[:place_in_line]))
                assert ids(target, rest) == ids(target, whole[place_in_line:]), (target, place_in_line)
                assert kept(target, [*whole[:place_in_line], *rest]) == kept(target, whole), (target, place_in_line)
                assert rest[-1].watermark == whole[-1].watermark, (target, place_in_line)


def _open_orders(target: ScheduleTarget, pages: Pages) -> list[str]:
    return ids(target, pages) if target is ScheduleTarget.ORDERS else []


@every_marketplace
async def test_a_reading_that_a_fault_breaks_off_goes_on_at_its_last_cursor(place: Marketplace) -> None:
    async with stall(place) as s:
        await s.read(ScheduleTarget.ORDERS)
        before = await s.served()
        whole = await s.read(ScheduleTarget.ORDERS)
        calls = await s.served() - before
        for after in (calls // 2, calls - 1):
            await s.order(Fault.FORBIDDEN, after=after)
            broken: Pages = []
            with pytest.raises(NotAllowed):
                await s.read(ScheduleTarget.ORDERS, into=broken)
            await s.clear()
            cursor = broken[-1].cursor if broken else None
            rest = await s.read(ScheduleTarget.ORDERS, cursor=cursor, known=ids(ScheduleTarget.ORDERS, broken))
            assert kept(ScheduleTarget.ORDERS, [*broken, *rest]) == kept(ScheduleTarget.ORDERS, whole), after


@every_marketplace
async def test_reading_twice_tells_the_same(place: Marketplace) -> None:
    async with stall(place) as s:
        for target in await s.targets():
            first, second = await s.read(target), await s.read(target)
            assert kept(target, first) == kept(target, second), target
            assert first[-1].watermark == second[-1].watermark, target


@every_marketplace
@pytest.mark.parametrize("rows", [7, pytest.param(1, marks=pytest.mark.soak)])
async def test_the_cut_of_pages_changes_nothing(place: Marketplace, rows: int) -> None:
    async with stall(place) as s:
        cut_somewhere = False
        for target in await s.targets():
            await s.page_at_most(0)
            whole = await s.read(target)
            await s.page_at_most(rows)
            pieces = await s.read(target)
            assert kept(target, pieces) == kept(target, whole), target
            cut_somewhere = cut_somewhere or len(pieces) > len(whole)
        assert cut_somewhere or place is PANEL or place.code in PAGED_BY_THE_CLIENT


@every_marketplace
async def test_an_unreadable_row_is_set_aside_and_the_rest_is_kept(place: Marketplace) -> None:
    met = set()
    async with stall(place) as s:
        for target in await s.targets():
            whole = kept(target, await s.read(target))
            found = await _with(s, Fault.UNREADABLE_ROW, target)
            if found is None:
                continue
            met.add(target)
            aside = [row for page in found for row in page.set_aside]
            assert len(aside) == 1, target
            assert aside[0].reason.strip(), target
            held = kept(target, found)
            assert held.keys() <= whole.keys(), target
            assert len([name for name in whole if held.get(name) != whole[name]]) <= 1, target
            assert not found[-1].cut, target
    assert ScheduleTarget.ORDERS in met


@every_marketplace
async def test_a_word_nobody_knows_survives(place: Marketplace) -> None:
    met = set()
    async with stall(place) as s:
        for target in await s.targets():
            whole = kept(target, await s.read(target))
            found = await _with(s, Fault.UNKNOWN_VALUE, target)
            if found is None:
                continue
            held = kept(target, found)
            assert held.keys() == whole.keys(), target
            assert not any(page.set_aside or page.cut for page in found), target
            odd = [name for name in whole if held[name] != whole[name]]
            assert len(odd) <= 1, target
            for name in odd:
                _is_kept_as_unknown(held[name], whole[name])
                met.add(target)
    assert ScheduleTarget.ORDERS in met


def _is_kept_as_unknown(odd: Any, usual: Any) -> None:
    if isinstance(odd, PayoutFact):
        assert odd.net_amount == usual.net_amount
        assert len(odd.lines) == len(usual.lines)
        return
    assert odd.raw_status, "the marketplace's own word is lost"
    assert odd.raw_status != usual.raw_status
    assert odd.status in UNKNOWN, "a word we do not know must not be taken for one we know"


@every_marketplace
async def test_the_same_page_for_ever_ends_the_run_with_a_reason(place: Marketplace) -> None:
    met = set()
    async with stall(place) as s:
        for target in await s.targets():
            found = await _with(s, Fault.REPEATED_PAGE, target, times=0)
            if found is None:
                continue
            met.add(target)
            assert found[-1].cut.endswith("."), target
            assert found[-1].cursor is None, target
            assert found[-1].watermark is None, "what was not read to its end must be read again"
    assert ScheduleTarget.ORDERS in met


async def _with(s: Stall, fault: Fault, target: ScheduleTarget, *, times: int = 1) -> list[Page[Any]] | None:
    """The reading that meets that fault; None where the wire of this target has no way to show it."""
    await s.order(fault, times=times)
    pages = await s.read(target)
    struck = await s.struck()
    await s.clear()
    return pages if fault in struck else None
