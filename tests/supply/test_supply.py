"""What the portal is made of is pinned, known and listed."""

from datetime import date

import pytest

from tests.supply.auditing import Advisory, Known, affected, known, report
from tests.supply.licensing import LISTED, licence_of
from tests.supply.locking import LOCK, Locked, locked

PACKAGES = locked(LOCK.read_text())


def test_every_package_is_locked_by_hash() -> None:
    assert len(PACKAGES) > 50
    assert [one.name for one in PACKAGES if not one.hashes] == []


def test_no_locked_version_is_known_to_be_weak() -> None:
    """As far as our own list goes."""
    assert affected(PACKAGES, known().advisories) == []


def test_every_advisory_is_about_something_locked() -> None:
    assert {one.package for one in known().advisories} <= {one.name for one in PACKAGES}


@pytest.mark.parametrize(("version", "weak"), [("0.9", True), ("0.16.0rc1", True), ("0.16.0", False), ("1.0", False)])
def test_versions_compare_as_versions(version: str, weak: bool) -> None:
    found = affected([Locked("h11", version, 1)], [Advisory("CVE-1", "h11", "0.16.0", "a test")])
    assert bool(found) == weak


def test_the_report_says_how_old_its_knowledge_is() -> None:
    listed = Known(date(2026, 1, 1), "by hand", (Advisory("CVE-1", "h11", "2", "a test"),))
    fresh = report([Locked("h11", "1", 1)], listed, today=date(2026, 1, 2))
    assert fresh[0].startswith("WARNING h11 1: CVE-1")
    assert "1 days ago" in fresh[1]
    assert len(fresh) == 2
    assert "old" in report([], listed, today=date(2026, 3, 1))[-1]


def test_the_licences_fit_the_lock() -> None:
    """The same packages and versions, and a licence for each one that is installed. Mend it with `python -m tests.supply licences`."""
    rows = [line.strip("| ").split(" | ") for line in LISTED.read_text().splitlines() if line.startswith("| ")][2:]
    assert [(name, version) for name, version, _ in rows] == [(one.name, one.version) for one in PACKAGES]
    for name, _, licence in rows:
        here = licence_of(name)
        assert here in ("not installed here", licence), name
        assert licence != "not stated", name
