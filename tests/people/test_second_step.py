"""The second step: turned on with a code, asked for at the door and before what matters, every code good for once."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import httpx
import pyotp
import pytest
from litestar import Litestar

from portal import clock, db
from portal.people import service
from portal.postgres import Addresses
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened, signed_up
from tests.factories import PASSWORD

pytestmark = pytest.mark.anyio

STEP = "/settings/security/second-step"
CODE = re.compile(r"<code>([a-z2-9]{5}-[a-z2-9]{5})</code>")


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as app:
        yield app


class App:
    """The authenticator on a phone, and the paper with the recovery codes."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self.paper: list[str] = []

    def code(self, moment: datetime | None = None) -> str:
        return self._totp.at(moment or clock.now())


async def enrolled(browser: Browser) -> App:
    await browser.post(f"{STEP}/begin")
    page = await browser.get(STEP)
    found = re.search(r"<code>([A-Z2-7 ]{32,})</code>", page.text)
    assert found is not None
    assert "data:image/svg+xml" in page.text
    app = App(found[1].replace(" ", ""))
    answer = await browser.post(STEP, {"code": app.code()})
    assert answer.status_code == 200
    app.paper = CODE.findall(answer.text)
    return app


async def at_the_code(app: Litestar) -> Browser:
    """A browser between password and code; the password itself, slow on purpose, is typed in one test only."""
    browser, (asha,) = Browser(app), await db.door("door_sign_in", "asha@example.in")
    token = await service.open_session(asha["seller_id"], asha["user_id"], half=True)
    browser.http.cookies.set(SESSION_COOKIE, token, domain="127.0.0.1")
    await browser.get("/sign-in/code")
    return browser


async def inside(browser: Browser) -> bool:
    return (await browser.get("/settings/profile")).status_code == 200


def later(seconds: float = 60) -> datetime:
    """A moment whose code is another one."""
    return clock.now() + timedelta(seconds=seconds)


async def test_turning_it_on_shows_ten_codes_once_and_signs_others_out(app: Litestar) -> None:
    asha, phone = await signed_up(app), Browser(app)
    await phone.sign_in()
    before = asha.session
    found = await enrolled(asha)
    assert len(set(found.paper)) == 10
    assert asha.session != before
    assert await inside(asha)
    assert not await inside(phone)
    page = await asha.get("/settings/security")
    assert "Recovery codes left: 10" in page.text
    assert not CODE.search(page.text)
    assert (await asha.get(STEP)).headers["location"] == "/settings/security", "the secret is shown no more"


async def test_a_wrong_first_code_turns_nothing_on(app: Litestar) -> None:
    asha = await signed_up(app)
    await asha.post(f"{STEP}/begin")
    await asha.get(STEP)
    answer = await asha.post(STEP, {"code": "000000"})
    assert answer.status_code == 422
    assert "This code does not fit." in answer.text
    assert (await Browser(app).sign_in()).headers["location"] == "/home"


