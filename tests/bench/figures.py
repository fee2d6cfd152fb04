"""A measurement as it is printed, and the small arithmetic of measuring."""

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the output.

    `ratio` says what part of the figure named `ratio_to` this one is; both come from the same run on the same machine, which is
    what makes figures of different machines comparable. `aim` is what we promise ourselves. `load` is the machine's load average
    (1, 5 and 15 minutes) when the figure was taken.
    """

    name: str
    value: float
    unit: str
    ratio_to: str = ""
    ratio: float | None = None
    aim: str = ""
    note: str = ""
    load: tuple[float, ...] = ()

    def against(self, other: "Figure") -> "Figure":
        """This figure with its ratio to another one of the same unit; itself, when it is that one."""
        if other.name == self.name:
            return self
        if other.unit != self.unit:
            raise ValueError(f"{self.name} and {other.name} do not compare")
        return msgspec.structs.replace(self, ratio_to=other.name, ratio=rounded(self.value / other.value))


def figure(name: str, value: float, unit: str, *, aim: str = "", note: str = "") -> Figure:
    """A figure taken now."""
    return Figure(name=name, value=rounded(value), unit=unit, aim=aim, note=note, load=tuple(round(one, 2) for one in os.getloadavg()))


def rounded(value: float) -> float:
    """Three significant digits, or whole numbers: a fourth one would be noise."""
    return round(value, max(0, 2 - math.floor(math.log10(abs(value))))) if value else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed: 0.95 is p95. ValueError without values."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def peak_mb(pid: int) -> float:
    """The most memory a process has ever held, in MB, as Linux counts it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise RuntimeError(f"Process {pid} tells nothing about its memory")
    return int(found[1]) / 1024


class Busy:
    """The processor time that some processes spend from now on."""

    def __init__(self, *pids: int) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._before = self._spent()

    def so_far_s(self) -> float:
        return self._spent() - self._before

    def _spent(self) -> float:
        return float(sum(times.user + times.system for times in (process.cpu_times() for process in self._processes)))
