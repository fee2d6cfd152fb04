"""The chart of orders per day: what is drawn, and what is said about it."""

from datetime import date, timedelta

from portal.home.chart import HEIGHT, WIDTH, bars

FIRST = date(2026, 11, 9)


def days(*values: int) -> list[tuple[date, int]]:
    return [(FIRST + timedelta(days=number), value) for number, value in enumerate(values)]


def test_the_best_day_is_as_high_as_the_chart() -> None:
    drawn = bars(days(5, 20, 10)).bars
    assert [bar.height for bar in drawn] == [HEIGHT // 4, HEIGHT, HEIGHT // 2]
    assert all(bar.y + bar.height == HEIGHT for bar in drawn)
    assert drawn[-1].x + drawn[-1].width <= WIDTH


def test_a_day_without_orders_still_shows_as_a_day() -> None:
    assert all(bar.height > 0 for bar in bars(days(0, 0, 0)).bars)


def test_the_sentence_says_what_the_picture_shows() -> None:
    assert bars(days(5, 5, 20, 30, 9)).sentence.startswith("Most on 12 Nov with 30, fewest on 9 Nov with 5, rising overall.")


def test_a_day_that_is_not_over_is_no_bad_day() -> None:
    """Every morning would read as a collapse otherwise."""
    sentence = bars(days(10, 10, 10, 10, 0)).sentence
    assert "with 0" not in sentence
    assert "steady" in sentence


def test_no_orders_at_all() -> None:
    assert bars(days(0, 0)).sentence == "No orders in this time."
