"""Keep settlements and their lines, and say how they add up. `finding` reads them for pages."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from portal import db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import PayoutFact, PayoutLineFact
from portal.runs.kept import Kept

TOLD_ORDER = ("PENDING", "RECONCILED", "DISPUTED")
"""What a marketplace says about a settlement; a later word wins, whatever order the parts come in."""

# A settlement may come in parts that each know a little: what a part does not tell stays as it was.
_KEEP_PAYOUTS = """
INSERT INTO marketplace_payouts AS held (
    seller_id, marketplace_account_id, external_payout_id, net_amount, currency, paid_at, period_start, period_end, told_status, source)
SELECT $1, $2, told.*, $10 FROM unnest(
    $3::text[], $4::numeric[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::text[]) AS told
ON CONFLICT (marketplace_account_id, external_payout_id) DO UPDATE SET
    net_amount = coalesce(excluded.net_amount, held.net_amount), currency = excluded.currency,
    paid_at = coalesce(excluded.paid_at, held.paid_at), period_start = coalesce(excluded.period_start, held.period_start),
    period_end = coalesce(excluded.period_end, held.period_end),
    told_status = CASE WHEN array_position($11, excluded.told_status::text) > array_position($11, held.told_status::text)
                       THEN excluded.told_status ELSE held.told_status END,
    changed_at = now()
WHERE (held.net_amount, held.currency, held.paid_at, held.period_start, held.period_end)
      IS DISTINCT FROM
      (coalesce(excluded.net_amount, held.net_amount), excluded.currency, coalesce(excluded.paid_at, held.paid_at),
       coalesce(excluded.period_start, held.period_start), coalesce(excluded.period_end, held.period_end))
   OR array_position($11, excluded.told_status::text) > array_position($11, held.told_status::text)
RETURNING id, (xmax = 0) AS inserted
"""

_KEEP_LINES = """
INSERT INTO payout_line_items AS held (
    seller_id, marketplace_payout_id, line_key, kind, description, amount, external_order_id, external_item_id, sku, quantity, posted_at,
    order_id)
SELECT $1, parent.id, told.line_key, told.kind, told.description, told.amount, told.external_order_id, told.external_item_id, told.sku,
       told.quantity, told.posted_at, known.id
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::text[], $9::text[], $10::text[], $11::int[], $12::timestamptz[])
     AS told (external_payout_id, line_key, kind, description, amount, external_order_id, external_item_id, sku, quantity, posted_at)
JOIN marketplace_payouts parent ON parent.marketplace_account_id = $2 AND parent.external_payout_id = told.external_payout_id
LEFT JOIN orders known ON known.marketplace_account_id = $2 AND known.external_order_id = told.external_order_id AND told.external_order_id <> ''
ON CONFLICT (marketplace_payout_id, line_key) DO UPDATE SET
    kind = excluded.kind, description = excluded.description, amount = excluded.amount, external_order_id = excluded.external_order_id,
    external_item_id = excluded.external_item_id, sku = excluded.sku, quantity = excluded.quantity, posted_at = excluded.posted_at,
    order_id = excluded.order_id
WHERE (held.kind, held.description, held.amount, held.external_order_id, held.external_item_id, held.sku, held.quantity, held.posted_at,
       held.order_id)
      IS DISTINCT FROM
      (excluded.kind, excluded.description, excluded.amount, excluded.external_order_id, excluded.external_item_id, excluded.sku,
       excluded.quantity, excluded.posted_at, excluded.order_id)
