"""What has to be seen of every way to connect, and which journeys show it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from tests.browser.ways import EVERY, Way

Test = TypeVar("Test", bound=Callable[..., object])


class Cell(StrEnum):
    """One thing that a seller may do, or that may happen to her, while she connects."""

    CONNECT = "connect"
    WRONG_VALUE = "wrong value"
    RECONNECT = "refused, prompted, reconnected"
    OTHER_SHOP = "another shop refused by name"
    DUPLICATE = "a shop that is here already"
    EXPIRED = "a setup that timed out"
    TWO_TABS = "two tabs"
    BACK_AND_RELOAD = "back and reload at each step"
    PHONE = "on a phone"
    KEYBOARD = "by keyboard alone"
    NO_SCRIPTS = "without scripts"
    EVERYBODY = "axe in every state, width and colour"


_SHOWN: dict[tuple[Cell, str], list[str]] = defaultdict(list)


def shows(*cells: Cell, by: Iterable[Way] = EVERY) -> Callable[[Test], Test]:
    """Puts on record that a test shows these cells of the matrix, for these ways to connect."""
    ways = [way.id for way in by]

    def put(test: Test) -> Test:
        for cell in cells:
            for way in ways:
                _SHOWN[cell, way].append(f"{test.__module__.rpartition('.')[2]}::{test.__name__}")
        return test

    return put


def shown_by(cell: Cell, way: Way) -> list[str]:
    """The tests that show it; none where nobody has thought of it."""
    return _SHOWN.get((cell, way.id), [])
