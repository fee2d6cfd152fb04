"""What is written as one string comes out of PostgreSQL as the same values."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal import db
from portal.arrays import numbers, texts
from portal.postgres import Addresses

pytestmark = pytest.mark.anyio

AWKWARD = ["", "NULL", "null", '"', "\\", '\\"', ",", "{}", "{a,b}", " padded ", "line\nbreak", "\t", "'", "कुर्ता", "🪔", 'a","b', "\x1f"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(AWKWARD)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12) | st.integers(
    -(2**31), 2**31 - 1
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(TEXTS | st.none(), max_size=30), amounts=st.lists(NUMBERS | st.none(), max_size=30))
async def test_values_come_back_as_they_were(connected: Addresses, told: list[str | None], amounts: list[Decimal | int | None]) -> None:
    async with db.pool().acquire() as held:
        assert await held.fetchval("SELECT $1::text::text[]", texts(told)) == told
        assert await held.fetchval("SELECT $1::text::numeric[]", numbers(amounts)) == amounts


@pytest.mark.parametrize("told", [[], [""], AWKWARD, ["plain", "two words"], [None], ["a", None, ""]])
async def test_awkward_texts(connected: Addresses, told: list[str | None]) -> None:
    async with db.pool().acquire() as held:
        assert await held.fetchval("SELECT $1::text::text[]", texts(told)) == told


async def test_numbers_keep_every_digit(connected: Addresses) -> None:
    amounts = [Decimal("0.10"), Decimal("1E+3"), Decimal("-0.0001"), Decimal("9999999999.9999"), None, 7]
    async with db.pool().acquire() as held:
        found = await held.fetchval("SELECT $1::text::numeric[]", numbers(amounts))
    assert found == amounts
    assert str(found[0]) == "0.10"
