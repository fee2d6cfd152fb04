"""`new-marketplace`: everything one more marketplace needs, working against its own sandbox from the first minute.

What it writes is a beginning to be changed by hand; what it changes is one line of the registry.
"""

import argparse
import ast
import asyncio
import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import piccolo
from piccolo.apps.migrations.commands.new import _create_new_migration
from piccolo.conf.apps import AppConfig

from portal import migrating
from portal.commands.session import answer
from portal.errors import BadInput, Conflict
from portal.marketplaces.registry import CODES
from portal.piccolo_app import APP_CONFIG

ROOT = Path(__file__).resolve().parents[2]
SCAFFOLD = Path(__file__).resolve().parent / "scaffold"
REGISTRY = ROOT / "portal" / "marketplaces" / "registry.py"
MIGRATIONS = ROOT / "piccolo_migrations"
LONGEST_CODE, LONGEST_LINE = 20, 140
ID_FORMAT = "%Y-%m-%dT%H:%M:%S:%f"
PARTS = ("init", "keys", "tables", "client", "wire", "adapter", "sandbox")


@dataclass(frozen=True, slots=True)
class Plan:
    """The names of a new marketplace, and where its files go."""

    code: str
    name: str

    @property
    def folder(self) -> str:
        return self.code.lower()

    @property
    def class_name(self) -> str:
        return self.code.title().replace("_", "")

    @property
    def package(self) -> Path:
        return ROOT / "portal" / "marketplaces" / self.folder

    @property
    def tests(self) -> Path:
        return ROOT / "tests" / "marketplaces" / self.folder

    @property
    def logo(self) -> Path:
        return ROOT / "static" / "marketplaces" / f"{self.folder}.svg"

    def files(self) -> dict[Path, str]:
        """Every new file but the migrations, with its text."""
        code = {self.package / f"{'__init__' if part == 'init' else part}.py": self.filled(part) for part in PARTS}
        tests = {self.tests / "__init__.py": "", self.tests / "test_wire.py": self.filled("test_wire")}
        return code | tests | {self.logo: self.filled("logo")}

    def filled(self, template: str, **more: str) -> str:
        """A template with this marketplace's names in it."""
        text = (SCAFFOLD / f"{template}.txt").read_text()
        words = {"CODE": self.code, "NAME": self.name, "FOLDER": self.folder, "CLASS": self.class_name, **more}
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        return text


def add_parsers(commands: Any) -> None:
    new = commands.add_parser("new-marketplace", help="the folder, the satellite, the sandbox and the tests of one more marketplace")
    new.add_argument("code", metavar="CODE", help="capital letters, with underscores between words")
    new.add_argument("--name", help="as sellers know it; default: the code in ordinary letters")
    new.add_argument("--json", action="store_true")
    new.set_defaults(run=_new)


def _new(chosen: argparse.Namespace) -> int:
    plan = Plan(chosen.code, chosen.name or chosen.code.replace("_", " ").title())
    _refuse(plan)
    written = asyncio.run(_write(plan))
    shown = [str(path.relative_to(ROOT)) for path in written]
    steps = next_steps(plan)
    sentence = "\n".join(
        [f"{plan.name} is there, and works against its own sandbox.", "", "Written:", *(f"  {path}" for path in shown), "", "Next:"]
        + [f"  {number}. {step}" for number, step in enumerate(steps, start=1)]
    )
    answer(chosen.json, {"code": plan.code, "written": shown, "next": steps}, sentence)
    return 0


def next_steps(plan: Plan) -> list[str]:
    folder = f"portal/marketplaces/{plan.folder}"
    return [
        (
            f"Write down what {plan.name} really says, in {folder}: wire.py and client.py, then sandbox.py, so that it speaks the same. "
            "The docstring of __init__.py names the source and every assumption."
        ),
        (
            "Say in keys.py what sellers type. Where that changes tables.py, ask for its migration: "
            "PICCOLO_CONF=portal.piccolo_conf python -m piccolo migrations new portal --auto"
        ),
        (
            f"Run `make check` and `make test`: tests/contract holds {plan.name} to the rules of every marketplace. Then draw its logo, "
            f"static/marketplaces/{plan.folder}.svg."
        ),
    ]


def _refuse(plan: Plan) -> None:
    """BadInput for a code that cannot be one; Conflict when something of that name is there."""
    if not re.fullmatch(r"[A-Z]+(_[A-Z]+)*", plan.code) or not 2 <= len(plan.code) <= LONGEST_CODE:
        raise BadInput(f"A code is 2 to {LONGEST_CODE} capital letters, with single underscores between words, such as BIG_SHOP.")
    if not re.fullmatch(r"[\w .&'-]{1,60}", plan.name):
        raise BadInput("A name is up to 60 letters, digits and spaces.")
    if plan.code in CODES:
        raise Conflict(f"{plan.code} is in the registry already.")
    in_the_way = [path for path in (plan.package, plan.tests, plan.logo) if path.exists()]
    if in_the_way:
        raise Conflict(
            f"{in_the_way[0].relative_to(ROOT)} is there already.", hint="Choose another code, or remove what is left of an older try."
        )
    word = plan.folder.partition("_")[0]
    taken = next(_naming(word), None)
    if taken is not None:
        raise BadInput(
            f"The word “{word}” stands in {taken.relative_to(ROOT)} already, and a marketplace is named in its own folder only. "
            "Choose another first word for the code."
        )


