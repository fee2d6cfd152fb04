"""`keys …`: the key rings, made once, each in a file that only its owner can read; and their rotation while everything runs."""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from portal import db, vault
from portal.commands.session import answer, every_ring, explained, read_settings, running_database
from portal.errors import Conflict, Misconfigured
from portal.keyring import canaries, rotating
from portal.keyring import files as ring_files
from portal.keyring.files import RingFiles
from portal.marketplaces.registry import CODES


def add_parsers(commands: Any) -> None:
    keys = commands.add_parser("keys", help="the key rings that seal and open credentials")
    what = keys.add_subparsers(required=True, metavar="generate|add|rotate|retire|give-up|wrap")
    generate = what.add_parser("generate", help="fresh rings for every marketplace and for buyers")
    generate.add_argument("--into", metavar="DIRECTORY", help="default: <data dir>/keys")
    generate.add_argument("--json", action="store_true")
    generate.set_defaults(run=_generate)
    add = what.add_parser("add", help="rings for marketplaces that came later; those that are there stay as they are")
    add.add_argument("--into", metavar="DIRECTORY", help="default: <data dir>/keys")
    add.add_argument("--json", action="store_true")
    add.set_defaults(run=_add)
    rotate = what.add_parser("rotate", help="a new key for every ring, and everything sealed anew with it, while all runs")
    rotate.add_argument("--new-keys-only", action="store_true", help="only change the files, to hand them to other machines first")
    rotate.add_argument("--json", action="store_true")
    rotate.set_defaults(run=lambda chosen: asyncio.run(_rotate(chosen)))
    retire = what.add_parser("retire", help="remove the older keys, once nothing names them any more")
    retire.add_argument("--json", action="store_true")
    retire.set_defaults(run=lambda chosen: asyncio.run(_retire(chosen)))
    lost = what.add_parser("give-up", help="start again although a key is lost for good: what it sealed stays closed")
    lost.add_argument("key_id", help="as the refusal to start names it")
    lost.add_argument("--json", action="store_true")
    lost.set_defaults(run=lambda chosen: asyncio.run(_give_up(chosen)))
    wrap = what.add_parser("wrap", help="let AWS KMS wrap the private keys in their files")
    wrap.add_argument("--kms-key", required=True, metavar="ARN")
    wrap.add_argument("--json", action="store_true")
    wrap.set_defaults(run=_wrap)


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


async def _rotate(chosen: argparse.Namespace) -> int:
    if chosen.new_keys_only:
        new = ring_files.add_keys(_files())
        answer(
            chosen.json,
            {"new": new},
            f"New keys for {', '.join(new)} are in the files. Bring them to every machine, then run `python -m portal keys rotate`.",
        )
        return 0
    async with _at_work() as keys:
        done = await rotating.rotate(keys, _files())
    begun = f"New keys for {', '.join(done.new)}. " if done.new else "Brought the last rotation to its end, without new keys. "
    broken = f" {len(done.unreadable)} rows hold something that does not open: {', '.join(done.unreadable)}." if done.unreadable else ""
    answer(
        chosen.json,
        asdict(done),
        f"{begun}{done.values} values sealed anew.{broken} The older keys go with `python -m portal keys retire`.",
    )
    return 1 if done.unreadable else 0


async def _retire(chosen: argparse.Namespace) -> int:
    async with _at_work() as keys:
        gone = await rotating.retire(keys, _files())
    told = f"Removed {', '.join(f'{ring} {key_id}' for key_id, ring in gone.items())}." if gone else "There are no older keys."
    answer(chosen.json, {"removed": gone}, f"{told} A backup from before the rotation opens only with the rings of its time.")
    return 0


async def _give_up(chosen: argparse.Namespace) -> int:
    async with _at_work():
        await canaries.remove([chosen.key_id])
    answer(
        chosen.json,
        {"given_up": chosen.key_id},
        f"Nobody asks for key {chosen.key_id} any more. Accounts it sealed have to be connected again; buyers it sealed stay unreadable.",
    )
    return 0


def _wrap(chosen: argparse.Namespace) -> int:
    done = sum(ring_files.wrap(path, chosen.kms_key) for path in _files().private)
    answer(
        chosen.json, {"wrapped": done}, f"{done} private keys are wrapped by AWS KMS now. Copies of the old files still open everything."
    )
    return 0


@asynccontextmanager
async def _at_work() -> AsyncIterator[vault.Vault]:
    """Every ring that is here, and the database by a worker's login: it may read what is sealed."""
    chosen = read_settings()
    with explained():
        await db.connect(chosen.database_url or running_database(chosen).worker, max_size=4, name="portal-keys")
        try:
            yield vault.load(**every_ring(chosen))
        finally:
            await db.disconnect()


def _files() -> RingFiles:
    return RingFiles.named(**every_ring(read_settings()))


def _folder(chosen: argparse.Namespace) -> Path:
    return Path(chosen.into) if chosen.into else read_settings().data_dir / "keys"


def _append(path: Path, lines: str) -> None:
    with path.open("a") as file:
        file.write(lines)
