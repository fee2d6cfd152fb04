"""On a cheap phone far from the server and on a usual one, each page stands within its time."""

from collections.abc import AsyncIterator

import psutil  # type: ignore[import-untyped]
import pytest

from tests.bench.visit import SLOW, USUAL, Lab, Profile, lab, stood_ms

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.soak]

QUIET = 25.0
"""Percent of the processors that others may be using for a time to say anything about the pages."""


@pytest.fixture(scope="module")
async def here() -> AsyncIterator[Lab]:
    async with lab() as made:
        yield made


def others() -> float:
    """What share of the processors is at work while the portal is not, in percent."""
    return float(psutil.cpu_percent(interval=2))


@pytest.mark.parametrize("profile", [SLOW, USUAL], ids=lambda profile: profile.name)
async def test_each_page_stands_within_its_time(profile: Profile, here: Lab) -> None:
    """Skipped where pages are late and the machine has other things to do: an emulated processor is only as steady as the real one."""
    before, late = others(), []
    for name, path in here.pages.items():
        for kind, loads in (await here.visits(path, profile)).items():
            stood, most = stood_ms(loads), profile.most_ms(kind)
            if most and stood > most:
                late.append(f"{name}, {kind}: {stood:.0f} of {most} ms")
    if late and max(before, busy := others()) > QUIET:
        pytest.skip(f"the machine is busy ({before:.0f} %, then {busy:.0f} %), so these times say nothing: {late}")
    assert late == []
