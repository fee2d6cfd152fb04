"""Find settlements, show one with how it adds up, and page through its lines."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from portal import db, paging
from portal.errors import NotFound
from portal.marketplaces.facts import LineKind
from portal.marketplaces.registry import marketplace
from portal.paging import LARGEST_ID, PAGE_SIZE, Slice, Sorting, Where

# What is not paid yet sorts by the end of its period.
NEWEST_FIRST = Sorting(name="paid", value="coalesce(p.paid_at, p.period_end, 'epoch')", id="p.id")
IN_ORDER = Sorting(name="line", value="l.line_key", id="l.id", kind=str, descending=False)

MATCHES = ("unmatched", "no_order", "matched")


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What the payouts page can be narrowed to. `search`: a whole settlement id, or an order id that one of its lines names."""

    search: str = ""
    account_id: UUID | None = None
    status: str = ""
    differing: bool = False
    """Only settlements whose lines do not add up to what was paid."""


class PayoutRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    external_payout_id: str
    account_name: str
    marketplace_name: str
    status: str
    net_amount: Decimal | None
    lines_amount: Decimal
    difference_amount: Decimal | None
    currency: str
    paid_at: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    lines: int
    unmatched: int


class KindSum(msgspec.Struct, frozen=True, kw_only=True):
    kind: LineKind
    lines: int
    amount: Decimal


class PayoutShown(msgspec.Struct, frozen=True, kw_only=True):
    """A settlement and how it adds up: `kinds` has one sum per kind that occurs, in the order of LineKind.

    `unmatched` lines name an order we do not know; `no_order` lines name none.
    """

    id: int
    external_payout_id: str
    account_id: UUID
    account_name: str
    marketplace_name: str
    status: str
    told_status: str
    net_amount: Decimal | None
    lines_amount: Decimal
    difference_amount: Decimal | None
    currency: str
    paid_at: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    source: str
    kinds: list[KindSum]
    lines: int
    unmatched: int
    no_order: int


class LineFilters(msgspec.Struct, frozen=True, kw_only=True):
    kind: str = ""
    match: str = ""


class PayoutLine(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    line_key: str
    kind: str
    description: str
    amount: Decimal
    external_order_id: str
    sku: str
    quantity: int | None
    posted_at: datetime | None
    order_id: int | None


async def search(seller_id: UUID, filters: Filters, cursor: str = "", *, limit: int = PAGE_SIZE) -> Slice[PayoutRow]:
    """A page of settlements, the latest paid first."""
    async with db.transaction(seller_id):
        found = await paging.fetch(
            "p.*, a.name AS account_name, a.marketplace_code, inside.lines, inside.unmatched",
            "marketplace_payouts p",
            _conditions(filters),
            NEWEST_FIRST,
            paging.decode(NEWEST_FIRST, cursor),
            beside="""JOIN marketplace_accounts a ON a.id = p.marketplace_account_id
                CROSS JOIN LATERAL (
                    SELECT count(*) AS lines, count(*) FILTER (WHERE l.order_id IS NULL AND l.external_order_id <> '') AS unmatched
                    FROM payout_line_items l WHERE l.marketplace_payout_id = p.id) AS inside""",
            size=limit,
        )
    rows = [
        PayoutRow(
            **{name: row[name] for name in PayoutRow.__struct_fields__ if name != "marketplace_name"},
            marketplace_name=marketplace(row["marketplace_code"]).name,
        )
        for row in found.rows
    ]
    return found._replace(rows=rows)


def _conditions(filters: Filters) -> Where:
    where = Where()
    if filters.account_id is not None:
        where.add("p.marketplace_account_id = {}", filters.account_id)
    if filters.status:
        where.add("p.status = {}", filters.status)
    if filters.differing:
        where.add("p.difference_amount <> 0")
    if filters.search:
        where.add(
            """(p.external_payout_id = {0}
                OR p.id IN (SELECT l.marketplace_payout_id FROM payout_line_items l WHERE l.external_order_id = {0}))""",
            filters.search,
        )
    return where


async def show(seller_id: UUID, payout_id: int) -> PayoutShown:
    """One settlement with its sums, computed from its lines. NotFound when it is not this seller's."""
    if not 0 < payout_id <= LARGEST_ID:
        raise NotFound("payout")
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT p.*, a.id AS account_id, a.name AS account_name, a.marketplace_code FROM marketplace_payouts p
               JOIN marketplace_accounts a ON a.id = p.marketplace_account_id WHERE p.id = $1""",
            payout_id,
        )
        if row is None:
            raise NotFound("payout")
        sums = await held.fetch(
            """SELECT kind, count(*) AS lines, sum(amount) AS amount,
                      count(*) FILTER (WHERE order_id IS NULL AND external_order_id <> '') AS unmatched,
                      count(*) FILTER (WHERE external_order_id = '') AS no_order
               FROM payout_line_items WHERE marketplace_payout_id = $1 GROUP BY kind""",
            payout_id,
        )
    by_kind = {LineKind(one["kind"]): one for one in sums}
    computed = {"marketplace_name", "kinds", "lines", "unmatched", "no_order"}
    return PayoutShown(
        **{name: row[name] for name in PayoutShown.__struct_fields__ if name not in computed},
        marketplace_name=marketplace(row["marketplace_code"]).name,
        kinds=[KindSum(kind=kind, lines=by_kind[kind]["lines"], amount=by_kind[kind]["amount"]) for kind in LineKind if kind in by_kind],
        lines=sum(one["lines"] for one in sums),
        unmatched=sum(one["unmatched"] for one in sums),
        no_order=sum(one["no_order"] for one in sums),
    )


async def lines(seller_id: UUID, payout_id: int, filters: LineFilters, cursor: str = "", *, limit: int = PAGE_SIZE) -> Slice[PayoutLine]:
    """A page of a settlement's lines, by their key."""
    where = Where()
    where.add("l.marketplace_payout_id = {}", payout_id)
    if filters.kind:
        where.add("l.kind = {}", filters.kind)
    if filters.match == "unmatched":
        where.add("l.order_id IS NULL AND l.external_order_id <> ''")
    elif filters.match == "no_order":
        where.add("l.external_order_id = ''")
    elif filters.match == "matched":
        where.add("l.order_id IS NOT NULL")
    async with db.transaction(seller_id):
        found = await paging.fetch("l.*", "payout_line_items l", where, IN_ORDER, paging.decode(IN_ORDER, cursor), size=limit)
    return found._replace(rows=[PayoutLine(**{name: row[name] for name in PayoutLine.__struct_fields__}) for row in found.rows])
