"""What the portal is made of is pinned, known and listed."""

import os
from datetime import date

import msgspec
import pytest

from tests.supply.auditing import AUDITED, Advisory, Audited, Known, Looked, NotAsked, Weakness, affected, ask, kept, known, report
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


def about(package: str, *ranges: tuple[str, str]) -> Advisory:
    return Advisory("CVE-1", "PYSEC-1", package, ranges, date(2026, 1, 1), "a test")


@pytest.mark.parametrize(
    ("version", "weak"), [("0.9", False), ("1.0", True), ("1.10", True), ("2.0rc1", True), ("2.0", False), ("3.1.4", True), ("3.2", False)]
)
def test_versions_compare_as_versions(version: str, weak: bool) -> None:
    found = affected([Locked("h11", version, 1), Locked("other", version, 1)], [about("h11", ("1.0", "2.0"), ("3.1", "3.2"))])
    assert bool(found) == weak


def test_the_report_says_how_old_its_knowledge_is_and_how_to_renew_it() -> None:
    listed = Known(date(2026, 1, 1), "a database", (about("h11", ("0", "2")),))
    never = report([Locked("h11", "1", 1)], listed, None, today=date(2026, 1, 3))
    assert never[0].startswith("WARNING h11 1: CVE-1 (PYSEC-1), a test.")
    assert "2 days ago" in never[1]
    assert "make advisories" in never[2]
    asked = Audited(date(2026, 1, 1), (Looked("h11", "2", (Weakness("PYSEC-7", ("3",)),)), Looked("idna", "1")))
    fresh = report([Locked("h11", "2", 1), Locked("idna", "1", 1)], listed, asked, today=date(2026, 1, 3))
    assert fresh[1] == "WARNING h11 2: PYSEC-7. Fixed in 3."
    assert fresh[-1] == "The database was asked 2 days ago, on 2026-01-01."
    later = report([Locked("idna", "2", 1)], listed, asked, today=date(2026, 3, 1))
    assert any("not looked at: idna." in line for line in later)
    assert "old" in later[-1]


def test_without_a_network_the_database_is_not_asked_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence, and what was known before."""
    before = AUDITED.read_bytes() if AUDITED.exists() else b""
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_RETRIES": "0",
        "PIP_NO_INDEX": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(NotAsked, match="could not be had"):
        ask(today=date(2026, 1, 1))
    assert (AUDITED.read_bytes() if AUDITED.exists() else b"") == before


def test_the_answer_of_pip_audit_is_kept_with_its_day() -> None:
    """As it writes it with `--format json`: findings, and what it left out."""
    answer = b"""{"dependencies": [{"name": "h11", "version": "0.14.0", "vulns": [{"id": "PYSEC-2026-348", "fix_versions": ["0.16.0"]}]},
        {"name": "colorama", "skip_reason": "not for this platform"}], "fixes": []}"""
    found = msgspec.json.decode(kept(answer, date(2026, 11, 22)), type=Audited)
    assert found.as_of == date(2026, 11, 22)
    assert found.dependencies[0] == Looked("h11", "0.14.0", (Weakness("PYSEC-2026-348", ("0.16.0",)),))


def test_every_advisory_has_a_record_that_was_compared() -> None:
    listed = known()
    assert [one.id for one in listed.advisories if not one.record.startswith("PYSEC-") or one.published > listed.compared_on] == []
    assert len({one.id for one in listed.advisories}) == len(listed.advisories)


def test_the_licences_fit_the_lock() -> None:
    """The same packages and versions, and a licence for each one that is installed. Mend it with `python -m tests.supply licences`."""
    rows = [line.strip("| ").split(" | ") for line in LISTED.read_text().splitlines() if line.startswith("| ")][2:]
    assert [(name, version) for name, version, _ in rows] == [(one.name, one.version) for one in PACKAGES]
    for name, _, licence in rows:
        here = licence_of(name)
        assert here in ("not installed here", licence), name
        assert licence != "not stated", name
