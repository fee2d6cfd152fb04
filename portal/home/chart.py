"""Bars for an SVG chart, drawn with presentation attributes only, because the page's policy forbids inline styles."""

from collections.abc import Sequence
from datetime import date

import msgspec

WIDTH, HEIGHT, GAP = 700, 140, 6


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    day: date
    value: int
    x: int
    y: int
    width: int
    height: int


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """`sentence` says in words what the picture shows."""

    bars: tuple[Bar, ...]
    width: int
    height: int
    sentence: str


def bars(values: Sequence[tuple[date, int]]) -> Chart:
    """One bar a day, the highest as high as the chart; a day without orders keeps a hair's breadth, so that it shows as a day."""
    most = max((value for _, value in values), default=0) or 1
    width = (WIDTH - GAP * (len(values) - 1)) // max(1, len(values))
    drawn = []
    for number, (day, value) in enumerate(values):
        height = max(2, round(value / most * HEIGHT))
        drawn.append(Bar(day=day, value=value, x=number * (width + GAP), y=HEIGHT - height, width=width, height=height))
    return Chart(bars=tuple(drawn), width=WIDTH, height=HEIGHT, sentence=_sentence(values))


def _sentence(values: Sequence[tuple[date, int]]) -> str:
    if not values or not any(value for _, value in values):
        return "No orders in this time."
    # Today is not over, so it is neither the worst day nor a trend.
    over = values[:-1] or values
    best, worst = max(over, key=lambda one: one[1]), min(over, key=lambda one: one[1])
    half = len(over) // 2
    before, after = sum(value for _, value in over[:half]), sum(value for _, value in over[-half:])
    trend = "rising" if after > before * 1.1 else "falling" if after < before * 0.9 else "steady"
    return f"Most on {best[0]:%-d %b} with {best[1]}, fewest on {worst[0]:%-d %b} with {worst[1]}, {trend} overall. Today is not over yet."
