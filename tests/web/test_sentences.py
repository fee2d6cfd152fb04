"""Whatever the portal's code may say to a seller is in the catalogues: every whole sentence of it, wherever it stands."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests import words
from tests.syntax import parsed
from tests.words import ROOT

PORTAL = ROOT / "portal"
ELSEWHERE = (
    # What is said on a terminal, in a log, by the database or by a sandbox: to whoever runs the portal, who reads English.
    *("__main__.py", "access.py", "app.py", "commands/", "db.py", "doors.py", "figures.py", "files/", "health.py", "jobs.py"),
    *(
        "keyring/canaries.py",
        "keyring/files.py",
        "keyring/places.py",
        "keyring/resealing.py",
        "keyring/rotating.py",
        "mail.py",
        "migrating.py",
        "postgres/",
    ),
    *("runs/streaming.py", "serving.py", "settings.py", "tables/", "traffic.py", "up/"),
    *("vault/rings.py", "vault/wrapping.py", "worker.py"),
    # On paper that somebody else reads: buyers, couriers and tax offices.
    *("documents/invoices.py", "documents/parties.py", "documents/slips.py", "documents/tax.py"),
)
TO_SOMEBODY_ELSE = (
    # A message that the seller sends on to the marketplace's people, shown as it will be sent.
    "Hello, ",
    "Please do not post them in a group.",
    # Instructions for whoever runs the portal.
    *("Set PORTAL_", "Correct PORTAL_", "Register a", "This process holds no key", "The address configured for {}"),
    *("The time-out configured", "The signing profile configured"),
)
PUT_TOGETHER = {"Row {}: {}.", "We would set it to {}{}. Nothing was sent."}
"""Sentences that are known by their parts."""

SENTENCE = re.compile(r"[A-Z{](?:[^\n]|\n)*[a-z)}”\"] ?[a-z{“(](?:[^\n]|\n)*[.!?]")
NO_SENTENCE = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE|FROM|CREATE|GRANT|JOIN)\b|[<>=_]{2}|^\{\} [^ ]*$")


def said_in(path: Path) -> Iterator[tuple[int, str]]:
    """Every whole sentence of a file with its line, `{}` for each value; docstrings and comments are said to nobody."""
    tree = parsed(path)
    inside: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        inside |= {id(one.value) for one in body if isinstance(one, ast.Expr)} if isinstance(body, list) else set()
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        shape = words._shape(node) if id(node) not in inside else None
        if shape and SENTENCE.fullmatch(shape) and not NO_SENTENCE.search(shape):
            yield getattr(node, "lineno", 0), shape


def known(code: str) -> set[str]:
    return {words.shape_of(one).lower() for said in words.translations(code) for one in ([said] if isinstance(said, str) else said)}


HINDI = known("hi")


def test_every_sentence_of_the_code_has_a_translation() -> None:
    """A sentence that is not there would stand in English on a Hindi page, and nobody would notice."""
    missing = []
    for path in sorted(PORTAL.rglob("*.py")):
        name = path.relative_to(PORTAL).as_posix()
        if name.startswith(ELSEWHERE) or "/sandbox" in name:
            continue
        ours = [(line, one) for line, one in said_in(path) if one not in PUT_TOGETHER and not one.startswith(TO_SOMEBODY_ELSE)]
        missing += [f"{name}:{line}: {one}" for line, one in ours if one.lower() not in HINDI]
    assert missing == []
