"""What is sent and read while orders are processed: bodies to the letter, verdicts one by one, files only from where they may lie."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.marketplaces.errors import KeysRejected, MarketplaceError, NotAllowed, Unreachable, WireChanged
from portal.marketplaces.http import Outside
from portal.marketplaces.meesho import papers
from portal.marketplaces.meesho.client import MeeshoClient
from portal.marketplaces.meesho.keys import MeeshoKeys
from portal.marketplaces.meesho.wire import processing as wire
from portal.marketplaces.sandbox_papers import Sheet, printed
from tests.marketplaces.meesho.shopping import ACCOUNT

KEYS = MeeshoKeys(supplier_identifier="abcde", api_key="a-key", api_secret="a-secret")
BASE = "https://meesho.test/gateway"
PDF = printed([Sheet(lines=("Label",))])

PARSERS: list[Callable[[bytes], object]] = [
    wire.request_id,
    wire.progress,
    wire.manifest,
    lambda body: wire.refused(body, "acceptance"),
]


def told(**data: Any) -> bytes:
    return msgspec.json.encode({"data": data, "request_id": "r"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (wire.accept_body("LOC1", ["1_1"]), {"sub_orders": [{"sub_order_num": "1_1", "location_id": "LOC1"}]}),
        (wire.cancel_body(["1_1"]), {"sub_orders": [{"sub_order_num": "1_1", "reason_code": "SUPPLIER_CANNOT_FULFIL"}]}),
        (wire.label_body("1_1"), {"sub_order_nums": ["1_1"]}),
        (wire.manifest_body("LOC1", "Valmo", ["1_1"]), {"location_id": "LOC1", "carrier": "Valmo", "sub_order_nums": ["1_1"]}),
    ],
)
def test_bodies_say_what_the_proposal_says(body: bytes, said: dict[str, Any]) -> None:
    assert msgspec.json.decode(body) == said


def test_verdicts_are_read_one_by_one() -> None:
    """A verdict that cannot be read is missing, and spoils no other."""
    results = [
        {"sub_order_num": "1_1", "status": "SUCCESS", "error_code": None, "message": None},
        {"sub_order_num": "2_1", "status": "FAILURE", "error_code": "ORDER_CANCELLED", "message": "The customer left."},
        {"sub_order_num": "3_1", "status": "TELEPORTED"},
        {"sub_order_num": "4_1", "status": None},
        {"status": "SUCCESS"},
    ]

    found = wire.progress(told(status="PROCESSED", progress_percent=100, results=results, url="https://x.meesho.com/a.pdf"))

    assert found.done
    assert found.url == "https://x.meesho.com/a.pdf"
    assert found.said == {
        "1_1": wire.Said(),
        "2_1": wire.Said(code="ORDER_CANCELLED", words="The customer left."),
        "3_1": wire.Said(code="TELEPORTED", words="it answered TELEPORTED"),
    }


@pytest.mark.parametrize(("status", "done"), [("PROCESSING", False), ("PROCESSED", True), ("FAILED", True)])
def test_failed_is_done_as_well(status: str, done: bool) -> None:
    assert wire.progress(told(status=status)).done is done


def test_a_state_nobody_has_heard_of_is_no_progress() -> None:
    with pytest.raises(WireChanged):
        wire.progress(told(status="QUEUED_TWICE"))


def test_a_refusal_names_the_orders_it_minds() -> None:
    details = [{"sub_order_num": "1_1", "code": "NOT_FOUND", "message": None}, {"field": "location_id", "message": "unknown"}]
    body = msgspec.json.encode({"error": {"code": "VALIDATION_FAILED", "message": "Not valid.", "details": details}})

    assert wire.refused(body, "acceptance") == {"1_1": wire.Said(code="NOT_FOUND", words="Not valid.")}


def test_a_refusal_that_names_nobody_cannot_be_read() -> None:
    with pytest.raises(WireChanged):
        wire.refused(b'{"error":{"code":"VALIDATION_FAILED","message":"no","details":[]}}', "acceptance")


@given(body=st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_wire_changed(body: bytes) -> None:
    for parse in PARSERS:
        with suppress(WireChanged):
            parse(body)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://meesho.test/files/a.pdf?pass=1", True),
        ("https://meesho.com/a.pdf", True),
        ("https://labels.s3.meesho.com/a.pdf", True),
        ("http://labels.meesho.com/a.pdf", False),
        ("http://meesho.test/a.pdf", False),
        ("https://meesho.com.example.in/a.pdf", False),
        ("https://notmeesho.com/a.pdf", False),
        ("https://meesho.com@example.in/a.pdf", False),
        ("file:///etc/passwd", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_files_are_fetched_only_from_where_they_may_lie(url: str, may: bool) -> None:
    assert papers.ours(url, BASE, papers.hosts({})) is may


def test_other_hosts_are_a_setting() -> None:
    allowed = papers.hosts({"DOCUMENT_HOSTS": "Files.Example.in, cdn.example.in"})

    assert allowed == ("files.example.in", "cdn.example.in")
    assert papers.ours("https://a.cdn.example.in/x.pdf", BASE, allowed)
    assert not papers.ours("https://labels.meesho.com/a.pdf", BASE, allowed)


async def downloaded(answer: httpx.Response, url: str = f"{BASE}/files/a.pdf?pass=secret") -> tuple[bytes | None, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer

    outside = Outside(settings={"URL": BASE, "RATE": "1000"}, transport=httpx.MockTransport(handler))
    async with MeeshoClient(outside, ACCOUNT, KEYS) as client:
        return await client.download(url, what="label"), seen


@pytest.mark.anyio
async def test_no_key_goes_with_a_download() -> None:
    content, (request,) = await downloaded(httpx.Response(200, content=PDF, headers={"content-type": "application/pdf"}))

    assert content == PDF
    assert not [name for name in request.headers if name.startswith("x-")]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(410),
        httpx.Response(
            403, content=b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", headers={"content-type": "application/xml"}
        ),
    ],
    ids=["unknown", "gone", "refused by a file store"],
)
async def test_a_link_that_has_ended_is_no_error(answer: httpx.Response) -> None:
    assert (await downloaded(answer))[0] is None


@pytest.mark.anyio
async def test_an_address_elsewhere_is_never_called() -> None:
    with pytest.raises(WireChanged):
        await downloaded(httpx.Response(200, content=PDF), "https://example.in/a.pdf")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, content=PDF[:-20]), WireChanged),
        (httpx.Response(200, json={"data": {}}), WireChanged),
        (httpx.Response(200, content=b""), Unreachable),
        (httpx.Response(200, html="<h1>Sign in</h1>"), Unreachable),
        (httpx.Response(403, html="<h1>Robot?</h1>"), Unreachable),
        (httpx.Response(302, headers={"location": "https://example.in"}), Unreachable),
        (httpx.Response(403, json={"error": {"code": "NOT_SHARED", "message": "no"}}), NotAllowed),
        (httpx.Response(401, json={"error": {"code": "INVALID_API_KEY", "message": "no"}}), KeysRejected),
    ],
)
async def test_what_is_no_file_has_one_of_five_names(answer: httpx.Response, error: type[MarketplaceError]) -> None:
    with pytest.raises(error) as raised:
        await downloaded(answer)

    assert type(raised.value) is error
    assert "secret" not in f"{raised.value} {raised.value.seller_message} {raised.value.words}"
