"""What is written down, and what never is."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import httpx
import pytest
import structlog
from litestar import get, post

from portal import logs
from portal.errors import NotFound
from portal.people.permissions import Permission, needs
from portal.postgres import Addresses
from portal.settings import Settings
from portal.vault import Vault
from tests.browsing import Browser, opened

pytestmark = pytest.mark.anyio


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything the process writes, as JSON lines; the logging of pytest is put back afterwards."""
    text, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", text)
    logs.configure(Settings(log_json=True), process="test")
    yield text
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def lines(text: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


def test_ours_and_libraries_lines_look_the_same(written: io.StringIO) -> None:
    structlog.get_logger("ours").warning("something", number=3)
    logging.getLogger("theirs").warning("something %s", "else")
    ours, theirs = lines(written)
    assert ours["event"] == "something"
    assert theirs["event"] == "something else"
    assert ours.keys() - {"number"} == theirs.keys()
    assert ours["process"] == theirs["process"] == "test"


def test_a_value_under_a_secret_name_is_not_written(written: io.StringIO) -> None:
    structlog.get_logger().info("saved", api_key="hunter2", refresh_token="hunter2", Authorization="Bearer hunter2", account="A1")
    assert "hunter2" not in written.getvalue()
    assert lines(written)[0]["account"] == "A1"


def test_a_strangers_exception_is_told_without_its_text(written: io.StringIO) -> None:
    """Its message may quote what it choked on; ours promises not to."""
    for error in (ValueError("".join(("hunt", "er2"))), NotFound("order")):
        try:
            raise error
        except (ValueError, NotFound):
            structlog.get_logger().exception("failed")
            logging.getLogger("theirs").exception("failed too")
    text = written.getvalue()
    assert "hunter2" not in text
    assert "ValueError" in text
    assert "We cannot find this order" in text
    assert all("test_logs.py" in str(line["trace"]) for line in lines(written))


def test_httpx_does_not_tell_addresses(written: io.StringIO) -> None:
    httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))).get("http://shop.example/?key=hunter2")
    assert written.getvalue() == ""


@get("/breaks", opt=needs(Permission.ANYONE))
async def breaks() -> str:
    raise ValueError("".join(("hunt", "er2")))  # in pieces: a trace quotes the line it came from


@post("/takes", opt=needs(Permission.ANYONE))
async def takes() -> str:
    return ""


async def test_a_request_is_one_line_without_its_query(database: Addresses, keys: Vault, written: io.StringIO) -> None:
    """And everything said during a request carries its id."""
    async with opened(database.web, keys, handlers=[breaks, takes]) as app:
        written.truncate(0)
        written.seek(0)
        await Browser(app).get("/breaks?code=hunter2", {"x-request-id": "given-by-proxy"})
    mishap, request = lines(written)
    assert "hunter2" not in written.getvalue()
    assert (request["event"], request["method"], request["path"], request["status"]) == ("request", "GET", "/breaks", 500)
    assert mishap["request_id"] == request["request_id"] == "given-by-proxy"


async def test_a_request_id_that_is_no_id_is_replaced(database: Addresses, keys: Vault, written: io.StringIO) -> None:
    async with opened(database.web, keys, handlers=[takes]) as app:
        await Browser(app).get("/takes", {"x-request-id": "x; made up"})
    assert "made up" not in written.getvalue()
