"""The shell around every page, asked over HTTP: headers, forms without scripts, hosts, error pages, files."""

import functools
import gzip
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast
from xml.etree import ElementTree

import httpx
import pytest
import structlog
from litestar import Litestar, Request, Response, get, post
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotAuthorizedException, TooManyRequestsException
from litestar.params import Body, FromPath
from litestar.response import Redirect, ServerSentEvent
from litestar.response.sse import ServerSentEventMessage
from structlog.testing import CapturingLogger

from portal.errors import BadInput, Conflict, NotFound, NotPermitted
from portal.settings import Settings
from portal.web import stream
from portal.web.assets import Assets, lean
from portal.web.pages import Place, go, page, part
from portal.web.security import BODY_LIMIT, CSP, CSRF_COOKIE, FROM_ANYWHERE, safe_next, session_cookie
from portal.web.shell import WebShell

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
DRAWINGS = sorted(path.relative_to(ROOT / "static").as_posix() for path in (ROOT / "static").rglob("*.svg"))
PLACES = (Place("/home", "Home", "home"), Place("/orders", "Orders", "box"))
Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True)
class Asha:
    """The owner, signed in."""

    name: str = "Asha <b>"
    email: str = "asha@example.in"
    role: str = "OWNER"
    seller_name: str = "Priya Fashions"


async def asha_is_here(request: AnyRequest) -> None:
    if "x-asha" in request.headers:
        request.state.viewer = Asha()


@get("/sign-in")
async def sign_in(request: AnyRequest) -> Response[str]:
    return page(request, whole="people/sign_in.html", secure=True, values={"email": "<i>"}, errors={}, message="", next="/home")


@get("/orders")
async def orders(request: AnyRequest) -> Response[str]:
    return page(request, whole="people/sign_in.html", part="_flash.html", values={"email": ""}, errors={}, message="", next="")


@get("/p/notice")
async def notice(request: AnyRequest) -> Response[Any]:
    return part(request, "_flash.html", instead="/orders")


@post("/orders")
async def add(data: Form) -> Redirect:
    return go("/orders", notice=f"Saved {data['email']}")


@post("/capture", opt={FROM_ANYWHERE: True})
async def capture() -> str:
    return "ok"


@get("/boom/{what:str}")
async def boom(what: FromPath[str]) -> str:
    password = "hunter2"  # noqa: F841 - the frame that must not be logged
    raise {
        "missing": NotFound("order"),
        "role": NotPermitted("Ask Asha for access."),
        "conflict": Conflict("This sync has ended."),
        "input": BadInput("Look at the key.", fields={"api_key": "API key must not contain spaces"}),
        "guest": NotAuthorizedException(),
        "often": TooManyRequestsException(headers={"Retry-After": "30"}),
        "bug": RuntimeError("token=hunter2"),
    }[what]


@get("/events")
async def events() -> ServerSentEvent:
    async def two() -> AsyncIterator[ServerSentEventMessage]:
        yield stream.heartbeat()
        yield stream.message("hello", seq=1)

    return stream.stream(two())


@functools.cache
def app_with(public_url: str = "http://127.0.0.1:8000", secret: str = "s" * 32) -> Litestar:
    settings = Settings(public_url=public_url)
    shell = WebShell(settings, templates=ROOT / "templates", static=ROOT / "static", csrf_secret=secret, places=PLACES, version="1.2.3")
    handlers = [sign_in, orders, notice, add, capture, boom, events]
    return Litestar(handlers, plugins=[shell], before_request=asha_is_here, openapi_config=None, request_max_body_size=BODY_LIMIT)


def browser(app: Litestar, base_url: str = "http://127.0.0.1:8000") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast("Any", app)), base_url=base_url)


def served(name: str) -> bytes:
    """What browsers get for a file of `static/`, unpacked."""
    assets = Assets(ROOT / "static")
    found = assets.find(assets.url(name).removeprefix("/static/"))
    assert found is not None
    return found.content


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app_with()) as client:
        yield client


@pytest.fixture
def logged() -> Iterator[CapturingLogger]:
    """Every line of the log, as it would be written."""
    logger = CapturingLogger()
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=lambda *_: logger, cache_logger_on_first_use=False
    )
    yield logger
    structlog.reset_defaults()


def token_in(html: str) -> str:
    found = re.search(r'name="_csrf_token"\s+value="([\w-]+)"', html)
    assert found
    return found[1]


