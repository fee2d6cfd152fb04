"""`keys generate`: the key rings, made once, each in a file that only its owner can read."""

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
    what = keys.add_subparsers(required=True, metavar="generate")
    generate = what.add_parser("generate", help="fresh rings for every marketplace and for buyers")
    generate.add_argument("--into", metavar="DIRECTORY", help="default: <data dir>/keys")
    generate.add_argument("--json", action="store_true")
    generate.set_defaults(run=_generate)


def _generate(chosen: argparse.Namespace) -> int:
    folder = Path(chosen.into) if chosen.into else read_settings().data_dir / "keys"
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
