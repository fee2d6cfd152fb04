"""Stock lines to a request body, and Meesho's answer to outcomes."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from portal.marketplaces.facts import LineOutcome, StockLine
from portal.marketplaces.meesho.wire.rows import decoded, text

BATCH = 50
"""The most lines one call takes."""


class _Result(msgspec.Struct):
    sku: str
    status: str
    error_code: str | None = None
    message: str | None = None


class StockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What Meesho said. `request_id` when it works the lines off later: then ask for that request until `done`."""

    results: tuple[_Result, ...] = ()
    request_id: str = ""
    done: bool = True


class _Answered(msgspec.Struct):
    results: tuple[_Result, ...] | None = None
    request_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,80}$")] | None = None
    status: str | None = None


class _Envelope(msgspec.Struct):
    data: _Answered


class _Detail(msgspec.Struct):
    sku: str = ""
    message: str = ""


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""
    details: tuple[_Detail, ...] = ()


class _Refused(msgspec.Struct):
    error: _Error


def batches(lines: Sequence[StockLine]) -> list[tuple[StockLine, ...]]:
    """The lines in their order, at most 50 together, no SKU twice in one batch: outcomes are told by SKU."""
    made: list[list[StockLine]] = []
    held: set[str] = set()
    for line in lines:
        if not made or len(made[-1]) == BATCH or line.sku in held:
            made.append([])
            held = set()
        made[-1].append(line)
        held.add(line.sku)
    return [tuple(batch) for batch in made]


def stock_body(location_id: str, lines: Iterable[StockLine]) -> bytes:
    return msgspec.json.encode({"location_id": location_id, "items": [_item(line) for line in lines]})


def _item(line: StockLine) -> dict[str, str | int]:
    known = dict(line.attributes)
    item: dict[str, str | int] = {"sku": line.sku, "quantity": line.quantity}
    if product := line.external_listing_id or known.get("product_id", ""):
        item["product_id"] = product
    if variation := known.get("variation", ""):
        item["variation"] = variation
    return item


def stock_answer(body: bytes) -> StockAnswer:
    """Results, or the id of a request to ask for them. Raises WireChanged."""
    data = decoded(body, _Envelope, what="stock answer").data
    if data.results is None and data.request_id:
        return StockAnswer(request_id=data.request_id, done=False)
    return StockAnswer(results=data.results or ())


def request_answer(body: bytes) -> StockAnswer:
    """How far a request has come. FAILED is done as well: its results say why, line by line. Raises WireChanged."""
    data = decoded(body, _Envelope, what="request").data
    return StockAnswer(results=data.results or (), done=data.status in {"PROCESSED", "FAILED"})


def refused_lines(body: bytes, lines: Sequence[StockLine]) -> tuple[LineOutcome, ...]:
    """Outcomes of a call that Meesho refused: of the lines it names, or of all when it names none. Raises WireChanged."""
    error = decoded(body, _Refused, what="refusal of stock").error
    named = {detail.sku: detail.message for detail in error.details if detail.sku}
    blamed = [line for line in lines if line.sku in named] or list(lines)
    return tuple(_refused(line, named.get(line.sku) or error.message, error.code) for line in blamed)


def outcomes(lines: Sequence[StockLine], answer: StockAnswer) -> tuple[LineOutcome, ...]:
    """One outcome per line, in the order of the lines."""
    told = {result.sku: result for result in answer.results}
    return tuple(_outcome(line, told.get(line.sku)) for line in lines)


def still_queued(lines: Sequence[StockLine]) -> tuple[LineOutcome, ...]:
    return tuple(
        LineOutcome(task_id=line.task_id, sku=line.sku, state="queued", message="Meesho took this line and has not finished it yet.")
        for line in lines
    )


def _outcome(line: StockLine, result: _Result | None) -> LineOutcome:
    if result is None:
        return _refused(line, "Meesho did not say what became of this line.", "NO_RESULT")
    if result.status == "SUCCESS":
        return LineOutcome(task_id=line.task_id, sku=line.sku, state="accepted")
    return _refused(line, result.message or f"Meesho answered {result.status}.", result.error_code or result.status)


def _refused(line: StockLine, message: str, code: str) -> LineOutcome:
    return LineOutcome(task_id=line.task_id, sku=line.sku, state="refused", message=text(message, 300), code=text(code, 60))
