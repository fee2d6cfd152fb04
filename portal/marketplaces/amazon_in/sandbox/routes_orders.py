"""searchOrders and getOrder of the sandbox, with the rules of its model: one time family, tokens bound to their query, data sets on request."""

import base64
import itertools
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from portal import clock
from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, iso
from portal.marketplaces.amazon_in.sandbox.courses import MadeOrder
from portal.marketplaces.amazon_in.sandbox.courses import order_id as order_id_of
from portal.marketplaces.amazon_in.sandbox.gate import Asked, admitted, bad_input, bent, complain, denied, moment_or_none
from portal.marketplaces.amazon_in.sandbox.state import SHOWN_AFTER, State
from portal.marketplaces.sandbox import Fault, Ordered

DATA_SETS = frozenset(
    (
        "BUYER",
        "RECIPIENT",
        "PROCEEDS",
        "EXPENSE",
        "PROMOTION",
        "CANCELLATION",
        "FULFILLMENT",
        "PACKAGES",
        "TAX",
        "PAYMENT",
        "FULFILLMENT_ORDERS",
    )
)
FILTERS = ("createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore", "fulfillmentStatuses", "marketplaceIds", "fulfilledBy")
PARAMETERS = {*FILTERS, "maxResultsPerPage", "paginationToken", "includedData"}


class PageToken(msgspec.Struct):
    """Where the next page begins. `query` must be sent again unchanged; `until` keeps the result as it was at the first page."""

    query: dict[str, str]
    until: datetime
    moment: datetime
    number: int
    issued: datetime
    nonce: int

    def text(self) -> str:
        return base64.b64encode(msgspec.json.encode(self)).decode()


def routes(state: State) -> list[HTTPRouteHandler]:
    nonces = itertools.count(1)

    @get("/orders/2026-01-01/orders")
    async def search_orders(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "searchOrders")
        query = dict(request.query_params.items())
        start, end, by = _window(state, query)
        included = _included(query)
        token = _token(query)
        behind = (token.moment, token.number) if token else None
        end = token.until if token else end
        size = state.faults.rows(_size(query))
        chosen = (state.orders.changed if by == "lastUpdated" else state.orders.created)(start, end, behind)
        statuses = set(filter(None, query.get("fulfillmentStatuses", "").split(",")))
        page = list(itertools.islice((one for one in chosen if not statuses or one.course.order in statuses), size + 1))
        more, page = len(page) > size, page[:size]
        body = _body(state, page, included, ordered, f'"{by}Before":"{iso(end)}"')
        if more or (ordered and ordered.fault is Fault.REPEATED_PAGE):
            stay = ordered is not None and ordered.fault is Fault.REPEATED_PAGE
            if stay and token:
                moment, number = token.moment, token.number
            elif stay:
                moment, number = start, -1
            else:
                moment, number = (page[-1].updated if by == "lastUpdated" else page[-1].placed), page[-1].number
            following = PageToken(
                query={name: query[name] for name in FILTERS if name in query},
                until=end,
                moment=moment,
                number=number,
                issued=clock.now(),
                nonce=next(nonces),
            )
            body += b',"pagination":' + msgspec.json.encode({"nextToken": following.text()})
        return bent(ordered, body + b"}")

    @get("/orders/2026-01-01/orders/{order_id:str}")
    async def get_order(request: Asked, order_id: FromPath[str]) -> Response[Any]:
        ordered = await admitted(state, request, "getOrder")
        if unknown := set(request.query_params) - {"includedData"}:
            raise bad_input(f"Unknown parameter {min(unknown)}.")
        order = next((one for one in state.orders if order_id_of(state.shop, one.number) == order_id), None)
        if order is None:
            raise complain(404, "NOT_FOUND", f"No order {order_id} in this shop.")
        included = _included(dict(request.query_params.items()))
        row = state.orders.wire(order, included)
        if ordered and ordered.fault in (Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE):
            row = _spoiled(row, ordered.fault)
        return bent(ordered, msgspec.json.encode({"order": row}))

    return [search_orders, get_order]


def _body(state: State, page: list[MadeOrder], included: frozenset[str], ordered: Ordered | None, limit: str) -> bytes:
    rows = [state.orders.row(order, included) for order in page]
    if rows and ordered and ordered.fault in (Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE):
        rows[0] = msgspec.json.encode(_spoiled(state.orders.wire(page[0], included), ordered.fault))
    return b'{"orders":[' + b",".join(rows) + b"]," + limit.encode()


def _spoiled(row: dict[str, Any], fault: Fault) -> dict[str, Any]:
    if fault is Fault.UNREADABLE_ROW:
        del row["createdTime"]
    elif "fulfillment" in row:
        row["fulfillment"] = {**row["fulfillment"], "fulfillmentStatus": "TELEPORTED"}
    return row


def _window(state: State, query: dict[str, str]) -> tuple[datetime, datetime, str]:
    """Start, end and family of the window asked for, by the model's rules."""
    if unknown := set(query) - PARAMETERS:
        raise bad_input(f"Unknown parameter {min(unknown)}.")
    if query.get("marketplaceIds") != MARKETPLACE_ID:
        raise denied("The marketplaces you provided are not valid for region.")
    families = [name for name in ("created", "lastUpdated") if f"{name}After" in query or f"{name}Before" in query]
    if len(families) != 1 or f"{families[0]}After" not in query:
        raise bad_input("Exactly one of createdAfter and lastUpdatedAfter is required.")
    by = families[0]
    start, end = moment_or_none(query[f"{by}After"]), moment_or_none(query.get(f"{by}Before"))
    if start is None:
        raise bad_input(f"{by}After is empty.")
    if end is not None and (end < start or end > max(state.now, clock.now()) - SHOWN_AFTER):
        raise bad_input("Invalid Input")
    if start < state.now - timedelta(days=731):
        raise bad_input("Orders older than two years are not available.")
    return start, min(end or state.shown_until, state.shown_until), by


def _included(query: dict[str, str]) -> frozenset[str]:
    included = frozenset(filter(None, query.get("includedData", "").split(",")))
    if included - DATA_SETS:
        raise bad_input("Unknown data set in includedData.")
    return included


def _size(query: dict[str, str]) -> int:
    text = query.get("maxResultsPerPage", "100")
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise bad_input("maxResultsPerPage must be from 1 to 100.")
    return int(text)


def _token(query: dict[str, str]) -> PageToken | None:
    """The page token, if it fits the query and is younger than a day."""
    text = query.get("paginationToken")
    if text is None:
        return None
    try:
        token = msgspec.json.decode(base64.b64decode(text, validate=True), type=PageToken)
    except (ValueError, msgspec.DecodeError):
        raise bad_input("The paginationToken is not valid.") from None
    if token.query != {name: query[name] for name in FILTERS if name in query}:
        raise bad_input("The paginationToken belongs to another query.")
    if clock.now() - token.issued > timedelta(hours=24):
        raise bad_input("The paginationToken is not valid any more.")
    return token
