"""How values read on a page."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from portal import clock
from portal.web import filters

SEVEN_PM = datetime(2026, 8, 21, 13, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (Decimal("123456.78"), "₹1,23,456.78"),
        (Decimal("-123456.78"), "-₹1,23,456.78"),
        (Decimal(0), "₹0.00"),
        (Decimal("10000000"), "₹1,00,00,000.00"),
        (Decimal("0.005"), "₹0.00"),
        (None, "–"),
    ],
)
def test_money_is_grouped_the_indian_way_with_two_decimals(amount: Decimal | None, words: str) -> None:
    assert filters.money(amount) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (654_321, "6.54 lakh"),
        (12_000_000, "1.2 crore"),
        (100_000, "1 lakh"),
        (99_999, "99,999"),
        (9_999_999, "1 crore"),
        (9_990_000, "99.9 lakh"),
        (5_000_000_000, "500 crore"),
        (-250_000, "-2.5 lakh"),
        (0, "0"),
    ],
)
def test_large_numbers_are_said_in_lakh_and_crore(number: int, words: str) -> None:
    """Never 100 lakh, never K or M."""
    assert filters.in_words(number) == words


def test_short_money_brings_the_full_amount_for_screen_readers() -> None:
    assert filters.money_in_words(Decimal("-654321.50")) == (
        '<span aria-hidden="true">-₹6.54 lakh</span><span class="vh">-₹6,54,321.50</span>'
    )


@pytest.mark.parametrize(("number", "words"), [(0, "0"), (1000, "1,000"), (1001, "more than 1,000"), (1243, "more than 1,000")])
def test_counts_are_exact_up_to_the_cap(number: int, words: str) -> None:
    assert filters.count(number, 1000) == words


def test_counts_without_a_cap_are_grouped() -> None:
    assert filters.count(100_000) == "1,00,000"


@pytest.mark.parametrize(("number", "words"), [(0, "0 orders"), (1, "1 order"), (1200, "1,200 orders")])
def test_one_is_not_many(number: int, words: str) -> None:
    assert filters.plural(number, "order", "orders") == words


def test_a_time_reads_in_ist_and_carries_utc() -> None:
    with clock.stopped_at(SEVEN_PM):
        assert filters.when(SEVEN_PM) == '<time datetime="2026-08-21T13:35:00Z">21 Aug, 7:05 pm</time>'
        assert filters.at(SEVEN_PM, seconds=True) == '<time datetime="2026-08-21T13:35:00Z">7:05:00 pm</time>'


def test_another_year_is_named() -> None:
    """By the Indian calendar: half past six in the evening UTC of 31 December is the new year there."""
    with clock.stopped_at(SEVEN_PM):
        assert filters.words_of(SEVEN_PM.replace(year=2025)) == "21 Aug 2025, 7:05 pm"
        assert filters.day(date(2027, 1, 1)) == "1 Jan 2027"
    with clock.stopped_at(datetime(2026, 12, 31, 18, 31, tzinfo=UTC)):
        assert filters.day(date(2027, 1, 1)) == "1 Jan"


@pytest.mark.parametrize(("hour", "words"), [(0, "12:05 am"), (11, "11:05 am"), (12, "12:05 pm"), (23, "11:05 pm")])
def test_noon_and_midnight_are_twelve(hour: int, words: str) -> None:
    assert filters.clock_time(datetime(2026, 8, 21, hour, 5, tzinfo=clock.IST)) == words


@pytest.mark.parametrize(
    ("passed", "starts"),
    [
        (timedelta(seconds=20), "just now (<time"),
        (timedelta(minutes=4), "4 min ago (<time"),
        (timedelta(minutes=59, seconds=59), "59 min ago (<time"),
        (timedelta(hours=1), "<time"),
        (timedelta(seconds=-1), "<time"),
    ],
)
def test_minutes_are_counted_only_under_an_hour(passed: timedelta, starts: str) -> None:
    """And always with the clock time beside them."""
    with clock.stopped_at(SEVEN_PM + passed):
        assert filters.ago(SEVEN_PM).startswith(starts)
        assert "7:05 pm" in filters.ago(SEVEN_PM)


def test_an_id_is_recognisable_and_no_more() -> None:
    assert filters.mask("DV00121") == "DV****21"
    assert filters.mask("DV21") == "DV21"
