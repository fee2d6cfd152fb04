"""Back in by mail: a link for half an hour, once, for whoever reads the mail; and nobody learns who has an account."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from litestar import Litestar

from portal import clock, db
from portal.mail import LINKS, signed
from portal.postgres import Addresses
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up, without_token
from tests.factories import PASSWORD

pytestmark = pytest.mark.anyio

ASHA = "asha@example.in"
FRESH = "a fresh and longer sentence"


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as app:
        yield app


async def links(database: Addresses, keys: Vault) -> list[str]:
    """The links in the mails about new passwords, oldest first, as their readers see them."""
    held = await asyncpg.connect(database.owner)
    try:
        rows = await held.fetch("SELECT link FROM mails WHERE signed ORDER BY created_at")
    finally:
        await held.close()
    return [signed(keys.derived(LINKS), row["link"]) for row in rows]


async def asked(app: Litestar, email: str = ASHA, address: str = "127.0.0.1") -> str:
    """Asks for a link; the page that comes back, without what differs between any two."""
    browser = Browser(app, address=address)
    await browser.get("/forgot-password")
    answer = await browser.post("/forgot-password", {"email": email})
    assert answer.status_code == 200
    return without_token(answer.text)


async def choose(browser: Browser, link: str, password: str = FRESH) -> int:
    path, _, given = link.partition("?t=")
    await browser.get("/sign-in")  # a form, and its token: a page about a spent link has none
    await browser.get(link)
    return (await browser.post(path, {"t": given, "password": password})).status_code


async def test_the_link_sets_a_new_password_and_signs_everybody_out(app: Litestar, database: Addresses, keys: Vault) -> None:
    asha = await signed_up(app)
    await asked(app)
    (link,) = await links(database, keys)
    browser = Browser(app)
    page = await browser.get(link)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert await choose(browser, link) == 303
    assert (await asha.get("/settings/profile")).status_code == 303
    assert (await Browser(app).sign_in()).status_code == 422
    assert (await Browser(app).sign_in(password=FRESH)).status_code == 303


async def test_a_link_works_once_and_ends_those_before_it(app: Litestar, database: Addresses, keys: Vault) -> None:
    await signed_up(app)
    await asked(app)
    await asked(app)
    first, second = await links(database, keys)
    assert await choose(Browser(app), second) == 303
    for link in (first, second):
        assert await choose(Browser(app), link, "another sentence again") == 410
    assert (await Browser(app).sign_in(password=FRESH)).status_code == 303


@pytest.mark.parametrize(("minutes", "status"), [(29, 303), (31, 410)])
async def test_a_link_works_for_half_an_hour(app: Litestar, database: Addresses, keys: Vault, minutes: int, status: int) -> None:
    await signed_up(app)
    await asked(app)
    (link,) = await links(database, keys)
    with clock.stopped_at(clock.now() + timedelta(minutes=minutes)):
        assert await choose(Browser(app), link) == status


async def test_whoever_reads_the_database_cannot_make_the_link(app: Litestar, database: Addresses, keys: Vault) -> None:
    await signed_up(app)
    await asked(app)
    (link,) = await links(database, keys)
    path, _, given = link.partition("?t=")
    for wrong in ("", "x", given[:-1], given.swapcase(), "é"):
        assert await choose(Browser(app), f"{path}?t={wrong}") == 410


async def test_nobody_learns_who_has_an_account(app: Litestar, database: Addresses, keys: Vault) -> None:
    await signed_up(app)
    assert await asked(app) == await asked(app, "nobody@example.in")
    assert len(await links(database, keys)) == 1


async def test_one_account_gets_three_mails_an_hour(app: Litestar, database: Addresses, keys: Vault) -> None:
    await signed_up(app)
    for number in range(5):
        await asked(app, address=f"203.0.113.{number}")
    assert len(await links(database, keys)) == 3
    with clock.stopped_at(clock.now() + timedelta(minutes=61)):
        await asked(app)
    assert len(await links(database, keys)) == 4


async def test_one_address_may_not_ask_for_everybody(app: Litestar) -> None:
    for number in range(20):
        await asked(app, f"{number}@example.in")
    browser = Browser(app)
    await browser.get("/forgot-password")
    assert (await browser.post("/forgot-password", {"email": ASHA})).status_code == 429


async def test_a_password_we_cannot_take_leaves_the_link_working(app: Litestar, database: Addresses, keys: Vault) -> None:
    await signed_up(app)
    await asked(app)
    (link,) = await links(database, keys)
    assert await choose(Browser(app), link, "short") == 422
    assert await choose(Browser(app), link) == 303


async def test_whoever_tried_too_often_may_come_in_after_the_reset(app: Litestar, database: Addresses, keys: Vault) -> None:
    await signed_up(app)
    browser = Browser(app)
    for _ in range(10):
        await browser.sign_in(password="not this one")
    assert (await browser.sign_in()).status_code == 429
    await asked(app)
    (link,) = await links(database, keys)
    await choose(browser, link)
    assert (await browser.sign_in(password=FRESH)).status_code == 303


async def test_a_changed_password_signs_the_others_out_and_is_told_by_mail(app: Litestar, database: Addresses) -> None:
    asha, phone = await signed_up(app), Browser(app)
    await phone.sign_in()
    before = asha.session
    await asha.get("/settings/security/password")
    answer = await asha.post("/settings/security/password", {"password": FRESH})
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings/security")
    assert asha.session != before
    assert (await asha.get("/settings/profile")).status_code == 200
    assert (await phone.get("/settings/profile")).status_code == 303
    held = await asyncpg.connect(database.owner)
    try:
        told = await held.fetchrow("SELECT recipient, subject, link FROM mails")
    finally:
        await held.close()
    assert tuple(told or ()) == (ASHA, "Your password was changed", "/secure-account")


async def test_the_way_out_is_open_to_everybody(app: Litestar) -> None:
    assert "Get a link by mail" in (await Browser(app).get("/secure-account")).text
    inside = (await (await signed_up(app)).get("/secure-account")).text
    assert "/settings/security/password" in inside


async def test_all_other_devices_are_signed_out_at_once(app: Litestar) -> None:
    asha, phone, office = await signed_up(app), Browser(app), Browser(app)
    for other in (phone, office):
        await other.sign_in(password=PASSWORD)
    answer = await asha.post("/settings/security/revoke-others")
    assert answer.status_code == 303
    assert [(await one.get("/settings/profile")).status_code for one in (asha, phone, office)] == [200, 303, 303]


@pytest.mark.usefixtures("database")
async def test_the_door_to_a_reset_tells_only_whose_it_is(app: Litestar) -> None:
    await signed_up(app)
    await asked(app)
    found = await db.door("door_mails_latest")
    assert set(found[0].keys()) == {"mail_id", "seller_id"}