async def test_signing_in_takes_the_code_of_the_moment(app: Litestar) -> None:
    """Between password and code the session opens nothing, and does not know its way back to it."""
    found = await enrolled(await signed_up(app))
    with clock.stopped_at(later()):
        browser = Browser(app)
        answer = await browser.sign_in()
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in/code?next=/home")
        await browser.get("/sign-in/code")
        half = browser.session
        assert not await inside(browser)
        assert (await browser.post("/sign-in/code", {"code": "000000"})).status_code == 422
        answer = await browser.post("/sign-in/code", {"code": found.code(), "next": "/orders"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/orders")
        assert await inside(browser)
        assert browser.session != half


async def test_a_code_works_once(app: Litestar) -> None:
    """Somebody who looked over the shoulder comes too late, even within the half minute."""
    found = await enrolled(await signed_up(app))
    with clock.stopped_at(later()):
        code = found.code()
        assert (await (await at_the_code(app)).post("/sign-in/code", {"code": code})).status_code == 303
        assert (await (await at_the_code(app)).post("/sign-in/code", {"code": code})).status_code == 422


@pytest.mark.parametrize(("off_s", "taken"), [(-30, True), (30, True), (-90, False), (90, False)])
async def test_a_phone_may_be_half_a_minute_off(app: Litestar, off_s: int, taken: bool) -> None:
    found = await enrolled(await signed_up(app))
    now = later(600)
    with clock.stopped_at(now):
        answer = await (await at_the_code(app)).post("/sign-in/code", {"code": found.code(now + timedelta(seconds=off_s))})
        assert (answer.status_code == 303) is taken


async def test_each_recovery_code_works_once_however_it_is_typed(app: Litestar) -> None:
    asha = await signed_up(app)
    found = await enrolled(asha)
    typed = found.paper[0].upper().replace("-", " ")
    assert (await (await at_the_code(app)).post("/sign-in/code", {"code": typed})).status_code == 303
    assert (await (await at_the_code(app)).post("/sign-in/code", {"code": found.paper[0]})).status_code == 422
    assert "Recovery codes left: 9" in (await asha.get("/settings/security")).text


async def test_new_recovery_codes_end_the_old_ones(app: Litestar) -> None:
    asha = await signed_up(app)
    found = await enrolled(asha)
    fresh = CODE.findall((await asha.post(f"{STEP}/codes")).text)
    assert set(fresh).isdisjoint(found.paper)
    assert (await (await at_the_code(app)).post("/sign-in/code", {"code": found.paper[1]})).status_code == 422
    assert (await (await at_the_code(app)).post("/sign-in/code", {"code": fresh[1]})).status_code == 303


async def test_between_password_and_code_ten_minutes_pass_at_most(app: Litestar) -> None:
    found = await enrolled(await signed_up(app))
    browser = await at_the_code(app)
    with clock.stopped_at(later(601)):
        answer = await browser.post("/sign-in/code", {"code": found.code()})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert not await inside(browser)


async def test_codes_are_guessed_ten_times_and_then_not_looked_at(app: Litestar) -> None:
    """Guesses in a strange browser leave the owner's own browser alone; after the pause the strange one may try again."""
    asha = await signed_up(app)
    found = await enrolled(asha)
    now = later()
    with clock.stopped_at(now):
        stranger = await at_the_code(app)
        for _ in range(10):
            assert (await stranger.post("/sign-in/code", {"code": "000000"})).status_code == 422
        blocked = await stranger.post("/sign-in/code", {"code": found.code()})
        assert blocked.status_code == 429
    with clock.stopped_at(now + timedelta(minutes=16)):
        again = await at_the_code(app)
        assert (await again.post("/sign-in/code", {"code": found.code()})).status_code == 303
        for _ in range(10):
            await (await at_the_code(app)).post("/sign-in/code", {"code": "000000"})
        await again.get("/settings/profile")
        await again.post("/sign-out")
        await again.sign_in()
        with clock.stopped_at(now + timedelta(minutes=17)):
            assert (await again.post("/sign-in/code", {"code": found.code()})).status_code == 303


async def test_what_matters_asks_for_password_and_code(app: Litestar) -> None:
    asha = await signed_up(app)
    found = await enrolled(asha)
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        asked = await asha.post(f"{STEP}/off")
        where = httpx.URL(asked.headers["location"])
        page = await asha.get(str(where))
        assert 'autocomplete="one-time-code"' in page.text
        form = {**dict(where.params), "password": PASSWORD}
        assert (await asha.post("/reauthenticate", {**form, "code": ""})).status_code == 422
        answer = await asha.post("/reauthenticate", {**form, "code": found.code()})
        assert (answer.status_code, answer.headers["location"]) == (303, "/settings/security")
        assert (await Browser(app).sign_in()).headers["location"] == "/home", "the waiting POST has turned it off"


async def test_the_database_holds_neither_secret_nor_codes(app: Litestar, database: Addresses) -> None:
    asha = await signed_up(app)
    await asha.post(f"{STEP}/begin")
    secret = re.search(r"<code>([A-Z2-7 ]{32,})</code>", (await asha.get(STEP)).text)
    assert secret is not None
    plain = secret[1].replace(" ", "")
    codes = CODE.findall((await asha.post(STEP, {"code": pyotp.TOTP(plain).at(clock.now())})).text)
    held = await asyncpg.connect(database.owner)
    try:
        kept = str(await held.fetch("SELECT * FROM second_factors")) + str(await held.fetch("SELECT * FROM recovery_codes"))
    finally:
        await held.close()
    assert plain not in kept
    assert [code for code in codes if code in kept or code.replace("-", "") in kept] == []


async def sealed_again(database: Addresses, browser: Browser, to: str) -> tuple[int, str]:
    """Write this in place of asha's sealed secret. Answers how a right code fares then, and what is shown."""
    held = await asyncpg.connect(database.owner)
    try:
        await held.execute(
            f"UPDATE second_factors f SET sealed = {to} FROM seller_users u WHERE u.id = f.user_id AND u.email = 'asha@example.in'"
        )
    finally:
        await held.close()
    answer = await browser.post("/sign-in/code", {"code": "123456"})
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    "to",
    [
        "set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1)",
        "(SELECT o.sealed FROM second_factors o WHERE o.user_id <> f.user_id)",
        "'short'",
    ],
    ids=["a flipped bit", "another person's", "never sealed"],
)
async def test_a_secret_that_was_altered_opens_no_door(app: Litestar, database: Addresses, to: str) -> None:
    """It is told in words, on record, and the codes on paper still work."""
    await enrolled(await signed_up(app, "bala@example.in", "Bala Traders"))
    found = await enrolled(await signed_up(app))
    browser = await at_the_code(app)
    status, shown = await sealed_again(database, browser, to)
    assert (status, "The second step of your sign-in cannot be read here." in shown) == (500, True)
    (asha,) = await db.door("door_sign_in", "asha@example.in")
    async with db.transaction(asha["seller_id"]) as held:
        entries = await held.fetch("SELECT actor, result FROM audit_entries WHERE action = 'secret.open_failed'")
    assert [tuple(entry) for entry in entries] == [("asha", "refused")]
    assert (await browser.post("/sign-in/code", {"code": found.paper[0]})).status_code == 303
