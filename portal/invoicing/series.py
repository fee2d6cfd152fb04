"""Numbers of invoices: one after the other in each financial year, none left out, none twice.

Rule 46(b) of the CGST Rules: a consecutive serial number of at most 16 characters, unique for a financial year, in one or more series.
"""

from datetime import date
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.errors import Conflict

LONGEST = 16


class SeriesFull(Conflict):
    """No number of 16 characters is left this year."""

    code = "series_full"


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """A number that belongs to whoever keeps an invoice under it in the same transaction. `text` is "INV/2627/1"."""

    series_id: UUID
    serial: int
    text: str
    day: date


def financial_year(day: date) -> str:
    """The year from April to March that a day lies in: "2627" for 22 November 2026."""
    first = day.year - (day.month < 4)
    return f"{first % 100:02}{(first + 1) % 100:02}"


async def next_number(seller_id: UUID, *, gstin: str, prefix: str) -> Numbered:
    """The number after the newest that is kept, in the caller's transaction. Raises SeriesFull.

    The series stays locked to the end of that transaction: who asks meanwhile waits, and gets the next number if the invoice was kept, the
    same one if it was not. The day is read under the lock as well, so that days never run against numbers.
    """
    held = db.connection()
    year = financial_year(clock.ist_today())
    await held.execute(
        "INSERT INTO invoice_series (id, seller_id, gstin, prefix, year) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        uuid4(),
        seller_id,
        gstin,
        prefix,
        year,
    )
    series_id = await held.fetchval(
        "SELECT id FROM invoice_series WHERE seller_id = $1 AND gstin = $2 AND prefix = $3 AND year = $4",
        seller_id,
        gstin,
        prefix,
        year,
    )
    # Its row cannot be locked: to lock one takes the right to change it, and nobody has that.
    await held.execute("SELECT pg_advisory_xact_lock(hashtextextended('invoice_series ' || $1::text, 0))", str(series_id))
    if financial_year(clock.ist_today()) != year:  # waited for the lock over midnight of 31 March
        return await next_number(seller_id, gstin=gstin, prefix=prefix)
    serial = 1 + await held.fetchval("SELECT coalesce(max(serial), 0) FROM tax_invoices WHERE series_id = $1", series_id)
    text = f"{prefix}/{year}/{serial}"
    if len(text) > LONGEST:
        raise SeriesFull("This series of numbers is full for the year. Choose another prefix in the invoice settings.")
    return Numbered(series_id=series_id, serial=serial, text=text, day=clock.ist_today())
