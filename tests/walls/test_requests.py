"""Requests that are too large, too slow, from elsewhere or about a stranger's words, put to the whole application."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import Message, Receive, Scope, Send

from portal.vault import Vault
from portal.web.security import BODY_LIMIT, CSP, FROM_ANYWHERE, answered, patient
from tests.browsing import LOOPBACK, Browser, opened
from tests.factories import make_user
from tests.walls.conftest import Sides
from tests.walls.walking import Walker, routes

pytestmark = pytest.mark.anyio

FILES = {"/payouts/uploads", "/listings/uploads", "/listings/tax", "/batches/{batch_id}/errands/{errand_id}"}
"""The only addresses that take more than a form."""


@pytest.fixture
async def app(sides: Sides, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(sides.addresses.web, keys) as app:
        yield app


async def test_every_route_has_a_body_limit(app: Litestar) -> None:
    """A megabyte, but for files; a new route that takes more has to be named."""
    larger = {route.path for route in routes(app) if route.handler.resolve_request_max_body_size() > BODY_LIMIT}  # type: ignore[attr-defined]
    assert larger == FILES
    refused = await Browser(app).http.post("/sign-in", data={"email": "x" * (BODY_LIMIT + 1)})
    assert refused.status_code == 413


async def test_every_answer_carries_the_policy_without_exceptions(app: Litestar, sides: Sides) -> None:
    walker = Walker(app)
    for route in routes(app):
        answer = await walker.ask(route, sides.asha)
        assert answer.headers["content-security-policy"] == CSP, route
        assert answer.headers["x-content-type-options"] == "nosniff", route
        assert answer.headers["cross-origin-opener-policy"] == "same-origin", route
    assert "unsafe" not in CSP
    assert "*" not in CSP


async def test_every_change_is_a_post_with_a_token_from_our_own_page(app: Litestar, sides: Sides) -> None:
    """Without the token and from another site, each is refused before anything is looked at."""
    walker = Walker(app, sides.asha.seller_id, await make_user(sides.asha.seller_id))
    await walker.arrive()
    for route in routes(app):
        assert route.method in ("GET", "POST"), route
        if route.method == "POST" and not route.handler.opt.get(FROM_ANYWHERE):
            bare = await walker.http.post(route.address(sides.asha), data={})
            foreign = await walker.post(route.address(sides.asha), {}, {"Sec-Fetch-Site": "cross-site"})
            assert (bare.status_code, foreign.status_code) == (403, 403), route


async def test_no_address_redirects_to_another_site(app: Litestar, sides: Sides) -> None:
    """Whatever is asked for in the places where pages remember where to go."""
    evil = dict.fromkeys(("next", "back", "to", "then", "return", "url", "for"), "//evil.example/x")
    walker = Walker(app)
    for route in routes(app):
        answer = await walker.ask(route, sides.asha, form=evil)
        asked = answer if route.method == "POST" else await walker.http.get(route.address(sides.asha), params=evil)
        where = urlsplit(asked.headers.get("location", ""))
        assert where.netloc in ("", urlsplit(LOOPBACK).netloc), (route, where)
        assert not where.path.startswith("//"), (route, where)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
async def test_another_name_is_answered_nowhere(app: Litestar, host: str) -> None:
    for path in ("/sign-in", "/healthz", "/static/portal.css", "/metrics"):
        assert (await Browser(app).http.get(path, headers={"Host": host})).status_code == 400


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """Neither one that stops nor one that trickles; after the body the end of the connection may take its time."""
    never = asyncio.Event()

    async def stops() -> Any:
        await never.wait()

    async def trickles() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(HTTPException) as stopped:
        await patient(stops, silence_s=0.01)()
    assert stopped.value.status_code == 408
    slow = patient(trickles, silence_s=5, within_s=0.05)
    with pytest.raises(HTTPException):
        await _all_of(slow)

    ending = [{"type": "http.request", "body": b"", "more_body": False}]

    async def ends() -> Any:
        if ending:
            return ending.pop()
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    watched = patient(ends, silence_s=0.01)
    await watched()
    assert (await watched())["type"] == "http.disconnect"


async def test_a_request_has_an_end() -> None:
    """An answer that does not begin is given up; one that has begun may take its time, and our own timeouts stay what they are."""
    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message["type"])

    async def begins_and_goes_on(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async def impatient(*_: object) -> None:
        raise TimeoutError

    nothing = cast("Any", None)
    with pytest.raises(HTTPException) as late:
        await answered(never, nothing, nothing, send, within_s=0.05)
    assert (late.value.status_code, sent) == (503, [])
    with pytest.raises(TimeoutError):
        await answered(impatient, nothing, nothing, send, within_s=5)
    await answered(begins_and_goes_on, nothing, nothing, send, within_s=0.05)
    assert sent == ["http.response.start", "http.response.body"]


async def _all_of(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


async def test_metrics_are_for_this_machine_or_for_the_token(app: Litestar) -> None:
    stranger = Browser(app, address="203.0.113.9")
    assert (await stranger.http.get("/metrics")).status_code in (401, 403, 404)
    assert (await stranger.http.get("/metrics", headers={"Authorization": "Bearer scrape me"})).status_code == 200


async def test_deep_and_broken_bodies_are_refused_in_words(app: Litestar) -> None:
    """No boundary, a broken boundary, thousands of fields, bytes that are no text: an answer below 500 each time."""
    browser = Browser(app)
    await browser.get("/sign-in")
    bodies: list[tuple[str, bytes]] = [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken"),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % n for n in range(20_000))),
        ("application/x-www-form-urlencoded", b"email=%ff%fe&%00=1"),
        ("application/json", b"[" * 50_000),
    ]
    for kind, body in bodies:
        answer: httpx.Response = await browser.http.post("/sign-in", content=body, headers={"content-type": kind})
        assert answer.status_code < 500, kind
        assert "Traceback" not in answer.text