RETURNING marketplace_payout_id
"""

# Sums come from the rows, never from a counter. A settlement in dispute stays so, and our own conclusion is withdrawn when a line
# that came later no longer adds up. Each step is made once and kept: a planner that has seen no rows yet would sum the lines again
# for every settlement it looks at.
_ADD_UP = """
WITH summed AS MATERIALIZED (
    SELECT marketplace_payout_id AS id, sum(amount) AS amount FROM payout_line_items
    WHERE marketplace_payout_id = ANY($1) GROUP BY marketplace_payout_id
), concluded AS MATERIALIZED (
    SELECT p.id, coalesce(s.amount, 0) AS lines_amount, p.net_amount - coalesce(s.amount, 0) AS difference_amount,
           CASE WHEN p.told_status = 'DISPUTED' OR p.status = 'DISPUTED' THEN 'DISPUTED'
                WHEN p.told_status = 'RECONCILED' OR (p.net_amount = coalesce(s.amount, 0) AND p.paid_at IS NOT NULL) THEN 'RECONCILED'
                ELSE 'PENDING' END AS status
    FROM marketplace_payouts p LEFT JOIN summed s ON s.id = p.id WHERE p.id = ANY($1)
)
UPDATE marketplace_payouts p SET lines_amount = c.lines_amount, difference_amount = c.difference_amount, status = c.status
FROM concluded c
WHERE p.id = c.id AND (p.lines_amount, p.difference_amount, p.status) IS DISTINCT FROM (c.lines_amount, c.difference_amount, c.status)
"""

# A line that was expected and is now paid is money once: it leaves the settlement that was only announced, which goes when it is empty.
_NO_LONGER_DUE = """
DELETE FROM payout_line_items l USING marketplace_payouts p, unnest($2::text[], $3::text[], $4::numeric[]) AS paid (line_key, order_id, amount)
WHERE p.marketplace_account_id = $1 AND p.paid_at IS NULL AND l.marketplace_payout_id = p.id AND NOT p.external_payout_id = ANY($5)
  AND (l.line_key, l.external_order_id, l.amount) = (paid.line_key, paid.order_id, paid.amount)
RETURNING p.id
"""

_DROP_EMPTY = """
DELETE FROM marketplace_payouts p WHERE p.id = ANY($1) AND NOT EXISTS (SELECT FROM payout_line_items l WHERE l.marketplace_payout_id = p.id)
"""

# Settlements that a sync has told to their end, without one line under the keys given.
_TOLD_OTHERWISE = """
WITH told AS (SELECT * FROM unnest($2::text[], $3::text[]) AS one (external_payout_id, line_key))
SELECT p.external_payout_id FROM marketplace_payouts p
WHERE p.marketplace_account_id = $1 AND p.source = 'sync' AND p.paid_at IS NOT NULL
  AND p.external_payout_id IN (SELECT external_payout_id FROM told)
  AND EXISTS (SELECT FROM payout_line_items l WHERE l.marketplace_payout_id = p.id)
  AND NOT EXISTS (SELECT FROM payout_line_items l JOIN told ON told.external_payout_id = p.external_payout_id AND told.line_key = l.line_key
                  WHERE l.marketplace_payout_id = p.id)
