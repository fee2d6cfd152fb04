"""A brake on guessing, counted in the database, so over all web processes and restarts.

Each try is counted before it is looked at, so a hundred at once are not looked at a hundred times. One beyond a limit is not looked at
and counts for nothing: a pause ends when its window ends, whatever is tried meanwhile, and then the right password works.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

from portal import clock, db
from portal.errors import PortalError

PRESENTLY, HOUR = timedelta(minutes=15), timedelta(hours=1)


class Limit(NamedTuple):
    """At most `most` failures of one kind `within` a time."""

    what: str
    most: int
    within: timedelta


class Counted(NamedTuple):
    """A limit and who it is counted for: an address, an e-mail address, a person."""

    limit: Limit
    who: str

    @property
    def key(self) -> bytes:
        return hashlib.sha256(f"{self.limit.what}\x00{self.who}".encode()).digest()


FROM_ONE_PLACE = Limit("password of one account from one address", 10, PRESENTLY)
AT_ONE_ADDRESS = Limit("passwords from one address", 100, PRESENTLY)
OF_ONE_ACCOUNT = Limit("password of one account from browsers it does not know", 50, PRESENTLY)
OF_ONE_BROWSER = Limit("password of one account from a browser it knows", 20, PRESENTLY)
CODES = Limit("second step of one person", 10, PRESENTLY)
RESETS = Limit("new password for one account", 3, HOUR)
RESETS_FROM_ONE_ADDRESS = Limit("new passwords from one address", 20, HOUR)


class TooManyTries(PortalError):
    """Too many failures; `until` says when the next try is looked at."""

    code = "too_many_tries"
    status = 429

    def __init__(self, until: datetime) -> None:
        minutes = max(1, ceil((until - clock.now()).total_seconds() / 60))
        wait = "1 minute" if minutes == 1 else f"{minutes} minutes"
        super().__init__(f"There were too many tries. Try again in {wait}.")
        self.until = until


def at_the_door(email: str, address: str, *, known: bool) -> tuple[Counted, ...]:
    """What a password for `email` from `address` counts towards.

    A browser the account has been used in before (`known`) has a count of its own, so that strangers everywhere do not keep its owner out.
    """
    of_account = OF_ONE_BROWSER if known else OF_ONE_ACCOUNT
    return (Counted(FROM_ONE_PLACE, f"{address} {email}"), Counted(AT_ONE_ADDRESS, address), Counted(of_account, email))


async def admit(tries: Sequence[Counted]) -> None:
    """Count a try before it is looked at. Raises TooManyTries, and then counts nothing."""
    now, waits = clock.now(), []
    async with db.pool().acquire() as held, held.transaction():
        # In one order everywhere: two tries that share keys wait for each other instead of locking each other out.
        for one in sorted(tries, key=lambda one: one.key):
            row = await held.fetchrow(
                """INSERT INTO tries AS t (key, began_at, failed) VALUES ($1, $2, 1)
                   ON CONFLICT (key) DO UPDATE SET failed = CASE WHEN t.began_at + $3 <= $2 THEN 1 ELSE t.failed + 1 END,
                                                   began_at = CASE WHEN t.began_at + $3 <= $2 THEN $2 ELSE t.began_at END
                   RETURNING began_at, failed""",
                one.key,
                now,
                one.limit.within,
            )
            if row["failed"] > one.limit.most:
                waits.append(row["began_at"] + one.limit.within)
        if waits:
            raise TooManyTries(max(waits))


async def welcome(tries: Sequence[Counted]) -> None:
    """The try was right: what went wrong at the first of these is forgotten, and at the others the try does not count."""
    first, *others = (one.key for one in tries)
    async with db.pool().acquire() as held:
        await held.execute("DELETE FROM tries WHERE key = $1", first)
        await held.execute("UPDATE tries SET failed = failed - 1 WHERE key = ANY($1::bytea[]) AND failed > 0", others)


async def forget() -> None:
    """Remove counts whose window has long passed."""
    async with db.pool().acquire() as held:
        await held.execute("DELETE FROM tries WHERE began_at < $1", clock.now() - timedelta(days=1))
