"""Feeds about orders, in Amazon's XML: papers of Easy Ship parcels, and cancellations; and the processing report that answers both.

Documented: the envelope, the document types, `DocumentReportReferenceID` of the answer, which is a report's id, and that pages come in
no certain order. Inferred: the names in a cancellation and in the answer's results, from Amazon's older published schemas; that one
feed with many messages brings one report.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

import msgspec

from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.errors import WireChanged

PAPERS, CANCELLATION = "POST_EASYSHIP_DOCUMENTS", "POST_ORDER_ACKNOWLEDGEMENT_DATA"
CONTENT_TYPE = "text/xml; charset=UTF-8"
SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
OUT_OF_STOCK, BUYER_ASKED, OTHER_REASON = "NoInventory", "BuyerCanceled", "GeneralAdjustment"


class Left(NamedTuple):
    """An order that the seller will not send: its items, and the reason under Amazon's name."""

    order_id: str
    items: Sequence[str]
    reason: str


class ProcessingReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a feed. `problems` are Amazon's words by message, counted from 1; those without a message are under 0."""

    report_id: str
    problems: dict[int, str]


def papers_feed(seller: str, order_ids: Sequence[str]) -> bytes:
    """Label and invoice of each of these orders. Messages are numbered from 1."""
    envelope = _envelope(seller, "EasyShipDocument")
    for number, order_id in enumerate(order_ids, start=1):
        wanted = _message(envelope, number, "EasyShipDocument", order_id)
        for kind in ("ShippingLabel", "Invoice"):
            SubElement(wanted, "DocumentType").text = kind
    return _written(envelope)


def cancellation_feed(seller: str, orders: Sequence[Left]) -> bytes:
    """The seller will not send these orders. Messages are numbered from 1."""
    envelope = _envelope(seller, "OrderAcknowledgement")
    for number, order in enumerate(orders, start=1):
        told = _message(envelope, number, "OrderAcknowledgement", order.order_id)
        SubElement(told, "StatusCode").text = "Failure"
        for item in order.items:
            line = SubElement(told, "Item")
            SubElement(line, "AmazonOrderItemCode").text = item
            SubElement(line, "CancelReason").text = order.reason
    return _written(envelope)


def _envelope(seller: str, kind: str) -> Element:
    envelope = Element("AmazonEnvelope", {f"{SCHEMA_INSTANCE}noNamespaceSchemaLocation": "amzn-envelope.xsd"})
    header = SubElement(envelope, "Header")
    SubElement(header, "DocumentVersion").text = "1.01"
    SubElement(header, "MerchantIdentifier").text = seller
    SubElement(envelope, "MessageType").text = kind
    return envelope


def _message(envelope: Element, number: int, kind: str, order_id: str) -> Element:
    message = SubElement(envelope, "Message")
    SubElement(message, "MessageID").text = str(number)
    about = SubElement(message, kind)
    SubElement(about, "AmazonOrderID").text = order_id
    return about


def _written(envelope: Element) -> bytes:
    written: bytes = tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return written


def read_processing_report(body: bytes) -> ProcessingReport:
    """WireChanged for what is no processing report."""
    root = _parsed(body)
    named = {_plain(one): (one.text or "").strip() for one in root.iter()}
    if named.get("MessageType") != "ProcessingReport":
        raise WireChanged(NAME, "a processing report", words="another kind of document")
    results = [{_plain(part): (part.text or "").strip() for part in one.iter()} for one in root.iter() if _plain(one) == "Result"]
    problems = {_number(one): _words(one) for one in results if one.get("ResultCode", "") == "Error"}
    if "ErrorCode" in named and not problems:
        problems[0] = _words(named)
    return ProcessingReport(report_id=named.get("DocumentReportReferenceID", ""), problems=problems)


def _parsed(body: bytes) -> Element:
    if b"<!DOCTYPE" in body[:2_000]:
        raise WireChanged(NAME, "a processing report", words="with a document type of its own")
    try:
        return fromstring(body)  # noqa: S314 (without a document type there are no entities to expand)
    except (ParseError, ValueError) as error:
        raise WireChanged(NAME, "a processing report", words=type(error).__name__) from error


def _plain(element: Element) -> str:
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def _number(result: Mapping[str, str]) -> int:
    text = result.get("MessageID", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _words(result: Mapping[str, str]) -> str:
    code = result.get("ResultMessageCode") or result.get("ErrorCode", "")
    said = result.get("ResultDescription") or result.get("ErrorMessage") or "Amazon gave no reason"
    return f"{said} ({code})" if code else said
