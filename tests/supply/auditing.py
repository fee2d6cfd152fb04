"""Known weaknesses of locked packages, from a small list that is part of the repository and says how old it is.

The list works without a network and is not complete. Where `pip-audit` is installed it is asked as well.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
from packaging.version import Version

from tests.supply.locking import LOCK, Locked

LIST = Path(__file__).with_name("advisories.json")
STALE_DAYS = 30


class Advisory(msgspec.Struct, frozen=True):
    """Versions before `fixed_in` are affected."""

    id: str
    package: str
    fixed_in: str
    about: str


class Known(msgspec.Struct, frozen=True):
    as_of: date
    source: str
    advisories: tuple[Advisory, ...]


def known() -> Known:
    return msgspec.json.decode(LIST.read_bytes(), type=Known)


def affected(packages: Sequence[Locked], advisories: Sequence[Advisory]) -> list[tuple[Locked, Advisory]]:
    """Each locked package that an advisory is about."""
    return [
        (package, one)
        for package in packages
        for one in advisories
        if one.package == package.name and Version(package.version) < Version(one.fixed_in)
    ]


def report(packages: Sequence[Locked], listed: Known, *, today: date) -> list[str]:
    """Lines for people: findings, and how much they are worth."""
    told = [
        f"WARNING {package.name} {package.version}: {one.id}, {one.about}. Fixed in {one.fixed_in}."
        for package, one in affected(packages, listed.advisories)
    ]
    age = (today - listed.as_of).days
    told.append(
        f"{len(packages)} locked packages against {len(listed.advisories)} advisories known on {listed.as_of}, {age} days ago. {listed.source}"
    )
    if age > STALE_DAYS:
        told.append("WARNING This knowledge is old: what was published since is not in it. Run pip-audit where there is a network.")
    return told


def asked_elsewhere() -> str:
    """What pip-audit says about the lock file; a sentence when it is not there or reaches no database."""
    if importlib.util.find_spec("pip_audit") is None:
        return "pip-audit is not installed, so no database was asked."
    ran = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--disable-pip", "--progress-spinner", "off", "--timeout", "10"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"pip-audit: {(ran.stdout or ran.stderr).strip().splitlines()[-1:] or ['nothing known']}"
