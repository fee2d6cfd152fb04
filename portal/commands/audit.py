"""`audit verify`: whether every seller's trail is as it was written."""

import argparse
import asyncio
from typing import Any
from uuid import UUID

import msgspec

from portal import db
from portal.audit import chain
from portal.audit.chain import Verified
from portal.commands.session import answer, database_url, explained, read_settings

ALTERED = 1
"""The exit status when a trail is not whole."""


def add_parsers(commands: Any) -> None:
    audit = commands.add_parser("audit", help="the record of who did what")
    what = audit.add_subparsers(required=True, metavar="verify")
    verify = what.add_parser("verify", help="prove that no entry was altered or removed")
    verify.add_argument("--seller", type=UUID, help="only this one; default: all")
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=lambda chosen: asyncio.run(_verify(chosen)))


async def _verify(chosen: argparse.Namespace) -> int:
    with explained():
        await db.connect(database_url(read_settings()), max_size=2, name="portal-command")
        try:
            sellers = [chosen.seller] if chosen.seller else [row["seller_id"] for row in await db.door("door_audited")]
            found = [await chain.verify(seller_id) for seller_id in sellers]
        finally:
            await db.disconnect()
    broken = [one for one in found if one.broken]
    answer(
        chosen.json,
        {"whole": not broken, "trails": [msgspec.to_builtins(one) for one in found]},
        "\n".join((*map(_line, found), _sum(found))),
    )
    return ALTERED if broken else 0


def _line(one: Verified) -> str:
    # The head is worth keeping elsewhere: with it, a whole made-up chain shows too.
    return f"{one.seller_id}  {one.entries} entries, head {one.head[:16] or '–'}  {one.broken or 'unaltered'}"


def _sum(found: list[Verified]) -> str:
    broken = sum(bool(one.broken) for one in found)
    return f"{broken} of {len(found)} trails were altered." if broken else f"{len(found)} trails, all unaltered."
