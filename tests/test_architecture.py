"""The shape of the house: imports point down or left, one folder closes each marketplace, no grab-bag modules."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.syntax import parsed

ROOT = Path(__file__).resolve().parent.parent
MARKETPLACES = "portal.marketplaces"
GROUND = [
    "language",
    "retelling",
    "errors",
    "spreadsheets",
    "pdfs",
    "settings",
    "logs",
    "clock",
    "mail",
    "arrays",
    "vault",
    "db",
    "paging",
    "jobs",
    "nudges",
    "files",
    "postgres",
]
FEATURES = ["outbox", "audit", "people", "notices"]
FEATURES += [
    "runs",
    "documents",
    "invoicing",
    "orders",
    "returns",
    "payouts",
    "listings",
    "inventory",
    "scheduling",
    "accounts",
    "connecting",
]
FEATURES += ["processing", "exports", "help", "home", "status", "trail", "support", "syncing"]
TOP = [
    "keyring",
    "doors",
    "access",
    "migrating",
    "piccolo_conf",
    "piccolo_app",
    "sandboxes",
    "figures",
    "health",
    "traffic",
    "app",
    "serving",
    "worker",
    "up",
]
TOP += ["commands", "__main__"]
GRAB_BAGS = {"utils", "util", "helpers", "helper", "common", "misc", "constants", "types"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted((ROOT / "portal").rglob("*.py"))}
FOLDERS = sorted(path.parent.name for path in (ROOT / "portal" / "marketplaces").glob("*/adapter.py"))


@cache
def imports(module: str) -> frozenset[str]:
    """Every module that `module` imports, wherever the statement stands; of ours the exact one, of others the package."""
    return _named(module, ast.walk(parsed(MODULES[module])))


def _named(module: str, nodes: Iterable[ast.AST]) -> frozenset[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{module} imports relatively"
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in named}
    return frozenset(name if name.startswith("portal") else name.partition(".")[0] for name in found)


def loaded_with(module: str) -> set[str]:
    """All that is in memory once `module` is imported: ours by module, others by package. Imports inside functions come later or never."""
    found, left = set[str](), [module]
    while left:
        one = left.pop()
        if one in MODULES and one not in found:
            left += [*_named(one, parsed(MODULES[one]).body), one.rpartition(".")[0]]
        found.add(one)
    return found


def unit(module: str) -> str:
    """What the levels speak of: `db`, `tables`, `orders`; below marketplaces the folder, the registry, or `marketplaces` for the rest."""
    parts = module.split(".")
    if parts[1:2] == ["marketplaces"] and len(parts) > 2 and (parts[2] in FOLDERS or parts[2] == "registry"):
        return parts[2]
    return parts[1] if len(parts) > 1 else "portal"


def allowed(importer: str) -> set[str]:
    """The units that a unit may import, besides itself."""
    below = {*GROUND, "tables"}
    if importer in GROUND:
        return set(GROUND[: GROUND.index(importer)])
    if importer == "tables":
        return set(GROUND)
    if importer in {"marketplaces", "web"}:
        return below
    if importer in FOLDERS:
        return {*below, "marketplaces"}
    if importer == "registry":
        return {*below, "marketplaces", *FOLDERS}
    if importer in FEATURES:
        return {*below, "marketplaces", "registry", "web", *FEATURES[: FEATURES.index(importer)]}
    if importer == "portal":
        return set()
    assert importer in TOP, f"portal.{importer} has no level yet: decide it here"
    return {*below, "marketplaces", "registry", "web", *FEATURES, *TOP, *FOLDERS}


def ours() -> Iterator[tuple[str, str]]:
    return ((module, target) for module in MODULES for target in imports(module) if target.partition(".")[0] == "portal")


def test_imports_point_down_or_left() -> None:
    reach = {one: {one, "portal", *allowed(one)} for one in map(unit, MODULES)}
    assert [f"{module} imports {target}" for module, target in ours() if unit(target) not in reach[unit(module)]] == []


def test_a_marketplace_knows_of_the_tables_only_its_account() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, target in ours()
        if unit(module) in FOLDERS and unit(target) == "tables" and target != "portal.tables.accounts"
    ]
    assert wrong == []


def test_services_know_nothing_of_the_web_or_the_queue() -> None:
    wrong = []
    for module in MODULES:
        parts = module.split(".")
        if parts[1:2] and parts[1] in FEATURES and parts[2:3] == ["service"]:
            outer = {f"portal.{parts[1]}.{name}" for name in ("routes", "job", "painting")} | {"litestar"}
            wrong += [f"{module} imports {target}" for target in imports(module) if target in outer or unit(target) == "web"]
    assert wrong == []


def test_only_the_worker_performs() -> None:
    wrong = [
        f"{module} imports {target}" for module, target in ours() if unit(target) == "syncing" and unit(module) not in {"syncing", "worker"}
    ]
    assert wrong == []


def test_no_grab_bags() -> None:
    named = [path for top in ("portal", "tests") for path in (ROOT / top).rglob("*") if "__pycache__" not in path.parts]
    assert [str(path) for path in named if path.stem in GRAB_BAGS and (path.is_dir() or path.suffix == ".py")] == []


def test_the_readme_shows_every_room() -> None:
    picture = (ROOT / "README.md").read_text().partition("```\nportal/\n")[2].partition("```")[0]
    entries = {"piccolo_conf", "piccolo_app", "__main__"}
    rooms = {*GROUND, "tables", "marketplaces", "registry", "web", *FEATURES, *TOP, *FOLDERS} - entries
    assert rooms - set(re.findall(r"\w+", picture)) == set()


def test_every_folder_is_registered_once() -> None:
    registered = import_module(f"{MARKETPLACES}.registry").MARKETPLACES
    assert sorted(place.code.lower() for place in registered) == FOLDERS
    assert [place for folder in FOLDERS if (place := import_module(f"{MARKETPLACES}.{folder}").MARKETPLACE) not in registered] == []
    assert len({place.slug for place in registered}) == len(registered)


def named_in(text: str) -> set[str]:
    """The marketplaces that a text names, as words: `AMAZON_IN` and `flipkart-logo` do, `amazonaws` does not."""
    words = {folder.partition("_")[0]: folder for folder in FOLDERS}
    pattern = rf"(?<![a-z])({'|'.join(words)})(?![a-z])"
    return {words[word] for word in re.findall(pattern, text.lower())} if words else set()


def sources() -> Iterator[Path]:
    for top in ("portal", "templates", "static"):
        yield from (path for path in (ROOT / top).rglob("*") if path.suffix in {".py", ".html", ".txt", ".js", ".css"})


def test_no_marketplace_is_named_outside_its_folder() -> None:
    wrong = []
    for path in sources():
        owner = unit(module_of(path)) if path.is_relative_to(ROOT / "portal") else ""
        named = named_in(path.read_text()) - {owner}
        if named and owner != "registry":
            wrong.append(f"{path.relative_to(ROOT)} names {', '.join(sorted(named))}")
    assert wrong == []


@pytest.mark.parametrize("kind", ["table", "column"])
def test_no_shared_table_names_a_marketplace(kind: str) -> None:
    spine = import_module("portal.piccolo_app").SPINE
    assert spine
    names = {
        name
        for table in spine
        for name in ([table._meta.tablename] if kind == "table" else [column._meta.name for column in table._meta.columns])
    }
    assert {name for name in names if named_in(name)} == set()


@pytest.mark.parametrize("process", ["portal.app", "portal.worker", "portal.up.supervisor"])
def test_what_draws_and_reads_papers_is_loaded_when_it_is_needed(process: str) -> None:
    # Half a second of every start and fifty megabytes for as long as the process lives.
    assert loaded_with(process) & {"fpdf", "pypdf", "openpyxl", "PIL"} == set()
    assert {"fpdf", "pypdf"} <= loaded_with("portal.documents.binding")