def _naming(word: str) -> Iterator[Path]:
    """Files of the portal that hold this word."""
    pattern = re.compile(rf"(?<![a-z]){word}(?![a-z])")
    for top in ("portal", "templates", "static"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in {".py", ".html", ".txt", ".js", ".css"} and pattern.search(path.read_text().lower()):
                yield path


async def _write(plan: Plan) -> list[Path]:
    """All files, or none: what fails half-way is taken back."""
    if await _quietly(migrating.pending()):
        raise Conflict(
            "The tables have changes that no migration holds yet.", hint="Make that migration first: `python -m portal migrate --check`."
        )
    files = plan.files()
    registry = REGISTRY.read_text()
    before = set(MIGRATIONS.glob("*.py"))
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        migrations = await _migrations(plan)
        REGISTRY.write_text(registered(registry, plan.folder))
        tidy([plan.package, plan.tests, REGISTRY])
    except BaseException:
        REGISTRY.write_text(registry)
        for folder in (plan.package, plan.tests):
            shutil.rmtree(folder, ignore_errors=True)
        for path in (plan.logo, *(set(MIGRATIONS.glob("*.py")) - before)):
            path.unlink(missing_ok=True)
        raise
    return [*files, *migrations, REGISTRY]


def registered(source: str, folder: str) -> str:
    """The registry's source with one more marketplace, in the order of the alphabet."""
    lines = source.splitlines()
    tree = ast.parse(source)
    listed = next(node for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Tuple))
    imported = next(node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "portal.marketplaces")
    folders = sorted({*(alias.name for alias in imported.names), folder})
    assert listed.end_lineno is not None
    assert imported.end_lineno is not None
    lines[listed.lineno : listed.end_lineno - 1] = [f"    {one}.MARKETPLACE," for one in folders]
    whole = f"from portal.marketplaces import {', '.join(folders)}"
    broken = ["from portal.marketplaces import (", *(f"    {one}," for one in folders), ")"]
    lines[imported.lineno - 1 : imported.end_lineno] = [whole] if len(whole) <= LONGEST_LINE else broken
    return "\n".join(lines) + "\n"


def tidy(paths: Sequence[Path]) -> None:
    """Sort imports and break lines as the house does: both depend on the new names. Without ruff `make check` will say it."""
    for arguments in (("check", "--select", "I", "--fix"), ("format",)):
        subprocess.run(  # noqa: S603 (our own interpreter and paths)
            [sys.executable, "-m", "ruff", *arguments, "--quiet", *map(str, paths)], cwd=ROOT, check=False, capture_output=True
        )


async def _migrations(plan: Plan) -> list[Path]:
    """The satellite's table as Piccolo generates it, and what a table class cannot say, each behind all that is there."""
    importlib.invalidate_caches()
    tables = importlib.import_module(f"portal.marketplaces.{plan.folder}.tables")
    details = getattr(tables, f"{plan.class_name}AccountDetails")
    config = AppConfig(app_name="portal", migrations_folder_path=str(MIGRATIONS), table_classes=[*APP_CONFIG.table_classes, details])
    first = _id_behind(MIGRATIONS)
    made = await _quietly(_create_new_migration(config, auto=True, description=f"Satellite of {plan.name}", auto_input="y"))
    table = _moved(Path(made.migration_path), made.migration_id, first)
    second = _id_behind(MIGRATIONS)
    return [table, _placed(second, plan.filled("migration", ID=second, PICCOLO=piccolo.__VERSION__))]


def _moved(generated: Path, old: str, new: str) -> Path:
    text = generated.read_text()
    generated.unlink()
    return _placed(new, text.replace(old, new))


def _id_behind(folder: Path) -> str:
    """An id that sorts behind every migration there is, whatever this machine's clock says."""
    known = [datetime.now().astimezone().replace(tzinfo=None)]
    for path in folder.glob("*.py"):
        found = re.search(r'^ID = "([^"]+)"', path.read_text(), re.MULTILINE)
        with suppress(ValueError):
            known.append(datetime.strptime(found[1] if found else "", ID_FORMAT) + timedelta(seconds=1))  # noqa: DTZ007 (Piccolo's ids have no zone)
    return max(known).strftime(ID_FORMAT)


def _placed(identifier: str, text: str) -> Path:
    path = MIGRATIONS / f"portal_{re.sub(r'[:-]', '_', identifier).lower()}.py"
    path.write_text(text)
    return path


async def _quietly(work: Any) -> Any:
    """What it answers, without what Piccolo prints."""
    with redirect_stdout(StringIO()):
        return await work
