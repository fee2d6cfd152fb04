"""What the operator reads: one line per step with its tick, and the children's warnings in between."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TextIO


class Terminal:
    """Standard output, also where it is a pipe, and where its encoding knows no tick."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._within_line = False
        reconfigure = getattr(self._out, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")

    def say(self, line: str) -> None:
        self._out.write(f"\n{line}\n" if self._within_line else f"{line}\n")
        self._out.flush()
        self._within_line = False

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Say what happens now, and with a tick that it has happened."""
        started = time.monotonic()
        self._out.write(f"  {name} … ")
        self._out.flush()
        self._within_line = True
        try:
            yield
        except BaseException:
            self._tick(name, "✗")
            raise
        self._tick(name, f"✓ {time.monotonic() - started:.1f} s")

    def _tick(self, name: str, mark: str) -> None:
        # After a warning in the middle the step's name has to be said again.
        self._out.write(f"{mark}\n" if self._within_line else f"  {name} … {mark}\n")
        self._out.flush()
        self._within_line = False
