"""Our tables, told as a sandbox tells its ledger, so that the two can be compared value by value."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal import db

Rows = dict[str, dict[str, Any]]

KEYS = {"orders": "external_order_id", "returns": "external_return_id", "payouts": "external_payout_id", "listings": "sku"}
LISTS = {"items", "shipments", "lines"}
"""Rows within a row; their order does not count."""
UNKEPT = {
    # fact's field: why no column answers for it
    "buyer": "sealed",
    "line_key": "ours alone",
}

TABLES = (
    "orders",
    "order_items",
    "shipments",
    "shipment_items",
    "order_returns",
    "order_return_items",
    "marketplace_payouts",
    "payout_line_items",
    "listings",
)


async def held_rows(seller_id: UUID, kind: str) -> Rows:
    """What our tables hold of one kind, by external id, nested as facts are."""
    table, parts = NESTED[kind]
    async with db.transaction(seller_id) as held:
        rows = [dict(one) for one in await held.fetch(f"SELECT * FROM {table}")]
        inner = {name: await _by_parent(held, inner_table, parent) for name, (inner_table, parent) in parts.items()}
        parcel_lines = await _by_parent(held, "shipment_items", "shipment_id") if kind == "orders" else {}
    for row in rows:
        row |= {name: found.get(row["id"], []) for name, found in inner.items()}
        for parcel in row.get("shipments", []):
            parcel["lines"] = [[line["external_item_id"], line["quantity"]] for line in parcel_lines.get(parcel["id"], [])]
        if kind == "returns":
            row["awbs"] = row["awbs"].split()
        if kind == "payouts":
            row["status"] = row["told_status"]
    return {row[KEYS[kind]]: row for row in rows}


NESTED = {
    # kind: its table, and the lists in it with their own table and the column that names the row they belong to
    "orders": ("orders", {"items": ("order_items", "order_id"), "shipments": ("shipments", "order_id")}),
    "returns": ("order_returns", {"items": ("order_return_items", "order_return_id")}),
    "payouts": ("marketplace_payouts", {"lines": ("payout_line_items", "marketplace_payout_id")}),
    "listings": ("listings", {}),
}


async def _by_parent(held: Any, table: str, parent: str) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in await held.fetch(f"SELECT * FROM {table}"):
        found.setdefault(row[parent], []).append(dict(row))
    return found


def told(rows: Iterable[Mapping[str, Any]], kind: str) -> Rows:
    """A ledger by external id."""
    return {row[KEYS[kind]]: dict(row) for row in rows}


def difference(kind: str, ledger: Rows, held: Rows) -> list[str]:
    """Every value in which our rows differ from the ledger's, in words. Fields the ledger does not speak of are not compared."""
    missing = [f"{name} is missing" for name in ledger.keys() - held.keys()]
    extra = [f"{name} is too many" for name in held.keys() - ledger.keys()]
    return missing + extra + [line for name in ledger.keys() & held.keys() for line in _compared(name, ledger[name], held[name])]


def _compared(name: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    wrong: list[str] = []
    for field, value in wanted.items():
        if field in UNKEPT or field not in found:
            continue
        if field in LISTS:
            wrong += _compared_lists(f"{name}.{field}", value, _plain(found[field]))
        elif _same(field, value) != _same(field, found[field]):
            wrong.append(f"{name}.{field}: {found[field]!r} is not {value!r}")
    return wrong


def _compared_lists(name: str, wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[str]:
    if len(wanted) != len(found):
        return [f"{name}: {len(found)} rows are not {len(wanted)}"]
    fields = [field for field in wanted[0] if field in found[0] and field not in UNKEPT] if wanted else []
    ours, theirs = (sorted([[(field, str(_same(field, row[field]))) for field in fields] for row in rows]) for rows in (found, wanted))
    if ours == theirs:
        return []
    return [f"{name}: {[row for row in ours if row not in theirs][:3]} is not {[row for row in theirs if row not in ours][:3]}"]


def _same(field: str, value: Any) -> Any:
    """A value in one spelling: amounts as Decimal, moments in UTC, absent text as empty."""
    if value is None:
        return None
    if field.endswith("_amount") or field in {"amount", "price"}:
        return Decimal(str(value)).normalize()
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str) and field.endswith(("_at", "_by", "_start", "_end")):
        return datetime.fromisoformat(value).astimezone(UTC)
    if field in {"attributes", "lines", "awbs"}:
        return sorted(map(str, _plain(value)))
    return value


def _plain(value: Any) -> Any:
    """JSON columns come as text."""
    return json.loads(value) if isinstance(value, str) else value


async def places(seller_id: UUID) -> dict[str, list[tuple[Any, ...]]]:
    """Where each row lies and which transaction wrote it: the same before and after means that nothing was written."""
    async with db.transaction(seller_id) as held:
        return {
            table: [tuple(row) for row in await held.fetch(f"SELECT xmin::text, ctid::text FROM {table} ORDER BY ctid")] for table in TABLES
        }