ORDER BY p.external_payout_id
"""

# From each line to its order, one look into the index: as a join it is planned from the orders, which compares all with all.
_MATCH_LINES = """
WITH found AS MATERIALIZED (
    SELECT l.id, (SELECT o.id FROM orders o WHERE o.marketplace_account_id = $1 AND o.external_order_id = l.external_order_id) AS order_id
    FROM payout_line_items l
    WHERE l.marketplace_payout_id = ANY(ARRAY(SELECT p.id FROM marketplace_payouts p WHERE p.marketplace_account_id = $1))
      AND l.order_id IS NULL AND l.external_order_id <> ''
)
UPDATE payout_line_items l SET order_id = found.order_id FROM found WHERE l.id = found.id AND found.order_id IS NOT NULL
"""


class _Header(msgspec.Struct, kw_only=True):
    """What all parts of a page say about one settlement."""

    external_payout_id: str
    net_amount: Decimal | None = None
    currency: str = "INR"
    paid_at: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    told: str = "PENDING"


async def keep(account: AccountRef, facts: Sequence[PayoutFact], *, source: str = "sync") -> Kept:
    """Upsert settlements or parts of them, in the caller's transaction. Keeping the same again changes nothing.

    A settlement counts as changed when its head or any line is new or different. `source` says where a new one was first heard of.
    """
    headers = _headers(facts)
    if not headers:
        return Kept()
    held = db.connection()
    rows = await held.fetch(_KEEP_PAYOUTS, account.seller_id, account.id, *_header_columns(headers), source, list(TOLD_ORDER))
    new = {row["id"] for row in rows if row["inserted"]}
    changed = {row["id"] for row in rows if not row["inserted"]}
    lines = _each_line_once(facts)
    if lines:
        changed.update(
            row["marketplace_payout_id"] for row in await held.fetch(_KEEP_LINES, account.seller_id, account.id, *_columns(lines))
        )
        paid = {header.external_payout_id for header in headers if header.paid_at is not None}
        now_paid = [line for payout_id, line in lines if payout_id in paid]
        if now_paid:
            told = ([one.line_key for one in now_paid], [one.external_order_id for one in now_paid], [one.amount for one in now_paid])
            emptied = {row["id"] for row in await held.fetch(_NO_LONGER_DUE, account.id, *told, list(paid))}
            await held.execute(_DROP_EMPTY, list(emptied))
            changed.update(emptied)
    if new or changed:
        await held.execute(_ADD_UP, list(new | changed))
    changed -= new
    # An announced settlement may have changed that this page does not tell of, and a settlement may come in several parts.
    return Kept(new=len(new), changed=len(changed), same=max(0, len(facts) - len(new) - len(changed)))


async def told_otherwise(account: AccountRef, keys: Mapping[str, Sequence[str]]) -> list[str]:
    """Those of the settlements (id to some of its lines' keys) that came by sync and share none of these keys. In the caller's transaction.

    The same money is there under other keys then: two reports of one marketplace may cut it into lines differently.
    """
    told = [(payout_id, key) for payout_id, some in keys.items() for key in some]
    rows = await db.connection().fetch(_TOLD_OTHERWISE, account.id, [one for one, _ in told], [key for _, key in told])
    return [row["external_payout_id"] for row in rows]


async def match_lines(account: AccountRef) -> int:
    """Tie lines that came before their order to it, now that it may be here. Answers how many. In the caller's transaction."""
    done = await db.connection().execute(_MATCH_LINES, account.id)
    return int(done.split()[-1])


def _headers(facts: Iterable[PayoutFact]) -> list[_Header]:
    """One head per settlement, in the order of their ids, so that two writers never wait for each other crosswise."""
    heads: dict[str, _Header] = {}
    for fact in facts:
        head = heads.setdefault(fact.external_payout_id, _Header(external_payout_id=fact.external_payout_id))
        head.currency = fact.currency
        head.net_amount = fact.net_amount if fact.net_amount is not None else head.net_amount
        head.paid_at = fact.paid_at or head.paid_at
        head.period_start = fact.period_start or head.period_start
        head.period_end = fact.period_end or head.period_end
        head.told = max(head.told, fact.status if fact.status in TOLD_ORDER else "PENDING", key=TOLD_ORDER.index)
    return [heads[one] for one in sorted(heads)]


def _each_line_once(facts: Iterable[PayoutFact]) -> list[tuple[str, PayoutLineFact]]:
    """Lines by settlement and key; of two with the same key the later one counts."""
    lines = {(fact.external_payout_id, line.line_key): line for fact in facts for line in fact.lines}
    return [(payout_id, line) for (payout_id, _), line in lines.items()]


def _header_columns(headers: Sequence[_Header]) -> tuple[Sequence[object], ...]:
    return (
        [head.external_payout_id for head in headers],
        [head.net_amount for head in headers],
        [head.currency for head in headers],
        [head.paid_at for head in headers],
        [head.period_start for head in headers],
        [head.period_end for head in headers],
        [head.told for head in headers],
    )


def _columns(lines: Sequence[tuple[str, PayoutLineFact]]) -> tuple[Sequence[object], ...]:
    return (
        [payout_id for payout_id, _ in lines],
        [line.line_key for _, line in lines],
        [line.kind for _, line in lines],
        [line.description for _, line in lines],
        [line.amount for _, line in lines],
        [line.external_order_id for _, line in lines],
        [line.external_item_id for _, line in lines],
        [line.sku for _, line in lines],
        [line.quantity for _, line in lines],
        [line.posted_at for _, line in lines],
    )
