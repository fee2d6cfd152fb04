"""What the lock file names: every package with its version and the hashes of its files."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LOCK = ROOT / "requirements.lock"

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Locked:
    name: str
    version: str
    hashes: int


def locked(text: str) -> list[Locked]:
    """The packages of a lock file, in its order."""
    found = list(_PINNED.finditer(text))
    ends = [one.start() for one in found[1:]] + [len(text)]
    return [
        Locked(one["name"].lower(), one["version"], text.count("--hash=sha256:", one.start(), end))
        for one, end in zip(found, ends, strict=True)
    ]
