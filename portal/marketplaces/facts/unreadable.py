"""A row that made no fact."""

from typing import Any

import msgspec


class UnreadableRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row we could not read, or the marketplace refused: kept, shown, and tried again on request.

    `raw` is the row with secrets and buyer data already removed.
    """

    external_id: str
    reason: str
    raw: dict[str, Any]
