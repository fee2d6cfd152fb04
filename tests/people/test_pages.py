"""Sign-up, sign-in and sign-out as a browser without scripts does them, on the web's own database login."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from litestar import Litestar

from portal import clock
from portal.people import service
from portal.people.throttling import FROM_ONE_PLACE
from portal.postgres import Addresses
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened, signed_up, without_token
from tests.factories import PASSWORD

pytestmark = pytest.mark.anyio

ASHA = {"business": "Asha Textiles", "name": "Asha", "email": "asha@example.in", "password": PASSWORD}


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as app:
        yield app


@pytest.fixture
async def browser(app: Litestar) -> Browser:
    return Browser(app)


async def test_signing_up_signs_in(browser: Browser) -> None:
    await browser.get("/sign-up")
    answer = await browser.post("/sign-up", ASHA)
    assert (answer.status_code, answer.headers["location"]) == (303, "/home")
    page = await browser.get("/settings/profile")
    assert "Asha Textiles" in page.text
    assert "asha@example.in" in page.text


@pytest.mark.parametrize(("public", "secure"), [("http://127.0.0.1:8000", False), ("https://portal.example.in", True)])
async def test_the_session_cookie_is_for_browsers_only_and_secure_off_this_machine(
    database: Addresses, keys: Vault, public: str, secure: bool
) -> None:
    async with opened(database.web, keys, public_url=public) as app:
        await service.sign_up(business="Asha Textiles", email="asha@example.in", password=PASSWORD)
        answer = await Browser(app, base=public).sign_in()
    sent = next(SimpleCookie(line)[SESSION_COOKIE] for line in answer.headers.get_list("set-cookie") if line.startswith(SESSION_COOKIE))
    assert sent["httponly"] is True
    assert sent["samesite"] == "lax"
    assert sent["path"] == "/"
    assert bool(sent["secure"]) is secure


async def test_mistakes_stand_at_their_fields_and_the_password_never_comes_back(browser: Browser) -> None:
    await browser.get("/sign-up")
    answer = await browser.post("/sign-up", {**ASHA, "business": "", "password": "short one"})
    assert answer.status_code == 422
    assert "Error: " in answer.text
    assert "There is a problem" in answer.text
    assert 'href="#business"' in answer.text
    assert 'href="#password"' in answer.text
    assert "short one" not in answer.text
    assert 'value="asha@example.in"' in answer.text


async def test_a_wrong_password_gets_one_sentence_whoever_it_is(app: Litestar) -> None:
    """An unknown address and a wrong password are told apart by nothing on the page."""
    await signed_up(app)
    pages = []
    for email in ("asha@example.in", "nobody@example.in"):
        browser = Browser(app)
        answer = await browser.sign_in(email, "not the password")
        assert answer.status_code == 422
        assert browser.session == ""
        assert "not the password" not in answer.text
        pages.append(without_token(answer.text.replace(email, "")))
    assert "do not belong together" in pages[0]
    assert pages[0] == pages[1]


async def test_signing_out_ends_the_session_on_the_server(app: Litestar) -> None:
    """A copy of the cookie opens nothing afterwards."""
    asha = await signed_up(app)
    stolen = asha.session
    thief = Browser(app)
    thief.http.cookies.set(SESSION_COOKIE, stolen, domain="127.0.0.1")
    assert (await thief.get("/settings/profile")).status_code == 200
    answer = await asha.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert asha.session == ""
    refused = await thief.get("/settings/profile")
    assert (refused.status_code, refused.headers["location"]) == (303, "/sign-in?next=/settings/profile")


async def test_signing_out_of_another_device_takes_its_session(app: Litestar) -> None:
    asha = await signed_up(app)
    phone = Browser(app, user_agent="Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36")
    await phone.sign_in()
    page = await asha.get("/settings/security")
    assert "Chrome on Android" in page.text
    (theirs,) = re.findall(r"/settings/security/([0-9a-f-]{36})/revoke", page.text)
    await asha.post(f"/settings/security/{theirs}/revoke")
    assert (await phone.get("/settings/profile")).status_code == 303
    assert (await asha.get("/settings/profile")).status_code == 200


async def test_one_seller_never_sees_or_ends_anothers_session(app: Litestar) -> None:
    """Another seller's session id is a 404, as if it did not exist."""
    asha, chitra = await signed_up(app), await signed_up(app, "chitra@example.in", "Chitra Crafts")
    page = await chitra.get("/settings/security")
    assert page.text.count("Last used") == 1
    assert "Asha" not in page.text
    viewer = await service.current(asha.session)
    assert viewer is not None
    assert (await chitra.post(f"/settings/security/{viewer.session_id}/revoke")).status_code == 404
    assert (await asha.get("/settings/profile")).status_code == 200


async def test_a_form_without_its_token_is_refused_with_a_page_that_helps(app: Litestar) -> None:
    asha = await signed_up(app)
    asha.csrf = ""
    answer = await asha.post("/sign-out")
    assert answer.status_code == 403
    assert "This page was open for too long" in answer.text
    assert (await asha.get("/settings/profile")).status_code == 200


