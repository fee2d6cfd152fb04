"""The sandbox's reports: settlements are there from the start, others are asked for, and papers of parcels come of a feed."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, iso

PAPERS = "GET_EASYSHIP_DOCUMENTS"
DOCUMENT = "amzn1.spdoc.1.4."


class MadeReport(msgspec.Struct, kw_only=True):
    """A report as the wire names it. `looks` counts how often somebody asked how it is. `orders` are those whose papers it holds."""

    report_id: str
    kind: str
    created: datetime
    start: datetime | None = None
    end: datetime | None = None
    status: str = "IN_QUEUE"
    looks: int = 0
    orders: Sequence[str] = ()

    def wire(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "reportId": self.report_id,
            "reportType": self.kind,
            "marketplaceIds": [MARKETPLACE_ID],
            "createdTime": iso(self.created),
            "processingStatus": self.status,
        }
        if self.start and self.end:
            row |= {"dataStartTime": iso(self.start), "dataEndTime": iso(self.end)}
        if self.status == "DONE":
            row["reportDocumentId"] = f"{DOCUMENT}{self.report_id}"
        return row


class MadeReports:
    """All reports by id, and the numbers that new ones get."""

    def __init__(self) -> None:
        self.by_id: dict[str, MadeReport] = {}
        self.numbers = itertools.count(1)

    def add(self, report: MadeReport) -> MadeReport:
        self.by_id[report.report_id] = report
        return report

    def new(self, kind: str, created: datetime, **parts: Any) -> MadeReport:
        return self.add(MadeReport(report_id=f"{50_000 + next(self.numbers)}", kind=kind, created=created, **parts))

    def of_document(self, document_id: str) -> MadeReport | None:
        return self.by_id.get(document_id.removeprefix(DOCUMENT))
