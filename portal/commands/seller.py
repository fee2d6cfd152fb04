"""`seller add`: a business and its owner, without the sign-up page."""

import argparse
import asyncio
from typing import Any

from portal import db
from portal.commands.session import answer, database_url, explained, read_settings, read_text
from portal.people import service as people


def add_parsers(commands: Any) -> None:
    seller = commands.add_parser("seller", help="the businesses that use this portal")
    what = seller.add_subparsers(required=True, metavar="add")
    add = what.add_parser("add", help="a business and its owner")
    add.add_argument("--name", required=True, help="of the business")
    add.add_argument("--email", required=True)
    add.add_argument("--password", required=True, help="- reads standard input, so that it stays out of the list of processes")
    add.add_argument("--json", action="store_true")
    add.set_defaults(run=lambda chosen: asyncio.run(_add(chosen)))


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
