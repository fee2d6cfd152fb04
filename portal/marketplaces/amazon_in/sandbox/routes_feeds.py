"""Feeds of the sandbox: a stock feed is uploaded, started, worked on while somebody asks, and answered with a report."""

import itertools
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from portal import clock
from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, iso
from portal.marketplaces.amazon_in.sandbox.gate import Asked, admitted, bad_input, bent, complain, moment_or_none
from portal.marketplaces.amazon_in.sandbox.order_feeds import CANCELLATION, PAPERS, Message, messages_of, worked_off
from portal.marketplaces.amazon_in.sandbox.state import State

STOCK = "JSON_LISTINGS_FEED"
KINDS = (STOCK, PAPERS, CANCELLATION)


class MadeFeed(msgspec.Struct, kw_only=True):
    """A feed as the wire names it. `messages` are what a feed about orders holds."""

    feed_id: str
    kind: str
    created: datetime
    content: bytes
    messages: list[Message] = []
    status: str = "IN_QUEUE"
    looks: int = 0
    result: bytes = b""

    def wire(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "feedId": self.feed_id,
            "feedType": self.kind,
            "marketplaceIds": [MARKETPLACE_ID],
            "createdTime": iso(self.created),
            "processingStatus": self.status,
        }
        if self.status == "DONE":
            row["resultFeedDocumentId"] = f"result-{self.feed_id}"
        return row


def routes(state: State) -> list[HTTPRouteHandler]:
    numbers = itertools.count(70_001)
    feeds: dict[str, MadeFeed] = {}

    @get("/feeds/2021-06-30/feeds")
    async def get_feeds(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "getFeeds")
        kind = request.query_params.get("feedTypes")
        if kind not in KINDS:
            raise bad_input("feedTypes is required.")
        since = moment_or_none(request.query_params.get("createdSince"))
        found = [one.wire() for one in feeds.values() if one.kind == kind and (since is None or one.created >= since)]
        return bent(ordered, msgspec.json.encode({"feeds": found[::-1]}))

    @post("/feeds/2021-06-30/documents", status_code=201)
    async def create_document(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "createFeedDocument")
        name, url = state.documents.await_upload(str(request.base_url), (await request.json())["contentType"])
        return bent(ordered, msgspec.json.encode({"feedDocumentId": name, "url": url}), 201)

    @post("/feeds/2021-06-30/feeds", status_code=202)
    async def create_feed(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "createFeed")
        asked = await request.json()
        laid = state.documents.laid.get(asked.get("inputFeedDocumentId", ""))
        kind = asked.get("feedType")
        if kind not in KINDS or asked.get("marketplaceIds") != [MARKETPLACE_ID] or laid is None or not laid.content:
            raise bad_input("The feed type, the marketplace or the document is not valid.")
        feed = MadeFeed(feed_id=f"{next(numbers)}", kind=kind, created=clock.now(), content=laid.content)
        if kind != STOCK:
            feed.messages = messages_of(state, kind, laid.content)
        if kind == PAPERS:
            state.desk.papered.update(one.order_id for one in feed.messages)
        feeds[feed.feed_id] = feed
        return bent(ordered, msgspec.json.encode({"feedId": feed.feed_id}), 202)

    @get("/feeds/2021-06-30/feeds/{feed_id:str}")
    async def get_feed(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "getFeed")
        feed = _known(feeds, request.path_params["feed_id"])
        feed.looks += 1
        if feed.status in ("IN_QUEUE", "IN_PROGRESS"):
            feed.status = "DONE" if feed.looks > state.looks_needed else "IN_PROGRESS"
            if feed.status == "DONE":
                feed.result = _worked_off(state, feed) if feed.kind == STOCK else worked_off(state, feed.kind, feed.messages)
        return bent(ordered, msgspec.json.encode(feed.wire()))

    @get("/feeds/2021-06-30/documents/{document_id:str}")
    async def get_document(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "getFeedDocument")
        document_id: str = request.path_params["document_id"]
        feed = _known(feeds, document_id.removeprefix("result-"))
        url = state.documents.lay_down(str(request.base_url), feed.result)
        return bent(ordered, msgspec.json.encode({"feedDocumentId": document_id, "url": url}))

    return [get_feeds, create_document, create_feed, get_feed, get_document]


def _known(feeds: dict[str, MadeFeed], feed_id: str) -> MadeFeed:
    if feed_id not in feeds:
        raise complain(404, "NotFound", "Feed not found.")
    return feeds[feed_id]


def _worked_off(state: State, feed: MadeFeed) -> bytes:
    """Apply the feed's messages to the stock, and the processing report about them."""
    document = msgspec.json.decode(feed.content)
    issues: list[dict[str, Any]] = []
    for message in document["messages"]:
        sku = message["sku"]
        wrong = state.stock.merge(sku, message) if sku in state.stock.articles else f"SKU {sku} does not exist."
        if message["operationType"] != "PATCH" or document["header"]["sellerId"] != state.seller:
            wrong = "The operation or the seller is not valid."
        if wrong:
            issues.append({"messageId": message["messageId"], "sku": sku, "code": "90220", "severity": "ERROR", "message": wrong})
    processed = len(document["messages"])
    summary = {
        "errors": len(issues),
        "warnings": 0,
        "messagesProcessed": processed,
        "messagesAccepted": processed - len(issues),
        "messagesInvalid": len(issues),
    }
    header = {"sellerId": state.seller, "version": "2.0", "feedId": feed.feed_id}
    return msgspec.json.encode({"header": header, "issues": issues, "summary": summary})
