"""`keys generate` and `keys add`: the key rings, made once, each in a file that only its owner can read."""

import argparse
import os
from pathlib import Path
from typing import Any

from portal import vault
from portal.commands.session import answer, read_settings
from portal.errors import Conflict, Misconfigured
from portal.marketplaces.registry import CODES


def add_parsers(commands: Any) -> None:
    keys = commands.add_parser("keys", help="the key rings that seal and open credentials")
    what = keys.add_subparsers(required=True, metavar="generate|add")
    generate = what.add_parser("generate", help="fresh rings for every marketplace and for buyers")
    generate.add_argument("--into", metavar="DIRECTORY", help="default: <data dir>/keys")
    generate.add_argument("--json", action="store_true")
    generate.set_defaults(run=_generate)
    add = what.add_parser("add", help="rings for marketplaces that came later; those that are there stay as they are")
    add.add_argument("--into", metavar="DIRECTORY", help="default: <data dir>/keys")
    add.add_argument("--json", action="store_true")
    add.set_defaults(run=_add)


def _generate(chosen: argparse.Namespace) -> int:
    folder = _folder(chosen)
    files = {"seal": "", "open": "", "buyer-open": ""}
    existing = [name for name in files if (folder / name).exists()]
    if existing:
        raise Conflict(
            f"There are keys in {folder} already, and what they sealed would be lost.", hint="Name another directory with --into."
        )
    public, credentials = vault.generate(CODES)
    buyer_public, buyers = vault.generate([vault.BUYERS])
    files |= {"seal": public + buyer_public.splitlines()[0] + "\n", "open": credentials, "buyer-open": buyers}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in files.items():
            with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
    except OSError as error:
        raise Misconfigured(
            f"We cannot write keys to {folder}: {error.strerror}.", hint="Choose a directory that this user may write to."
        ) from error
    answer(
        chosen.json,
        {"directory": folder, "rings": [*CODES, vault.BUYERS]},
        f"Fresh key rings are in {folder}. Back them up: without them nothing opens.",
    )
    return 0


def _add(chosen: argparse.Namespace) -> int:
    folder = _folder(chosen)
    try:
        known = {line.split()[0] for line in (folder / "seal").read_text().splitlines() if line.strip()}
        new = [code for code in CODES if code not in known]
        if new:
            public, private = vault.generate(new)
            # The last line is another fingerprint key; the old one goes on being used.
            _append(folder / "open", private)
            _append(folder / "seal", "\n".join(public.splitlines()[: len(new)]) + "\n")
    except OSError as error:
        raise Misconfigured(
            f"There are no keys in {folder} to add to: {error.strerror}.", hint="`python -m portal keys generate` makes them."
        ) from error
    answer(
        chosen.json, {"directory": folder, "rings": new}, f"Added rings for {', '.join(new)}." if new else "Every marketplace has its ring."
    )
    return 0


def _folder(chosen: argparse.Namespace) -> Path:
    return Path(chosen.into) if chosen.into else read_settings().data_dir / "keys"


def _append(path: Path, lines: str) -> None:
    with path.open("a") as file:
        file.write(lines)
