"""`new-marketplace` makes a fifth that passes as it is, and changes nothing that the others share."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from portal.__main__ import main
from portal.commands.new_marketplace import ROOT, registered
from portal.errors import PortalError
from portal.postgres import Addresses

pytestmark = pytest.mark.anyio

CODE, FOLDER = "DUKAAN_EK", "dukaan_ek"
TABLE = f"{FOLDER}_account_details"
PATIENCE_S = 240
CACHES = {"__pycache__", ".ruff_cache"}

SCHEMA = """
    SELECT format('%s: column %s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS line
        FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT format('%s: constraint %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s: index %s', tablename, indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('%s: trigger %s', tgrelid::regclass, pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT format('%s: function %s', oid::regprocedure, prosrc) FROM pg_proc
        -- What rotation asks for lists every satellite there is, by its nature.
        WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) <> 'portal_keyring'
"""
POLICIES = "SELECT format('%s: %s %s', tablename, policyname, roles) AS line FROM pg_policies WHERE schemaname = 'public'"
CATALOGUE = "SELECT format('%s %s %s', code, name, status) AS line FROM marketplaces"


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """The repository as it stands, without what is only of this machine; with its bytecode, which takes long to make again."""
    there = tmp_path / "repository"
    left_out = shutil.ignore_patterns(".git", ".venv", ".portal", "*.pyc.*", ".*_cache", ".hypothesis", "pictures")
    shutil.copytree(ROOT, there, ignore=left_out, symlinks=True)
    yield there
    shutil.rmtree(there)


async def said(there: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """Exit status and output of a Python module that runs in the copy."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "PYTEST", "PYTHONPATH"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        cwd=there,
        env={**inherited, "PYTHONDONTWRITEBYTECODE": "1", **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE_S):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def lines(url: str, query: str) -> set[str]:
    held = await asyncpg.connect(url)
    try:
        return {row["line"] for row in await held.fetch(query)}
    finally:
        await held.close()


async def test_a_fifth_marketplace_is_a_row_a_satellite_and_an_adapter(copy: Path, own_database: Addresses) -> None:
    status, output = await said(copy, "portal", "new-marketplace", CODE, "--json")
    assert status == 0, output
    told = json.loads(output)
    assert len(told["next"]) == 3
    _changed_only(copy, set(told["written"]))

    sources = [name for name in told["written"] if name.endswith(".py")]
    status, output = await said(copy, "ruff", "check", "--no-cache", "--force-exclude", *sources)
    assert status == 0, output
    status, output = await said(copy, "ruff", "format", "--no-cache", "--force-exclude", "--check", *sources)
    assert status == 0, output

    # In a database that has been in use, as an operator would: only the new satellite and its row come along.
    before = [await lines(own_database.owner, query) for query in (SCHEMA, POLICIES, CATALOGUE)]
    status, output = await said(copy, "portal", "migrate", PORTAL_DATABASE_URL=own_database.owner, PORTAL_DEMO="true")
    assert status == 0, output
    after = [await lines(own_database.owner, query) for query in (SCHEMA, POLICIES, CATALOGUE)]
    assert [old - new for old, new in zip(before, after, strict=True)] == [set(), set(), set()]
    schema, policies, catalogue = (new - old for old, new in zip(before, after, strict=True))
    assert {line.partition(":")[0] for line in schema} == {TABLE}
    assert {line for line in policies if FOLDER not in line} == set()
    assert catalogue == {f"{CODE} Dukaan Ek sandbox"}

    # Its own tests, the house's rules, and a connection with its first sync: the very tests the others pass.
    satellite = "tests/test_migrations.py::test_no_migration_is_pending"
    wanted = ("tests/test_architecture.py", satellite, f"tests/marketplaces/{FOLDER}", "tests/contract/test_manifests.py")
    engine = ("tests/contract/test_connecting.py", "tests/contract/test_ledgers.py")
    chosen = f"not soak and ({FOLDER} or architecture or pending)"
    status, output = await said(copy, "pytest", "-q", "-p", "no:cacheprovider", *wanted, *engine, "-k", chosen)
    assert status == 0, output[-4000:]


@pytest.mark.soak
async def test_a_fifth_marketplace_keeps_the_whole_contract(copy: Path) -> None:
    status, output = await said(copy, "portal", "new-marketplace", CODE, "--name", "Dukaan & Sons", "--json")
    assert status == 0, output
    chosen = f"{FOLDER} or migrations"
    status, output = await said(copy, "pytest", "-q", "-p", "no:cacheprovider", "tests/contract", "tests/test_migrations.py", "-k", chosen)
    assert status == 0, output[-4000:]
    status, output = await said(copy, "mypy", "--no-incremental", "portal", f"tests/marketplaces/{FOLDER}")
    assert status == 0, output[-4000:]


def _changed_only(there: Path, written: set[str]) -> None:
    """Nothing but what was told is new, and of the files there were only the registry has changed."""
    ours = {path.relative_to(there).as_posix(): path for path in there.rglob("*") if path.is_file() and not CACHES & {*path.parts}}
    new = {name for name in ours if not (ROOT / name).exists()}
    changed = {name for name, path in ours.items() if name not in new and path.read_bytes() != (ROOT / name).read_bytes()}
    assert changed == {"portal/marketplaces/registry.py"}
    assert new | changed == written


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("dukaan", "capital letters"),
        ("DUKAAN__EK", "single underscores"),
        ("X", "2 to 20"),
        ("A_CODE_THAT_IS_FAR_TOO_LONG", "2 to 20"),
        ("DUKAAN; DROP", "capital letters"),
        ("../DUKAAN", "capital letters"),
        ("MEESHO", "registry already"),
        ("ORDERS", "stands in"),
        ("AMAZON_AE", "stands in"),
    ],
)
def test_a_code_that_cannot_be_one_is_refused_with_its_reason(code: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new-marketplace", code, "--json"]) == 2
    out, complaint = capsys.readouterr()
    assert why in json.loads(out)["message"]
    assert why in complaint


def test_the_registry_stays_in_order_and_its_lines_short() -> None:
    source = (ROOT / "portal" / "marketplaces" / "registry.py").read_text()
    for folder in ("zebra", "aardvark", *(f"another_{letter * 9}" for letter in "abcdefghij")):
        source = registered(source, folder)
    names = [line.strip().removesuffix(".MARKETPLACE,") for line in source.splitlines() if line.endswith(".MARKETPLACE,")]
    assert names == sorted(names)
    assert {"aardvark", "zebra"} <= set(names)
    assert max(map(len, source.splitlines())) <= 140
    compile(source, "registry.py", "exec")


def test_nothing_is_left_behind_when_writing_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from portal.commands import new_marketplace as subject

    for name in ("portal/marketplaces", "tests/marketplaces", "static/marketplaces", "piccolo_migrations"):
        (tmp_path / name).mkdir(parents=True)
    registry = tmp_path / "portal" / "marketplaces" / "registry.py"
    registry.write_text("untouched")
    monkeypatch.setattr(subject, "ROOT", tmp_path)
    monkeypatch.setattr(subject, "REGISTRY", registry)
    monkeypatch.setattr(subject, "MIGRATIONS", tmp_path / "piccolo_migrations")
    # The folder is not where Python looks for it, so the satellite cannot be imported and no migration be made.
    with pytest.raises((ModuleNotFoundError, PortalError)):
        asyncio.run(subject._write(subject.Plan(CODE, "Dukaan Ek")))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [registry]
    assert registry.read_text() == "untouched"
