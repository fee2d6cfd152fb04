"""`LICENCES.md`: whose work is locked and under which licence, as each installed package says itself."""

from collections.abc import Sequence
from importlib import metadata

from tests.supply.locking import ROOT, Locked

LISTED = ROOT / "LICENCES.md"
HEAD = """# Licences of what is locked

Made from `requirements.lock` and what each package says about itself: `python -m tests.supply licences`.

| Package | Version | Licence |
| --- | --- | --- |
"""


def licence_of(name: str) -> str:
    """The licence an installed package declares; "not installed here" for one of another platform."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "not installed here"
    classified = [one.rpartition("::")[2].strip() for one in told.get_all("Classifier") or [] if one.startswith("License")]
    stated = next((told[name] for name in ("License-Expression", "License") if name in told and told[name]), "")  # noqa: RUF019 (its type has no `get`)
    first = stated.strip().partition("\n")[0]
    return (first if 0 < len(first) <= 60 else " / ".join(classified)) or "not stated"


def listing(packages: Sequence[Locked]) -> str:
    """The whole file."""
    return HEAD + "".join(f"| {one.name} | {one.version} | {licence_of(one.name)} |\n" for one in packages)