@pytest.mark.parametrize("path", ["/sign-in", "/boom/bug", "/boom/missing", "/nowhere", "/static/nothing.css", "/events"])
async def test_every_response_has_the_headers(web: httpx.AsyncClient, path: str) -> None:
    """Pages, errors, missing files and streams alike; and no exception in the policy."""
    found = (await web.get(path)).headers

    assert found["content-security-policy"] == CSP
    assert "unsafe" not in CSP
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] == "same-origin"
    assert found["cross-origin-opener-policy"] == "same-origin"
    assert "strict-transport-security" not in found


async def test_https_is_remembered() -> None:
    async with browser(app_with("https://portal.example.in"), "https://portal.example.in") as web:
        found = await web.get("/sign-in")

    assert found.headers["strict-transport-security"].startswith("max-age=31536000")
    assert "Secure" in found.headers["set-cookie"]


async def test_a_form_works_without_scripts(web: httpx.AsyncClient) -> None:
    """A browser that only knows cookies and hidden fields: read the page, send the form, see the notice, once."""
    shown = await web.get("/sign-in")
    sent = await web.post("/orders", data={"_csrf_token": token_in(shown.text), "email": "a<b"})

    assert sent.status_code == 303
    first, second = await web.get(sent.headers["location"]), await web.get(sent.headers["location"])
    assert "Saved a&lt;b" in first.text
    assert "Saved" not in second.text


@pytest.mark.parametrize("token", [None, "", "f" * 128])
async def test_a_form_without_its_token_changes_nothing(web: httpx.AsyncClient, token: str | None) -> None:
    await web.get("/sign-in")
    refused = await web.post("/orders", data={"email": "x", **({} if token is None else {"_csrf_token": token})})

    assert refused.status_code == 403
    assert "This page was open for too long" in refused.text


async def test_a_cookie_of_an_older_secret_heals_itself() -> None:
    """Otherwise a browser would be refused for as long as it keeps the cookie."""
    async with browser(app_with(secret="old" * 11)) as web:
        await web.get("/sign-in")
        kept = list(web.cookies.jar)
    async with browser(app_with(secret="new" * 11)) as web:
        for cookie in kept:
            web.cookies.jar.set_cookie(cookie)
        stale = await web.get("/sign-in")
        refused = await web.post("/orders", data={"_csrf_token": token_in(stale.text), "email": "x"})
        assert refused.status_code == 403

        fresh = await web.get("/sign-in")
        assert (await web.post("/orders", data={"_csrf_token": token_in(fresh.text), "email": "x"})).status_code == 303


@pytest.mark.parametrize(("site", "status"), [("same-origin", 303), ("cross-site", 403), ("same-site", 403), ("none", 403)])
async def test_another_site_cannot_post(web: httpx.AsyncClient, site: str, status: int) -> None:
    """Not even with the right token."""
    token = token_in((await web.get("/sign-in")).text)
    sent = await web.post("/orders", data={"_csrf_token": token, "email": "x"}, headers={"Sec-Fetch-Site": site})

    assert sent.status_code == status


