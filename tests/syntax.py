"""Source files as trees, for tests that hold every module to a rule."""

import ast
import gc
from pathlib import Path


def parsed(path: Path) -> ast.Module:
    """The module at `path`, parsed while nothing is thrown away.

    CPython 3.11 fails where one tree is built in the midst of another: when a collected task tells its error, whose trace is parsed too.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        if collecting:
            gc.enable()
