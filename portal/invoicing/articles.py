"""The HSN code and the GST rate of each of a seller's own SKUs: typed one by one, or many from a file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import BinaryIO
from uuid import UUID

import msgspec
from anyio import to_thread

from portal import clock, db
from portal.audit import service as audit
from portal.documents.tax import percent
from portal.errors import BadInput
from portal.invoicing import sheets
from portal.tables.audit import Action

HSN = re.compile(r"[0-9]{4}(?:[0-9]{2}){0,2}")
RATES = (0, 10, 25, 100, 150, 300, 500, 600, 750, 1200, 1800, 2800, 4000)
"""Rates of GST on goods that are or lately were in force, in hundredths of a percent (rate notifications under section 9 of the CGST Act)."""

MOST_SKU = 120
ROWS_AT_ONCE = 1_000
PROBLEMS = 1_000
SHOWN = 200


class Article(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` is in hundredths of a percent."""

    sku: str
    hsn: str
    rate: int


class Taken(msgspec.Struct, kw_only=True):
    """What became of a file: rows kept, and those that could not be, each with its place and reason. `problems` has the first thousand."""

    kept: int = 0
    unreadable: int = 0
    problems: list[tuple[str, str]] = []


def read_rate(text: str) -> int | None:
    """A rate as people write it, "18", "18%" or "0.25"; None for what is no rate of GST."""
    try:
        hundredths = Decimal(text.strip().removesuffix("%").strip()) * 100
    except InvalidOperation:
        return None
    return next((rate for rate in RATES if rate == hundredths), None)


def read(sku: str, hsn: str, rate: str) -> Article:
    """One article as it was typed. Raises BadInput naming the fields `hsn` and `rate`."""
    wrong, found = {}, read_rate(rate)
    if not HSN.fullmatch(hsn.strip()):
        wrong["hsn"] = "An HSN code has 4, 6 or 8 digits."
    if found is None:
        wrong["rate"] = "This is no rate of GST."
    if not 0 < len(sku.strip()) <= MOST_SKU:
        wrong["sku"] = "There is no SKU."
    if wrong or found is None:
        raise BadInput("Some of this needs another look.", fields=wrong)
    return Article(sku=sku.strip(), hsn=hsn.strip(), rate=found)


async def save(seller_id: UUID, article: Article, *, by: str) -> None:
    """Keep one article's code and rate, for invoices from now on; on record."""
    async with db.transaction(seller_id):
        await _keep(seller_id, [article])
        await audit.write(seller_id, Action.ARTICLES_SAVED, f"{article.sku}: HSN {article.hsn} at {percent(article.rate)}", actor=by)


async def take(seller_id: UUID, file_name: str, source: BinaryIO, *, by: str) -> Taken:
    """Keep every readable row of a CSV or XLSX file with the columns SKU, HSN and GST rate; the later of two rows of one SKU counts.

    Raises BadInput for a file of another kind, or without a single row that can be kept.
    """
    rows = iter(sheets.rows(file_name, source))
    taken = Taken(problems=[])
    while found := await to_thread.run_sync(_next, rows):
        good = {}
        for where, told in found:
            try:
                article = read(told["sku"], told["hsn"], told["rate"])
            except BadInput as mistake:
                taken.unreadable += 1
                taken.problems.append((where, " ".join(mistake.fields.values())))
            else:
                good[article.sku] = article
        del taken.problems[PROBLEMS:]
        async with db.transaction(seller_id):
            await _keep(seller_id, list(good.values()))
        taken.kept += len(good)
    if not taken.kept:
        first = f"{taken.problems[0][0]}: {taken.problems[0][1]}" if taken.problems else "Its first row has to name the columns."
        raise BadInput("There is no article in this file.", fields={"file": first})
    await audit.write(seller_id, Action.ARTICLES_SAVED, f"HSN codes and rates of {taken.kept} SKUs from {file_name[-200:]}", actor=by)
    return taken


def _next(rows: Iterator[sheets.Row]) -> list[sheets.Row]:
    return list(islice(rows, ROWS_AT_ONCE))


async def _keep(seller_id: UUID, articles: Sequence[Article]) -> None:
    await db.connection().execute(
        """INSERT INTO tax_articles AS held (seller_id, sku, hsn, rate, changed_at)
           SELECT $1, told.sku, told.hsn, told.rate, $5 FROM unnest($2::text[], $3::text[], $4::int[]) AS told (sku, hsn, rate)
           ON CONFLICT (seller_id, sku) DO UPDATE SET hsn = excluded.hsn, rate = excluded.rate, changed_at = excluded.changed_at
           WHERE (held.hsn, held.rate) IS DISTINCT FROM (excluded.hsn, excluded.rate)""",
        seller_id,
        [one.sku for one in articles],
        [one.hsn for one in articles],
        [one.rate for one in articles],
        clock.now(),
    )


async def of_skus(account_id: UUID, skus: Sequence[str]) -> Mapping[str, Article]:
    """What these SKUs of the account's marketplace are taxed at, by that SKU, as far as it is known. In the caller's transaction.

    A listing says which of the seller's own SKUs one of the marketplace's is; without a listing it is the same.
    """
    rows = await db.connection().fetch(
        """SELECT told.sku, t.hsn, t.rate FROM unnest($2::text[]) AS told (sku)
           LEFT JOIN listings l ON l.marketplace_account_id = $1 AND l.sku = told.sku
           JOIN tax_articles t ON t.sku = coalesce(nullif(l.own_sku, ''), told.sku)""",
        account_id,
        list(dict.fromkeys(skus)),
    )
    return {row["sku"]: Article(sku=row["sku"], hsn=row["hsn"], rate=row["rate"]) for row in rows}


async def of_own_sku(seller_id: UUID, sku: str) -> Article | None:
    """The code and rate of one of the seller's own SKUs; None where nobody told them."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow("SELECT sku, hsn, rate FROM tax_articles WHERE sku = $1", sku)
    return Article(**dict(row)) if row else None


async def listed(seller_id: UUID) -> tuple[list[Article], int]:
    """The first two hundred articles by SKU, and how many there are."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch("SELECT sku, hsn, rate, count(*) OVER () AS many FROM tax_articles ORDER BY sku LIMIT $1", SHOWN)
    return [Article(sku=row["sku"], hsn=row["hsn"], rate=row["rate"]) for row in rows], rows[0]["many"] if rows else 0
