"""SECURITY.md promises nothing without a test: each one it names is there, and each promise names one."""

import ast
import re

from tests.supply.locking import ROOT
from tests.syntax import parsed

TOLD = (ROOT / "SECURITY.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TOLD)


def test_every_named_test_is_there() -> None:
    missing = []
    for path, name in NAMED:
        source = ROOT / path
        here = (
            {node.name for node in ast.walk(parsed(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            if source.exists()
            else set()
        )
        if name not in here:
            missing.append(f"{path}::{name}")
    assert len(NAMED) > 15
    assert missing == []


def test_every_promise_names_its_test() -> None:
    """A line of the threat model either names a test or says in italics what an attacker *can* do."""
    model = TOLD.partition("## What an attacker can and cannot do")[2].partition("\n## ")[0]
    promises = re.split(r"\n- ", model)[1:]
    assert len(promises) > 15
    assert [one[:60] for one in promises if "`tests/" not in one and not re.search(r"\*(can|does)\*", one)] == []
