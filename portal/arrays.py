"""Columns of many rows as PostgreSQL writes arrays, each one string: `$1::text::text[]` and `$1::text::numeric[]` read them.

The driver's own arrays go through a codec for every element, which for a page of orders costs more than all else that is done to it.
"""

from collections.abc import Sequence
from decimal import Decimal

NULL = "NULL"


def texts(values: Sequence[str | None]) -> str:
    """An array of texts. Every character may occur in them, and so may the word NULL; None is no value."""
    if None not in values:
        joined = '","'.join(values)  # type: ignore[arg-type]  # none is None
        if "\\" not in joined and joined.count('"') == 2 * max(0, len(values) - 1):
            return f'{{"{joined}"}}' if values else "{}"
    return f"{{{','.join(NULL if value is None else _quoted(value) for value in values)}}}"


def numbers(values: Sequence[Decimal | int | None]) -> str:
    """An array of numbers, exactly as they are; None is no value."""
    return f"{{{','.join([NULL if value is None else str(value) for value in values])}}}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
