"""What the sandbox does with feeds about orders, and its answers in XML."""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

import msgspec

from portal import clock
from portal.marketplaces.amazon_in.sandbox.gate import bad_input
from portal.marketplaces.amazon_in.sandbox.reports import PAPERS as PAPERS_REPORT
from portal.marketplaces.amazon_in.sandbox.state import State

PAPERS, CANCELLATION = "POST_EASYSHIP_DOCUMENTS", "POST_ORDER_ACKNOWLEDGEMENT_DATA"
MESSAGE_TYPES = {PAPERS: "EasyShipDocument", CANCELLATION: "OrderAcknowledgement"}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a feed: about which order, and why it is cancelled, if it is."""

    number: str
    order_id: str
    reason: str


def messages_of(state: State, kind: str, content: bytes) -> list[Message]:
    """The messages of a feed. Refusal for a document that is none of that kind, or another seller's."""
    try:
        root = fromstring(content)  # noqa: S314 (a sandbox reads what its own tests send)
    except ParseError:
        raise bad_input("The feed is no XML.") from None
    if root.findtext("MessageType") != MESSAGE_TYPES[kind] or root.findtext("Header/MerchantIdentifier") != state.seller:
        raise bad_input("The feed's type or its seller is not valid.")
    return [
        Message(
            number=message.findtext("MessageID", ""),
            order_id=message.findtext(f"{MESSAGE_TYPES[kind]}/AmazonOrderID", ""),
            reason=message.findtext(f"{MESSAGE_TYPES[kind]}/Item/CancelReason", ""),
        )
        for message in root.findall("Message")
    ]


def worked_off(state: State, kind: str, messages: Sequence[Message]) -> bytes:
    """Do what the feed asks for, and the processing report about it."""
    if kind == CANCELLATION:
        told = {one: state.desk.give_up(one.order_id, one.reason, state.shown_until) for one in messages}
        return _report({one: words for one, words in told.items() if words})
    refused = {one: words for one in messages if (words := _without_papers(state, one.order_id))}
    taken = [one.order_id for one in messages if one not in refused]
    report = state.reports.new(PAPERS_REPORT, clock.now(), orders=taken) if taken else None
    return _report(refused, report.report_id if report else "")


def _without_papers(state: State, order_id: str) -> str:
    order = state.orders.by_id(order_id)
    if order is None or order.course.parcel != "PENDING_PICK_UP":
        return "The order is not scheduled"
    return state.desk.no_papers.get(order_id, "")


def _report(problems: Mapping[Message, str], report_id: str = "") -> bytes:
    envelope = Element("AmazonEnvelope")
    SubElement(envelope, "MessageType").text = "ProcessingReport"
    report = SubElement(SubElement(envelope, "Message"), "ProcessingReport")
    SubElement(report, "StatusCode").text = "Complete"
    for message, words in problems.items():
        result = SubElement(report, "Result")
        SubElement(result, "MessageID").text = message.number
        SubElement(result, "ResultCode").text = "Error"
        SubElement(result, "ResultMessageCode").text = "610013"
        SubElement(result, "ResultDescription").text = words
    if report_id:
        SubElement(report, "DocumentReportReferenceID").text = report_id
    written: bytes = tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return written
