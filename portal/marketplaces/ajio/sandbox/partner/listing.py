"""Lists in pages. Each row is kept as bytes; only a twisted page is taken apart again."""

from typing import Any

import msgspec
from litestar import Request, Response

from portal.marketplaces.ajio.sandbox.faults import failure
from portal.marketplaces.sandbox import Fault

PREFIX = "/ds/portal"
MOST_ROWS = 50
Asked = Request[Any, Any, Any]


class Refused(Exception):
    """The request breaks a rule of the wire; `response` says which."""

    def __init__(self, response: Response[bytes]) -> None:
        super().__init__()
        self.response = response


class Listed(msgspec.Struct, frozen=True):
    """A whole list: how many rows, and how to encode the row at a place."""

    count: int
    row: Any


def listed(
    request: Asked, name: str, rows: Listed, twist: Fault | None, fields: dict[Fault, str], most: int = MOST_ROWS
) -> Response[bytes]:
    try:
        number, size = _number(request, "pageNumber", 0, 1_000_000), _number(request, "pageSize", 1, MOST_ROWS)
    except Refused as refused:
        return refused.response
    size = min(size, most)
    pages = -(-rows.count // size)
    wanted = max(0, number - 1) if twist is Fault.REPEATED_PAGE else number
    held = [rows.row(position) for position in range(wanted * size, min(rows.count, wanted * size + size))]
    if held and twist in fields:
        held[0] = twisted(held[0], twist, fields[twist])
    figures = {"number": number, "size": size, "totalElements": rows.count, "totalPages": 9999 if twist is Fault.REPEATED_PAGE else pages}
    body = b'{"%s":[%s],"page":%s}' % (name.encode(), b",".join(held), msgspec.json.encode(figures))
    return Response(body, media_type="application/json")


def twisted(row: bytes, twist: Fault, name: str) -> bytes:
    """The row without the field it needs, or with a word nobody has heard of."""
    held = msgspec.json.decode(row)
    if twist is Fault.UNREADABLE_ROW:
        held.pop(name, None)
    else:
        held[name] = "SOMETHING_NEW"
    return msgspec.json.encode(held)


def _number(request: Asked, name: str, least: int, most: int) -> int:
    given = request.query_params.get(name, "")
    if not given.isdigit() or not least <= int(given) <= most:
        raise Refused(failure(400, f"Invalid Request: {name}"))
    return int(given)
