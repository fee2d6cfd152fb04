"""`python -m tests.pacing.caller`: read one account's orders over and over, as a worker of its own would, until the time is over.

Standard input is a JSON object: `database_url`, `code`, `settings` (the marketplace's group), `keys`, `account` (id, seller_id), `seconds`,
and `least`: so many calls are made, however long they take.
Standard output is the number of calls it made.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from portal import db, logs
from portal.marketplaces.contract import AccountRef, SyncContext
from portal.marketplaces.errors import Throttled
from portal.marketplaces.http import Call
from portal.marketplaces.opening import Doorway
from portal.marketplaces.registry import marketplace
from portal.settings import Settings


async def call(told: dict[str, Any]) -> int:
    """How many calls were made."""
    place = marketplace(told["code"])
    account = AccountRef(
        id=UUID(told["account"][0]), seller_id=UUID(told["account"][1]), code=place.code, external_account_id="", name="Surat store"
    )
    method = place.method_of(told["keys"])
    keys = method.keys(**{name: value for name, value in told["keys"].items() if name in method.fields()})
    doorway = Doorway(Settings(marketplaces={place.code: told["settings"]}, allow_private_marketplaces=True))
    made = 0

    async def observe(_: Call) -> None:
        nonlocal made
        made += 1

    until = time.monotonic() + told["seconds"]
    await db.connect(told["database_url"], max_size=2)
    try:
        async with doorway.opened(place, account, keys, observe=observe) as adapter:
            while time.monotonic() < until or made < told["least"]:
                try:
                    async for _ in adapter.sync_orders(
                        SyncContext(account=account, now=datetime.fromisoformat(told["now"]).astimezone(UTC))
                    ):
                        if time.monotonic() > until and made >= told["least"]:
                            break
                except Throttled:
                    await asyncio.sleep(0.5)  # a job would be handed back here
    finally:
        await db.disconnect()
    return made


if __name__ == "__main__":
    logs.configure(Settings(log_level="ERROR"), process="caller")
    sys.stdout.write(str(asyncio.run(call(msgspec.json.decode(sys.stdin.buffer.read())))))
