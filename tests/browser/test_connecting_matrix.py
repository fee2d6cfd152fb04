"""No way to connect is left out of any journey: a new marketplace or method fails here until each of them has been walked with it."""

import importlib
import pkgutil

import pytest

import tests.browser
from tests.browser.matrix import Cell, shown_by
from tests.browser.ways import EVERY, Way

for _one in pkgutil.iter_modules(tests.browser.__path__):
    if _one.name.startswith("test_") and f"tests.browser.{_one.name}" != __name__:
        importlib.import_module(f"tests.browser.{_one.name}")


@pytest.mark.parametrize("way", EVERY, ids=lambda way: way.id)
def test_every_cell_has_its_journey(way: Way) -> None:
    assert [cell.value for cell in Cell if not shown_by(cell, way)] == []
