"""Asked again before what matters: the window, the POST that waits, and the secret that never does."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from litestar import Litestar, Request, Response, get, post

from portal import clock
from portal.app import HANDLERS
from portal.people.guarding import keeps, recently_authenticated
from portal.people.permissions import Permission, needs
from portal.postgres import Addresses
from portal.vault import Vault
from portal.web.pages import go
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened, signed_up
from tests.factories import PASSWORD

pytestmark = pytest.mark.anyio

DONE: list[list[tuple[str, str]]] = []


@get("/danger", opt=needs(Permission.CONNECT), guards=[recently_authenticated])
async def form() -> str:
    return "the form"


@post("/danger/close", opt={**needs(Permission.CONNECT), **keeps("name", "reasons")}, guards=[recently_authenticated])
async def close(request: Request[Any, Any, Any]) -> Response[Any]:
    sent = await request.form()
    DONE.append(sorted((name, value) for name, value in sent.multi_items() if name != "_csrf_token"))
    return go(f"/danger/closed?{request.url.query}")


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    DONE.clear()
    async with opened(database.web, keys, handlers=[*HANDLERS, form, close]) as app:
        yield app


async def confirm(browser: Browser, asked: httpx.Response, password: str = PASSWORD) -> httpx.Response:
    """Follows to the page that asks, types the password, answers what came of it."""
    assert asked.status_code == 303
    where = httpx.URL(asked.headers["location"])
    assert where.path == "/reauthenticate"
    await browser.get(str(where))
    return await browser.post("/reauthenticate", {"then": "", **dict(where.params), "password": password})


async def test_for_ten_minutes_after_signing_in_nobody_is_asked(app: Litestar) -> None:
    asha = await signed_up(app)
    start = clock.now()
    with clock.stopped_at(start + timedelta(minutes=9)):
        assert (await asha.get("/danger")).text == "the form"
    with clock.stopped_at(start + timedelta(minutes=11)):
        answer = await asha.get("/danger")
        assert (answer.status_code, answer.headers["location"]) == (303, "/reauthenticate?next=/danger")


async def test_the_right_password_leads_to_the_form_and_opens_the_window_again(app: Litestar) -> None:
    asha = await signed_up(app)
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        answer = await confirm(asha, await asha.get("/danger"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/danger")
        assert (await asha.get("/danger")).text == "the form"


async def test_the_post_is_kept_and_goes_on_by_itself(app: Litestar) -> None:
    """Fields, repeated ones too, and the query arrive as they were sent; what the route answers is what the browser gets."""
    asha = await signed_up(app)
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        content = {"_csrf_token": asha.csrf, "name": "Surat & Söhne", "reasons": ["a", "b"]}
        asked = await asha.http.post("/danger/close?from=card", data=content)
        assert DONE == []
        answer = await confirm(asha, asked)
        assert (answer.status_code, answer.headers["location"]) == (303, "/danger/closed?from=card")
        assert DONE == [[("name", "Surat & Söhne"), ("reasons", "a"), ("reasons", "b")]]
        assert (await asha.get("/danger")).text == "the form"


async def test_a_kept_post_goes_on_once(app: Litestar) -> None:
    asha = await signed_up(app)
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        asked = await asha.post("/danger/close", {"name": "x"})
        await confirm(asha, asked)
        again = await confirm(asha, asked)
        assert (again.status_code, len(DONE)) == (303, 1)


async def test_a_kept_post_is_of_no_use_to_another_session(app: Litestar) -> None:
    """Not even to another browser of the same person."""
    asha, phone = await signed_up(app), Browser(app)
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        await phone.sign_in()
        asked = await asha.post("/danger/close", {"name": "x"})
        await confirm(phone, asked)
        assert DONE == []


async def test_a_secret_is_not_kept_but_typed_again(app: Litestar, database: Addresses) -> None:
    """Whatever a route has not named counts as a secret; after confirming, the page the form stands on comes back."""
    asha = await signed_up(app)
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        asked = await asha.post("/danger/close", {"name": "x", "api_key": "s3cret"}, {"referer": "http://127.0.0.1:8000/danger"})
        assert "then" not in httpx.URL(asked.headers["location"]).params
        held = await asyncpg.connect(database.owner)
        try:
            assert await held.fetchval("SELECT count(*) FROM intended_posts") == 0
        finally:
            await held.close()
        answer = await confirm(asha, asked)
        assert (answer.headers["location"], DONE) == ("/danger", [])


async def test_a_wrong_password_changes_nothing(app: Litestar) -> None:
    asha = await signed_up(app)
    before = asha.session
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        asked = await asha.post("/danger/close", {"name": "x"})
        answer = await confirm(asha, asked, "a wrong guess")
        assert answer.status_code == 422
        assert "This is not what you sign in with." in answer.text
        assert "a wrong guess" not in answer.text
        assert (DONE, asha.session) == ([], before)
        answer = await confirm(asha, asked)
        assert len(DONE) == 1


async def test_the_session_has_a_new_token_afterwards(app: Litestar) -> None:
    """A copy of the cookie taken before opens nothing after."""
    asha, thief = await signed_up(app), Browser(app)
    thief.http.cookies.set(SESSION_COOKIE, asha.session, domain="127.0.0.1")
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        assert (await thief.get("/settings/profile")).status_code == 200
        await confirm(asha, await asha.post("/danger/close", {"name": "x"}))
        assert (await asha.get("/settings/profile")).status_code == 200
        assert (await thief.get("/settings/profile")).status_code == 303


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example"])
async def test_confirming_never_leads_to_another_site(app: Litestar, wanted: str) -> None:
    asha = await signed_up(app)
    page = await asha.get(f"/reauthenticate?then=x&next={wanted}")
    assert "evil" not in page.text.split("<footer")[0], "below stands the page's own address, for who changes the language"
    answer = await asha.post("/reauthenticate", {"next": wanted, "then": "", "password": PASSWORD})
    assert answer.headers["location"] == "/home"


async def test_htmx_is_sent_to_the_page_that_asks_as_a_whole(app: Litestar) -> None:
    asha = await signed_up(app)
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        answer = await asha.post("/danger/close", {"name": "x"}, {"hx-request": "true", "hx-current-url": "http://127.0.0.1:8000/danger"})
        assert answer.status_code == 401
        assert answer.headers["hx-redirect"].startswith("/reauthenticate?next=/danger&then=")


async def test_the_kept_post_is_judged_anew(app: Litestar, database: Addresses) -> None:
    """A role that was taken away meanwhile is gone for what waits as well."""
    asha = await signed_up(app)
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        asked = await asha.post("/danger/close", {"name": "x"})
        held = await asyncpg.connect(database.owner)
        try:
            await held.execute("UPDATE seller_users SET role = 'VIEWER'")
        finally:
            await held.close()
        assert (await confirm(asha, asked)).status_code == 403
        assert DONE == []