async def test_a_route_for_extensions_takes_posts_from_anywhere(web: httpx.AsyncClient) -> None:
    assert (await web.post("/capture", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 201


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("LOCALHOST:9", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("127.0.0.1@evil.example", 400),
        ("", 400),
    ],
)
async def test_only_our_own_names_are_answered(web: httpx.AsyncClient, host: str, status: int) -> None:
    """A foreign Host would end up in links and redirects; a rebinding name would reach a portal on this machine."""
    assert (await web.get("/sign-in", headers={"Host": host})).status_code == status


async def test_a_body_has_a_limit(web: httpx.AsyncClient) -> None:
    refused = await web.post("/orders", data={"email": "x" * (BODY_LIMIT + 1)})

    assert refused.status_code == 413
    assert "This is too large" in refused.text


@pytest.mark.parametrize(
    ("what", "status", "words"),
    [
        ("missing", 404, "We cannot find this order."),
        ("role", 403, "Ask Asha for access."),
        ("conflict", 409, "This sync has ended."),
        ("input", 422, "API key must not contain spaces"),
        ("often", 429, "That was too often"),
        ("bug", 500, "Something failed on our side"),
    ],
)
@pytest.mark.parametrize("asked_by", ["browser", "htmx"])
async def test_what_goes_wrong_is_said_in_words(
    web: httpx.AsyncClient, logged: CapturingLogger, what: str, status: int, words: str, asked_by: str
) -> None:
    """A page, or for htmx a piece of one; with an id that is also in the log, and without a word of the inside."""
    shown = await web.get(f"/boom/{what}", headers={"HX-Request": "true"} if asked_by == "htmx" else {})

    assert shown.status_code == status
    assert words in shown.text
    assert ("<html" in shown.text) == (asked_by == "browser")
    assert shown.headers["vary"] == "HX-Request"
    assert "Traceback" not in shown.text
    assert "hunter2" not in shown.text
    found = re.search(r"ERR-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", shown.text)
    assert found
    assert any(found[0] in str(call) for call in logged.calls)


async def test_headers_of_a_refusal_stay(web: httpx.AsyncClient) -> None:
    assert (await web.get("/boom/often")).headers["retry-after"] == "30"


async def test_the_log_tells_where_a_bug_is_but_no_values(web: httpx.AsyncClient, logged: CapturingLogger) -> None:
    """Frames and types; a variable or a message of a stranger's error may hold a password."""
    await web.get("/boom/bug?code=hunter2")

    written = " ".join(str(call) for call in logged.calls)
    assert "test_shell.py" in written
    assert "RuntimeError" in written
    assert "hunter2" not in written.replace('password = "hunter2"', "")


async def test_a_wrong_method_is_a_page_too(web: httpx.AsyncClient) -> None:
    assert "takes no such request" in (await web.get("/capture")).text


async def test_a_guest_signs_in_and_comes_back(web: httpx.AsyncClient) -> None:
    """By redirect; for htmx by the header it follows, back to the page rather than to its part."""
    plain = await web.get("/boom/guest?a=1&b=2")
    assert (plain.status_code, plain.headers["location"]) == (303, "/sign-in?next=/boom/guest%3Fa%3D1%26b%3D2")

    part = await web.get("/boom/guest", headers={"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1:8000/syncs?x=1"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in?next=/syncs%3Fx%3D1")

    abroad = await web.get("/boom/guest", headers={"HX-Request": "true", "HX-Current-URL": "http://evil.example/x"})
    assert abroad.headers["hx-redirect"] == "/sign-in?next=/home"


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        None,
        "home",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "/a\nb",
        "\\/evil.example",
        "javascript:1",
        "/\x7f",
    ],
)
def test_signing_in_never_leads_to_another_site(wanted: str | None) -> None:
    assert safe_next(wanted) == "/home"


def test_signing_in_leads_back_to_where_one_was() -> None:
    assert safe_next("/orders?status=late&after=x") == "/orders?status=late&after=x"


async def test_htmx_gets_the_part_and_caches_know(web: httpx.AsyncClient) -> None:
    whole, part = await web.get("/orders"), await web.get("/orders", headers={"HX-Request": "true"})

    assert "<html" in whole.text
    assert "<html" not in part.text
    assert whole.headers["vary"] == part.headers["vary"] == "HX-Request"
    assert whole.headers["cache-control"] == "private, no-cache"


async def test_a_part_opened_as_a_page_leads_to_its_page(web: httpx.AsyncClient) -> None:
    """Somebody opens it in a new tab, or scripts are off."""
    plain, asked = await web.get("/p/notice"), await web.get("/p/notice", headers={"HX-Request": "true"})

    assert (plain.status_code, plain.headers["location"]) == (303, "/orders")
    assert asked.status_code == 200


async def test_secure_pages_are_stored_nowhere(web: httpx.AsyncClient) -> None:
    shown = await web.get("/sign-in")

    assert shown.headers["cache-control"] == "no-store"
    assert 'data-secure="1"' in shown.text


async def test_the_shell_names_who_is_here_and_where(web: httpx.AsyncClient) -> None:
    shown = (await web.get("/orders", headers={"x-asha": "1"})).text

    assert "Asha &lt;b&gt;" in shown
    assert "Priya Fashions" in shown
    assert re.search(r'href="/orders"\s+aria-current="page"', shown)
    assert not re.search(r'href="/home"\s+aria-current="page"', shown)
    assert "1.2.3" in shown


async def test_a_guest_sees_no_navigation(web: httpx.AsyncClient) -> None:
    assert "<nav" not in (await web.get("/sign-in")).text


async def test_live_regions_are_there_and_empty_from_the_start(web: httpx.AsyncClient) -> None:
    """A screen reader announces only what enters a region it already knows."""
    shown = (await web.get("/sign-in")).text

    assert '<div id="live" role="status"></div>' in shown
    assert '<div id="alerts" role="alert"></div>' in shown


async def test_values_come_back_escaped_and_passwords_not_at_all(web: httpx.AsyncClient) -> None:
    shown = (await web.get("/sign-in")).text

    assert 'value="&lt;i&gt;"' in shown
    password = re.search(r'<input id="password".*?>', shown, re.DOTALL)
    assert password
    assert "value=" not in password[0]


async def test_files_change_their_address_with_their_content(web: httpx.AsyncClient) -> None:
    """So a browser may keep them for ever."""
    shown = (await web.get("/sign-in")).text
    addresses = re.findall(r'"(/static/[^"]+)"', shown)
    assert len(addresses) >= 4

    for address in addresses:
        got = await web.get(address)
        assert got.status_code == 200
        assert got.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert hashlib.sha256(got.content).hexdigest()[:12] in address
    assert (await web.get("/static/portal.css")).status_code == 404
    assert (await web.get("/static/../pyproject.toml")).status_code == 404
    assert (await web.get("/static/%2e%2e/pyproject.toml")).status_code == 404


async def test_a_whole_page_names_its_styles_before_it_begins(web: httpx.AsyncClient) -> None:
    """So that they are asked for first. A part comes into a page that has them."""
    whole = await web.get("/sign-in")
    part_of_it = await web.get("/orders", headers={"HX-Request": "true"})

    found = re.search(r'<link rel="stylesheet" href="([^"]+)">', whole.text)
    assert found
    assert whole.headers["link"] == f"<{found[1]}>; rel=preload; as=style"
    assert "link" not in part_of_it.headers


def test_styles_go_out_without_comments_and_layout() -> None:
    written, sent = (ROOT / "static/portal.css").read_text(), served("portal.css").decode()

    assert lean("/* why */\na  b ,\n c {\n  top: calc(1px + 2px) ;\n}\n") == " a b,c{top: calc(1px + 2px);}"
    assert "/*" not in sent
    assert re.sub(r"\s", "", sent) == re.sub(r"\s|/\*.*?\*/", "", written, flags=re.DOTALL)
    assert not [text for text in re.findall(r'"[^"]*"', written) if re.search(r"/\*|[{};,]|\s\s", text)], "texts would change as well"


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_shapes_and_nothing_else(name: str) -> None:
    """They become a part of the page, where the policy refuses styles and an id would be there twice."""
    drawn = str(Assets(ROOT / "static").drawing(name, 32))
    root = ElementTree.fromstring(drawn)

    assert (root.attrib["width"], root.attrib["height"], root.attrib["aria-hidden"]) == ("32", "32", "true")
    assert {one.tag for one in root} <= {"path", "rect", "circle", "g"}
    assert not re.search(r"\b(id|class|style|href|on\w+)=", drawn.partition(">")[2])
    assert not "".join(root.itertext()).strip()


async def test_types_of_files_are_what_nosniff_needs(web: httpx.AsyncClient) -> None:
    shown = (await web.get("/sign-in")).text
    kinds = {
        address.rsplit(".", 1)[1]: (await web.get(address)).headers["content-type"] for address in re.findall(r'"(/static/[^"]+)"', shown)
    }

    assert kinds["css"].startswith("text/css")
    assert kinds["js"].startswith("text/javascript")
    assert kinds["svg"].startswith("image/svg+xml")


async def test_a_stream_is_an_event_stream(web: httpx.AsyncClient) -> None:
    got = await web.get("/events")

    assert got.headers["content-type"].startswith("text/event-stream")
    assert got.headers["cache-control"] == "no-store"
    assert got.text == ": k\n\nid: 1\ndata: hello\n\n"


def test_the_session_cookie_stays_out_of_scripts_and_other_sites() -> None:
    local = session_cookie("t", Settings(), max_age=60)
    public = session_cookie("t", Settings(public_url="https://portal.example.in"), max_age=60)

    assert (local.key, local.httponly, local.samesite, local.secure, local.path) == ("portal_session", True, "lax", False, "/")
    assert public.secure


async def test_the_csrf_cookie_stays_out_of_scripts(web: httpx.AsyncClient) -> None:
    found = (await web.get("/sign-in")).headers["set-cookie"]

    assert found.startswith(f"{CSRF_COOKIE}=")
    assert "HttpOnly" in found
    assert "SameSite=lax" in found


def test_budgets_of_files() -> None:
    """What a page loads stays small: gzipped styles 10 KB, own script 3 KB, all scripts together 24 KB."""
    assert len(gzip.compress(served("portal.css"), 9)) <= 10_000
    assert len(gzip.compress((ROOT / "static/app.js").read_bytes(), 9)) <= 3_000
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in (ROOT / "static").glob("*.js")) <= 24_000


def test_vendored_files_are_unmodified() -> None:
    """Their names carry the hash of what npm's htmx.org 4.0.1 brings."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in (ROOT / "static").glob("*.min.*.js")}

    assert found == {"htmx.min.a0abb04f2f45.js": "a0abb04f2f45", "hx-sse.min.18ef2761356e.js": "18ef2761356e"}
