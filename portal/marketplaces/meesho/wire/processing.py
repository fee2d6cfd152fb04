"""What Meesho is sent and answers while orders are processed. All of it is proposed; the folder's docstring names each assumption."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.meesho.wire.rows import NAME, UNREADABLE, Id, decoded, text

MOST_ORDERS = 100
"""The most sub-orders one call takes."""
CANNOT_SEND = "SUPPLIER_CANNOT_FULFIL"
"""Why a seller cancels, in Meesho's list of reasons."""

RequestId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,80}$")]


class Said(msgspec.Struct, frozen=True):
    """Meesho's verdict about one sub-order. `code` is empty where it was done."""

    code: str = ""
    words: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a request has come. `said` holds the verdicts that could be read, by sub-order; `url` is where its paper lies."""

    done: bool
    said: Mapping[str, Said] = {}
    url: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """A manifest that Meesho has closed over all parcels that were named."""

    manifest_id: Id
    pdf_url: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class _Asked(msgspec.Struct):
    request_id: RequestId


class _AskedEnvelope(msgspec.Struct):
    data: _Asked


class _Result(msgspec.Struct):
    sub_order_num: Id
    status: str
    error_code: str | None = None
    message: str | None = None


class _Progress(msgspec.Struct):
    status: str
    results: list[msgspec.Raw] = []
    url: str | None = None


class _ProgressEnvelope(msgspec.Struct):
    data: _Progress


class _ManifestEnvelope(msgspec.Struct):
    data: Manifest


class _Detail(msgspec.Struct):
    sub_order_num: str | None = None
    code: str | None = None
    message: str | None = None


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""
    details: tuple[_Detail, ...] = ()


class _Refused(msgspec.Struct):
    error: _Error


def accept_body(location_id: str, names: Iterable[str]) -> bytes:
    return msgspec.json.encode({"sub_orders": [{"sub_order_num": name, "location_id": location_id} for name in names]})


def cancel_body(names: Iterable[str]) -> bytes:
    return msgspec.json.encode({"sub_orders": [{"sub_order_num": name, "reason_code": CANNOT_SEND} for name in names]})


def label_body(name: str) -> bytes:
    """One label a request: Meesho prints a request's labels into one file, and each parcel's paper is kept as it was issued."""
    return msgspec.json.encode({"sub_order_nums": [name]})


def manifest_body(location_id: str, carrier: str, names: Sequence[str]) -> bytes:
    return msgspec.json.encode({"location_id": location_id, "carrier": carrier, "sub_order_nums": list(names)})


def request_id(body: bytes) -> str:
    """The id to ask by how the work is getting on. Raises WireChanged."""
    return decoded(body, _AskedEnvelope, what="request").data.request_id


def progress(body: bytes) -> Progress:
    """Raises WireChanged for no progress at all; a verdict that cannot be read is left out."""
    told = decoded(body, _ProgressEnvelope, what="request").data
    if told.status not in {"PROCESSING", "PROCESSED", "FAILED"}:
        raise WireChanged(NAME, "request", words=text(told.status, 60))
    said: dict[str, Said] = {}
    for raw in told.results:
        try:
            result = msgspec.json.decode(raw, type=_Result)
        except UNREADABLE:
            continue
        said[result.sub_order_num] = _said(result)
    return Progress(done=told.status != "PROCESSING", said=said, url=told.url or "")


def _said(result: _Result) -> Said:
    if result.status == "SUCCESS":
        return Said()
    return Said(code=text(result.error_code or result.status, 60), words=text(result.message or f"it answered {result.status}", 300))


def manifest(body: bytes) -> Manifest:
    """Raises WireChanged."""
    return decoded(body, _ManifestEnvelope, what="manifest").data


def refused(body: bytes, what: str) -> dict[str, Said]:
    """The sub-orders for which a whole call was refused. Raises WireChanged where it names none: then nobody knows which one it minds."""
    error = decoded(body, _Refused, what=f"refusal of {what}").error
    named = {
        detail.sub_order_num: Said(code=text(detail.code or error.code, 60), words=text(detail.message or error.message, 300))
        for detail in error.details
        if detail.sub_order_num
    }
    if not named:
        raise WireChanged(NAME, f"refusal of {what}", words=text(error.code, 60))
    return named
