"""Reports of the sandbox: some can be requested, settlements are only listed; documents lie at addresses that end soon."""

import gzip
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from portal import clock
from portal.marketplaces.amazon_in.client import MARKETPLACE_ID
from portal.marketplaces.amazon_in.sandbox.gate import (
    Asked,
    admitted,
    bad_input,
    bent,
    complain,
    denied,
    is_restricted,
    moment_or_none,
)
from portal.marketplaces.amazon_in.sandbox.reports import PAPERS, MadeReport
from portal.marketplaces.amazon_in.sandbox.state import State
from portal.marketplaces.sandbox import Fault

SETTLEMENTS = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
RETURNS = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
LISTINGS = "GET_MERCHANT_LISTINGS_ALL_DATA"
QUICKLY_AGAIN = timedelta(minutes=30)
SPOILS = {Fault.UNREADABLE_ROW: "unreadable", Fault.UNKNOWN_VALUE: "unknown"}


def routes(state: State) -> list[HTTPRouteHandler]:
    reports = state.reports.by_id
    pages: dict[str, list[dict[str, Any]]] = {}
    for settlement in state.settlements.all:
        state.reports.add(
            MadeReport(
                report_id=f"S{settlement.settlement_id}",
                kind=SETTLEMENTS,
                created=settlement.created,
                start=settlement.start,
                end=settlement.end,
                status="DONE",
            )
        )

    @get("/reports/2021-06-30/reports")
    async def get_reports(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "getReports")
        query = dict(request.query_params.items())
        if "nextToken" in query:
            if len(query) > 1:
                raise bad_input("nextToken must be the only parameter.")
            rest = pages.get(query["nextToken"])
            if rest is None:
                raise bad_input("The nextToken is not valid.")
            found, size = rest, 2
        else:
            if not query.get("reportTypes"):
                raise bad_input("reportTypes is required.")
            kinds = query["reportTypes"].split(",")
            since = moment_or_none(query.get("createdSince"))
            statuses = set(filter(None, query.get("processingStatuses", "").split(",")))
            chosen = [one for one in reports.values() if one.kind in kinds and (since is None or one.created >= since)]
            chosen.sort(key=lambda one: one.created, reverse=True)
            found = [one.wire() for one in chosen if not statuses or one.status in statuses]
            size = min(int(query.get("pageSize", "10")), state.report_page)
        body: dict[str, Any] = {"reports": found[:size]}
        if len(found) > size:
            body["nextToken"] = token = f"reports-{next(state.reports.numbers)}+/="
            pages[token] = found[size:]
        return bent(ordered, msgspec.json.encode(body))

    @post("/reports/2021-06-30/reports", status_code=202)
    async def create_report(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "createReport")
        asked = await request.json()
        kind = asked.get("reportType")
        if kind == SETTLEMENTS:
            raise complain(400, "InvalidInput", "Request for report type 1118 is not allowed at this time")
        if kind not in (RETURNS, LISTINGS) or asked.get("marketplaceIds") != [MARKETPLACE_ID]:
            raise bad_input("Unknown report type or marketplace.")
        start, end = moment_or_none(asked.get("dataStartTime")), moment_or_none(asked.get("dataEndTime"))
        if kind == RETURNS and (start is None or end is None or end - start > timedelta(days=60)):
            raise bad_input("This report covers at most 60 days.")
        before = list(reports.values())
        made = state.reports.new(kind, clock.now(), start=start, end=end)
        if any(_same(one, made) for one in before):
            made.status = "FATAL"  # the same request again, too soon
        return bent(ordered, msgspec.json.encode({"reportId": made.report_id}), 202)

    @get("/reports/2021-06-30/reports/{report_id:str}")
    async def get_report(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "getReport")
        report = reports.get(request.path_params["report_id"])
        if report is None:
            raise complain(404, "NotFound", "Report not found.")
        report.looks += 1
        if report.status in ("IN_QUEUE", "IN_PROGRESS"):
            report.status = "DONE" if report.looks > state.looks_needed else "IN_PROGRESS"
            if report.status == "DONE" and state.report_fate:
                report.status = state.report_fate
        return bent(ordered, msgspec.json.encode(report.wire()))

    @get("/reports/2021-06-30/documents/{document_id:str}")
    async def get_document(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "getReportDocument")
        document_id: str = request.path_params["document_id"]
        report = state.reports.of_document(document_id)
        if report is None or report.status != "DONE":
            raise complain(404, "NotFound", "Document not found.")
        if report.kind == PAPERS:
            if not is_restricted(state, request):
                raise denied()
            url = state.documents.lay_down(str(request.base_url), state.desk.papers(report.orders))
            return bent(ordered, msgspec.json.encode({"reportDocumentId": document_id, "url": url}))
        spoil = SPOILS.get(ordered.fault, "") if ordered else ""
        content = _written(state, report, spoil).encode()
        packed = report.kind == SETTLEMENTS
        url = state.documents.lay_down(str(request.base_url), gzip.compress(content, 1) if packed else content)
        found = {"reportDocumentId": document_id, "url": url} | ({"compressionAlgorithm": "GZIP"} if packed else {})
        return bent(ordered, msgspec.json.encode(found))

    return [get_reports, create_report, get_report, get_document]


def _same(one: MadeReport, made: MadeReport) -> bool:
    fresh = made.created - one.created < QUICKLY_AGAIN and one.status != "FATAL"
    return fresh and (one.kind, one.start) == (made.kind, made.start)


def _written(state: State, report: MadeReport, spoil: str) -> str:
    if report.kind == LISTINGS:
        return state.stock.report()
    if report.kind == RETURNS and report.start and report.end:
        return state.returns.document(report.start, report.end, spoil)
    settlement = next(one for one in state.settlements.all if f"S{one.settlement_id}" == report.report_id)
    return state.settlements.document(settlement, spoil)