async def test_a_post_from_another_site_is_refused(app: Litestar) -> None:
    asha = await signed_up(app)
    assert (await asha.post("/sign-out", headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await asha.get("/settings/profile")).status_code == 200


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)"])
async def test_after_signing_in_nobody_is_sent_to_another_site(app: Litestar, wanted: str) -> None:
    asha = await signed_up(app)
    answer = await Browser(app).sign_in(next=wanted)
    assert answer.headers["location"] == "/home"
    answer = await asha.http.get("/sign-in", params={"next": wanted})
    assert answer.headers["location"] == "/home"


async def test_signing_in_leads_back_to_where_the_person_was(app: Litestar) -> None:
    await signed_up(app)
    browser = Browser(app)
    refused = await browser.get("/settings/security?from=mail")
    page = await browser.get(refused.headers["location"])
    assert 'name="next" value="/settings/security?from=mail"' in page.text
    answer = await browser.post("/sign-in", {"email": ASHA["email"], "password": PASSWORD, "next": "/settings/security?from=mail"})
    assert answer.headers["location"] == "/settings/security?from=mail"


async def test_an_address_that_leads_nowhere_keeps_the_readers_navigation(app: Litestar) -> None:
    """Also the button to sign out, and it works from there."""
    asha = await signed_up(app)
    for path in ("/nowhere", "/settings/nowhere", "/settings/security/no/such/page"):
        answer = await asha.get(path)
        assert answer.status_code == 404
        assert "This page does not exist" in answer.text
        assert "Asha Textiles" in answer.text
    assert "Asha Textiles" not in (await Browser(app).get("/nowhere")).text
    assert (await asha.post("/sign-out")).headers["location"] == "/sign-in"


async def test_htmx_is_sent_to_the_sign_in_page_as_a_whole(browser: Browser) -> None:
    answer = await browser.get("/settings/security", {"hx-request": "true", "hx-current-url": "http://127.0.0.1:8000/settings/profile"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in?next=/settings/profile")


@pytest.mark.parametrize("path", ["/", "/sign-in", "/sign-up"])
async def test_people_who_are_signed_in_are_not_asked_again(app: Litestar, path: str) -> None:
    assert (await Browser(app).get(path)).status_code == 200
    answer = await (await signed_up(app)).get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/home")


@pytest.mark.parametrize(
    ("idle", "times", "alive"), [(timedelta(hours=23), 2, True), (timedelta(hours=25), 1, False), (timedelta(hours=23), 15, False)]
)
async def test_a_session_ends_after_a_day_of_silence_and_after_two_weeks_in_any_case(
    app: Litestar, idle: timedelta, times: int, alive: bool
) -> None:
    asha = await signed_up(app)
    moment, viewer = clock.now(), None
    for _ in range(times):
        moment += idle
        with clock.stopped_at(moment):
            viewer = await service.current(asha.session)
    assert (viewer is not None) is alive


@pytest.mark.soak
@pytest.mark.parametrize("guesses", [10_000])
async def test_a_flood_of_guesses_is_ten_looked_at_and_then_the_right_password_works(app: Litestar, guesses: int) -> None:
    """Twenty at once, by the whole way through the application, and the pause is the stated one; below is the same for a few."""
    asha = await signed_up(app)
    flood, start = Browser(app, address="203.0.113.9"), clock.now()
    await flood.get("/sign-in")
    answers: Counter[int] = Counter()
    with clock.stopped_at(start):
        for _ in range(guesses // 20):
            tried = await asyncio.gather(
                *(flood.post("/sign-in", {"email": "asha@example.in", "password": f"guess {n}"}) for n in range(20))
            )
            answers.update(answer.status_code for answer in tried)
        assert answers == {422: FROM_ONE_PLACE.most, 429: guesses - FROM_ONE_PLACE.most}
        assert (await asha.get("/home")).status_code == 200
        assert (await flood.sign_in()).status_code == 429
    with clock.stopped_at(start + FROM_ONE_PLACE.within):
        assert (await flood.sign_in()).status_code == 303


async def test_ten_wrong_passwords_make_a_pause_that_ends(app: Litestar) -> None:
    """During the pause the right password waits as well; after it, it works. Guesses from elsewhere do not lock the owner out."""
    await signed_up(app)
    guesser = Browser(app, address="203.0.113.9")
    for _ in range(10):
        assert (await guesser.sign_in(password="a wrong guess")).status_code == 422
    blocked = await guesser.sign_in()
    assert blocked.status_code == 429
    assert "Try again in 15 minutes." in blocked.text
    assert (await Browser(app, address="198.51.100.7").sign_in()).status_code == 303
    with clock.stopped_at(clock.now() + timedelta(minutes=16)):
        assert (await guesser.sign_in()).status_code == 303
