"""`seller add` and `seller close`: a business and its owner, without the sign-up page; and the end of one."""

import argparse
import asyncio
from typing import Any
from uuid import UUID

import msgspec

from portal import db
from portal.accounts import service as accounts
from portal.commands.session import answer, database_url, explained, opened, read_settings, read_text
from portal.people import service as people


def add_parsers(commands: Any) -> None:
    seller = commands.add_parser("seller", help="the businesses that use this portal")
    what = seller.add_subparsers(required=True, metavar="add|close")
    add = what.add_parser("add", help="a business and its owner")
    add.add_argument("--name", required=True, help="of the business")
    add.add_argument("--email", required=True)
    add.add_argument("--password", required=True, help="- reads standard input, so that it stays out of the list of processes")
    add.add_argument("--json", action="store_true")
    add.set_defaults(run=lambda chosen: asyncio.run(_add(chosen)))
    close = what.add_parser(
        "close",
        help="end every connection of a business and destroy the keys to its buyers, for good",
        description="Every connection ends, saved credentials are erased, everybody is signed out, and no buyer of this business opens any "
        "more: nobody can undo that. The owner can do the same under Settings. Orders, returns, payouts and stock stay readable to the business, without buyers. Backups from before still hold the "
        "keys; delete them when nobody may read those buyers any more.",
    )
    close.add_argument("seller", type=UUID, help="its id")
    close.add_argument("--name", required=True, help="of the business, typed exactly as it is written")
    close.add_argument("--json", action="store_true")
    close.set_defaults(run=lambda chosen: asyncio.run(_close(chosen)))


async def _add(chosen: argparse.Namespace) -> int:
    password = read_text("-").rstrip("\r\n") if chosen.password == "-" else chosen.password
    with explained():
        await db.connect(database_url(read_settings()), max_size=2, name="portal-command")
        try:
            added = await people.add_seller(name=chosen.name, email=chosen.email, password=password)
        finally:
            await db.disconnect()
    answer(chosen.json, added, f"Added {chosen.name}: seller {added['seller_id']}, owner {chosen.email}.")
    return 0


async def _close(chosen: argparse.Namespace) -> int:
    async with opened() as session:
        done = await accounts.close(chosen.seller, typed_name=chosen.name, by="operator", jobs=session.jobs)
    answer(
        chosen.json,
        msgspec.structs.asdict(done),
        f"{chosen.name} is closed: {done.disconnected} connections ended, buyers on {done.data_keys} marketplaces are unreadable for good. "
        "Backups from before still hold their keys.",
    )
    return 0
