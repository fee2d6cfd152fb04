"""Known weaknesses of locked packages, told without a network from two files of the repository, both of which say how old they are.

`advisories.json` is a short list, entry by entry compared with the PyPA advisory database. `audited.json` is there once
`make advisories` has asked that database about the whole lock with pip-audit: it knows of every version that was locked then.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
from packaging.version import Version

from tests.supply.locking import LOCK, Locked

LIST = Path(__file__).with_name("advisories.json")
AUDITED = Path(__file__).with_name("audited.json")
STALE_DAYS = 30
PIP_AUDIT = "pip-audit==2.10.1"
"""Lies in a folder of its own while it runs: what looks at the lock is no part of it."""

REFRESH = "Ask the database with `make advisories` where there is a network."


class Advisory(msgspec.Struct, frozen=True):
    """`affected` are ranges of versions: from the one that brought it to the one that mended it, which is not affected any more.

    `record` is its number in the PyPA database.
    """

    id: str
    record: str
    package: str
    affected: tuple[tuple[str, str], ...]
    published: date
    about: str

    def hits(self, package: Locked) -> bool:
        # Not a specifier: to PEP 440 a release candidate is no version "before" its release, but it is affected like any other.
        version = Version(package.version)
        return package.name == self.package and any(Version(since) <= version < Version(fixed) for since, fixed in self.affected)


class Known(msgspec.Struct, frozen=True):
    compared_on: date
    source: str
    advisories: tuple[Advisory, ...]


class Weakness(msgspec.Struct, frozen=True):
    """As pip-audit writes it."""

    id: str
    fix_versions: tuple[str, ...] = ()


class Looked(msgspec.Struct, frozen=True):
    """One package as pip-audit found it in the lock; without a version it was not looked at."""

    name: str
    version: str = ""
    vulns: tuple[Weakness, ...] = ()


class Audited(msgspec.Struct, frozen=True):
    as_of: date
    dependencies: tuple[Looked, ...]


def known() -> Known:
    return msgspec.json.decode(LIST.read_bytes(), type=Known)


def audited() -> Audited | None:
    """What the last `make advisories` was told; None when nobody has asked yet."""
    return msgspec.json.decode(AUDITED.read_bytes(), type=Audited) if AUDITED.exists() else None


def affected(packages: Sequence[Locked], advisories: Sequence[Advisory]) -> list[tuple[Locked, Advisory]]:
    """Each locked package that an advisory is about."""
    return [(package, one) for package in packages for one in advisories if one.hits(package)]


def report(packages: Sequence[Locked], listed: Known, asked: Audited | None, *, today: date) -> list[str]:
    """Lines for people: findings, and how much they are worth."""
    told = [
        f"WARNING {package.name} {package.version}: {one.id} ({one.record}), {one.about}. Fixed in {one.affected[-1][1]}."
        for package, one in affected(packages, listed.advisories)
    ]
    age = (today - listed.compared_on).days
    told.append(
        f"{len(packages)} locked packages against {len(listed.advisories)} advisories, compared {age} days ago on {listed.compared_on}. "
        f"Source: {listed.source}."
    )
    return told + (
        _of_audit(packages, asked, today)
        if asked
        else [f"WARNING That short list is all that was looked at: nobody has asked the PyPA database about this lock yet. {REFRESH}"]
    )


def _of_audit(packages: Sequence[Locked], asked: Audited, today: date) -> list[str]:
    looked = {(one.name, one.version): one.vulns for one in asked.dependencies}
    told = [
        f"WARNING {package.name} {package.version}: {one.id}. Fixed in {', '.join(one.fix_versions) or 'no version yet'}."
        for package in packages
        for one in looked.get((package.name, package.version), ())
    ]
    since = [package.name for package in packages if (package.name, package.version) not in looked]
    if since:
        told.append(f"WARNING Locked since, and not looked at: {', '.join(since)}. {REFRESH}")
    age = (today - asked.as_of).days
    told.append(f"The database was asked {age} days ago, on {asked.as_of}.")
    if age > STALE_DAYS:
        told.append(f"WARNING This knowledge is old: what was published since is not in it. {REFRESH}")
    return told


class NotAsked(Exception):
    """The database could not be asked; what is known stays as it was."""


def ask(*, today: date) -> None:
    """Ask the database about every locked version and keep the answer. Raises NotAsked where there is no network to it."""
    with tempfile.TemporaryDirectory() as folder:
        answer, beside = Path(folder) / "answer.json", {**os.environ, "PYTHONPATH": folder}
        had = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, PIP_AUDIT], check=False)
        if had.returncode:
            raise NotAsked(f"{PIP_AUDIT} could not be had from the package index, so the database was not asked.")
        subprocess.run(
            [sys.executable, "-m", "pip_audit", "--requirement", LOCK, "--disable-pip", "--format", "json", "--output", answer],
            check=False,
            env=beside,
        )
        # It ends with 1 for findings as well, and writes an answer only when it has one.
        if not answer.exists():
            raise NotAsked("The database did not answer.")
        AUDITED.write_bytes(kept(answer.read_bytes(), today))


def kept(answer: bytes, today: date) -> bytes:
    """An answer of pip-audit as it lies in the repository: with its day, without what nobody reads."""
    found = msgspec.json.decode(answer, type=dict[str, list[Looked]])
    return msgspec.json.format(msgspec.json.encode(Audited(today, tuple(found["dependencies"]))), indent=1) + b"\n"
