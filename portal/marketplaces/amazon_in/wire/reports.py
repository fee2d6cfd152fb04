"""Reports and Feeds 2021-06-30: requests, their state, and where the document is."""

from datetime import datetime

import msgspec

from portal.marketplaces.amazon_in.wire.answers import Moment, decoded, utc

# ruff: noqa: N815


class WireReport(msgspec.Struct, frozen=True):
    reportId: str
    processingStatus: str
    createdTime: Moment
    reportType: str | None = None
    marketplaceIds: list[str] | None = None
    dataStartTime: Moment | None = None
    dataEndTime: Moment | None = None
    reportDocumentId: str | None = None


class ReportsPage(msgspec.Struct):
    reports: list[WireReport]
    nextToken: str | None = None


class _Created(msgspec.Struct):
    reportId: str


class WireDocument(msgspec.Struct):
    """Where a document lies for the next minutes. The address is a pass by itself and never shown."""

    url: str

    def __repr__(self) -> str:
        return "WireDocument(…)"


class NewDocument(msgspec.Struct):
    """A place to upload to, and its id."""

    feedDocumentId: str
    url: str

    def __repr__(self) -> str:
        return f"NewDocument({self.feedDocumentId})"


class WireFeed(msgspec.Struct, frozen=True):
    feedId: str
    processingStatus: str
    createdTime: Moment
    resultFeedDocumentId: str | None = None


class FeedsPage(msgspec.Struct):
    feeds: list[WireFeed]
    nextToken: str | None = None


class _FeedCreated(msgspec.Struct):
    feedId: str


def read_reports(body: bytes) -> ReportsPage:
    return decoded(body, ReportsPage, "the list of reports")


def read_report(body: bytes) -> WireReport:
    return decoded(body, WireReport, "a report's state")


def created_report(body: bytes) -> str:
    return decoded(body, _Created, "the answer to a report request").reportId


def read_document(body: bytes) -> WireDocument:
    return decoded(body, WireDocument, "a document's address")


def new_document(body: bytes) -> NewDocument:
    return decoded(body, NewDocument, "the address to upload to")


def read_feeds(body: bytes) -> FeedsPage:
    return decoded(body, FeedsPage, "the list of feeds")


def read_feed(body: bytes) -> WireFeed:
    return decoded(body, WireFeed, "a feed's state")


def created_feed(body: bytes) -> str:
    return decoded(body, _FeedCreated, "the answer to a feed").feedId


def created_at(report: WireReport) -> datetime:
    return utc(report.createdTime)
