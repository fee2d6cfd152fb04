"""What a seller wants to know first: how many orders, which connections work, what needs a hand."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from portal import clock, db

TO_PACK = ("open", "accepted", "confirmed")
DAYS = 14


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """Orders placed on one Indian day, and what they come to."""

    day: date
    orders: int
    amount: Decimal


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of the home page. `days` are the last fourteen, oldest first, today last."""

    to_pack: int
    late: int
    days: tuple[Day, ...]
    yesterday_so_far: int
    accounts: int
    working: int

    @property
    def today(self) -> Day:
        return self.days[-1]


async def today(seller_id: UUID) -> Today:
    """Counted from the rows themselves, never from a counter that could drift."""
    start, _ = clock.ist_day(clock.ist_today() - timedelta(days=DAYS - 1))
    async with db.transaction(seller_id) as held:
        pack = await held.fetchrow(
            "SELECT count(*) AS open, count(*) FILTER (WHERE dispatch_by < $2) AS late FROM orders WHERE status = ANY($1)",
            list(TO_PACK),
            clock.now(),
        )
        rows = await held.fetch(
            """SELECT (placed_at AT TIME ZONE 'Asia/Kolkata')::date AS day, count(*) AS orders, coalesce(sum(total_amount), 0) AS amount
               FROM orders WHERE placed_at >= $1 AND status <> 'cancelled' GROUP BY 1""",
            start,
        )
        day_start, _ = clock.ist_day(clock.ist_today() - timedelta(days=1))
        yesterday = await held.fetchval(
            "SELECT count(*) FROM orders WHERE placed_at >= $1 AND placed_at < $2 AND status <> 'cancelled'",
            day_start,
            clock.now() - timedelta(days=1),
        )
        accounts = await held.fetchrow(
            """SELECT count(*) AS all, count(*) FILTER (WHERE NOT needs_reconnect AND state = 'active') AS working
               FROM marketplace_accounts WHERE state <> 'disconnected'"""
        )
    found = {row["day"]: row for row in rows}
    days = [clock.ist_today() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return Today(
        to_pack=pack["open"],
        late=pack["late"],
        days=tuple(
            Day(day=day, orders=found[day]["orders"] if day in found else 0, amount=found[day]["amount"] if day in found else Decimal(0))
            for day in days
        ),
        yesterday_so_far=yesterday,
        accounts=accounts["all"],
        working=accounts["working"],
    )
