"""Pages go out packed, and nothing that opens a door can be read off their length; the token of forms is another one on each page."""

import gzip
import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx
import pytest
from litestar import Litestar, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent
from litestar.response.sse import ServerSentEventMessage
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from portal.settings import Settings
from portal.web import packing, stream, tokens
from portal.web.pages import go, page
from portal.web.security import CSRF_COOKIE
from portal.web.shell import WebShell

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
_TOKEN = re.compile(r'name="_csrf_token" value="([^"]*)"')


@get("/sign-in", media_type="text/html")
async def sign_in(request: Request[Any, Any, Any]) -> Response[str]:
    return page(request, whole="people/landing.html")


@get("/secret/{how:str}")
async def secret(request: Request[Any, Any, Any], how: FromPath[str]) -> Response[str]:
    return page(request, whole="people/landing.html", secure=True, packed=how == "packed")


@get("/short", media_type="text/html")
async def short() -> str:
    return "<p>Short</p>"


@get("/file.csv")
async def file() -> Response[str]:
    return Response("a,b\n" * 500, media_type="text/csv")


@get("/events")
async def events() -> ServerSentEvent:
    async def many() -> AsyncIterator[ServerSentEventMessage]:
        for number in range(5):
            yield stream.message("hello " * 200, seq=number)

    return stream.stream(many())


@post("/save", media_type="text/html")
async def save(request: Request[Any, Any, Any]) -> Response[str] | Redirect:
    wrong = (await request.form()).get("wrong")
    return page(request, whole="people/landing.html", status=422) if wrong else go("/sign-in")


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(public_url="http://127.0.0.1:8000")
    shell = WebShell(settings, templates=ROOT / "templates", static=ROOT / "static", csrf_secret="s" * 32, places=())
    app = Litestar([sign_in, secret, short, file, events, save], plugins=[shell], openapi_config=None)
    app.asgi_handler = packing.packed(app.asgi_handler)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast("Any", app)), base_url=settings.public_url) as client:
        yield client


async def sizes(web: httpx.AsyncClient, said: str, times: int = 12) -> list[int]:
    """The lengths on the line of a page that says `said` back."""
    return [int((await web.get(f"/sign-in?said={quote(said)}")).headers["content-length"]) for _ in range(times)]


def mean(numbers: Iterable[int]) -> float:
    known = list(numbers)
    return sum(known) / len(known)


async def test_a_page_is_packed_for_a_browser_that_unpacks(web: httpx.AsyncClient) -> None:
    packed, plain = await web.get("/sign-in"), await web.get("/sign-in", headers={"Accept-Encoding": "identity"})

    assert (packed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert {one.headers["vary"] for one in (packed, plain)} == {"HX-Request,Accept-Encoding"}
    assert _TOKEN.sub("", packed.text) == _TOKEN.sub("", plain.text)
    assert int(packed.headers["content-length"]) < len(plain.content) / 2


@pytest.mark.parametrize("path", ["/short", "/file.csv", "/events", "/secret/as-it-is"])
async def test_everything_else_goes_as_it_is(web: httpx.AsyncClient, path: str) -> None:
    """Too short, no page, a stream, a page stored nowhere that may hold a secret."""
    assert "content-encoding" not in (await web.get(path)).headers


async def test_a_page_stored_nowhere_is_packed_where_it_says_so(web: httpx.AsyncClient) -> None:
    found = await web.get("/secret/packed")

    assert (found.headers["content-encoding"], found.headers["cache-control"]) == ("gzip", "no-store")


async def test_what_is_packed_already_stays_as_it_is() -> None:
    sent: list[Message] = []
    body = gzip.compress(b"x" * 5000 + bytes(range(256)) * 10)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-encoding", b"gzip")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def keep(message: Message) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "headers": [(b"accept-encoding", b"gzip")], "state": {}}
    await packing.packed(cast("ASGIApp", app))(scope, cast("Receive", None), keep)
    assert [one["body"] for one in sent if one["type"] == "http.response.body"] == [body]


async def test_each_page_has_another_token_and_each_of_them_works_more_than_once(web: httpx.AsyncClient) -> None:
    shown = [_TOKEN.findall((await web.get("/sign-in")).text)[0] for _ in range(3)]

    assert len({web.cookies[CSRF_COOKIE], *shown}) == 4
    assert len({tokens.unmasked(one) for one in shown}) == 1
    for one in (*shown, shown[0]):
        assert (await web.post("/save", data={"_csrf_token": one})).status_code == 303


async def test_the_form_on_a_refused_page_works_too(web: httpx.AsyncClient) -> None:
    """The answer to a POST is painted with what the POST brought."""
    first = _TOKEN.findall((await web.get("/sign-in")).text)[0]
    refused = await web.post("/save", data={"_csrf_token": first, "wrong": "1"})
    again = _TOKEN.findall(refused.text)[0]

    assert (refused.status_code, again == first) == (422, False)
    assert (await web.post("/save", data={"_csrf_token": again})).status_code == 303


async def test_a_token_that_was_tampered_with_fails(web: httpx.AsyncClient) -> None:
    """Also the cookie's own: a page never shows that."""
    shown = _TOKEN.findall((await web.get("/sign-in")).text)[0]
    swapped = ("B" if shown[-10] == "A" else "A").join((shown[:-10], shown[-9:]))

    for sent in (swapped, shown[:-1], shown + "A", shown * 2, "", "%", web.cookies[CSRF_COOKIE]):
        assert (await web.post("/save", data={"_csrf_token": sent})).status_code == 403, sent


@pytest.mark.parametrize("cookie", ["", "no token at all", "zz" * 64])
async def test_a_cookie_that_is_no_token_gives_none_that_fits(web: httpx.AsyncClient, cookie: str) -> None:
    shown = (await web.get("/sign-in", headers={"Cookie": f"{CSRF_COOKIE}={quote(cookie)}"})).text

    assert all(found == "" for found in _TOKEN.findall(shown)) is bool(cookie)


async def test_the_length_of_a_page_does_not_tell_its_token(web: httpx.AsyncClient) -> None:
    """A page that says a guess back is no shorter for the right one. The same page without masks would be, by half a hundred bytes."""
    await web.get("/sign-in")
    token = web.cookies[CSRF_COOKIE]
    wrong = token[::-1]

    assert abs(mean(await sizes(web, token)) - mean(await sizes(web, wrong))) < 8
    bare = (await web.get("/sign-in", headers={"Accept-Encoding": "identity"})).text
    unmasked = _TOKEN.sub(f'name="_csrf_token" value="{token}"', bare)
    lengths = {said: len(gzip.compress(f"{unmasked}<p>{said}</p>".encode(), packing.LEVEL)) for said in (token, wrong)}
    assert lengths[wrong] - lengths[token] > 40
