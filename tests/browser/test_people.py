"""Journeys of people, without scripts: a second step, an invitation, a way back in, a proof before what matters. And axe on each page."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from itertools import count

import pyotp
import pytest
from playwright.async_api import expect

from tests.browser.conftest import MakeSeller
from tests.browser.pages import PATIENCE_MS, Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import Mode, every_mode, look
from tests.factories import PASSWORD

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

FRESH = "a fresh and longer sentence"
_numbers = count(1)


def somebody(name: str) -> str:
    return f"{name}{next(_numbers)}@example.in"


async def sign_in(seller: Seller, email: str, password: str = PASSWORD) -> None:
    await seller.open("/sign-in")
    await seller.type(seller.page.get_by_label("E-mail address"), email)
    await seller.type(seller.page.get_by_label("Password", exact=True), password)
    await seller.press(seller.button("Sign in"))


async def follow_mail(seller: Seller, to: str, subject: str) -> None:
    """Open the link of the newest mail to somebody, on the page that a demo has for it."""
    mail = seller.page.locator("div.card", has_text=to).filter(has=seller.page.get_by_role("heading", name=subject)).first
    async with asyncio.timeout(PATIENCE_MS / 1000):
        # Some mails are written after the answer to the click that asked for them.
        await seller.open("/outbox")
        while not await mail.count():
            await seller.open("/outbox")
    await seller.press(mail.get_by_role("link", name="Open the link"))


async def hour_passes(stack: Stack) -> None:
    await stack.sql("UPDATE sessions SET proven_at = now() - interval '1 hour'")


async def enrol(seller: Seller) -> tuple[pyotp.TOTP, list[str]]:
    """The authenticator, set up by reading the key from the page, and the recovery codes."""
    await seller.open("/settings/security")
    await seller.press(seller.button("Turn on the second step"))
    await seller.at("/settings/security/second-step")
    key = await seller.page.locator("code").first.inner_text()
    app = pyotp.TOTP(key.replace(" ", ""))
    await seller.type(seller.page.get_by_label("Code"), app.now())
    await seller.press(seller.button("Turn on"))
    await expect(seller.page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    return app, await seller.page.locator("li code").all_inner_texts()


async def test_a_second_step_from_turning_it_on_to_signing_in(stack: Stack, someone: MakeSeller) -> None:
    email = somebody("asha")
    asha = await someone(scripts=False)
    await asha.sign_up(email)
    app, paper = await enrol(asha)
    assert len(paper) == 10

    elsewhere = await someone(scripts=False)
    await sign_in(elsewhere, email)
    await elsewhere.at("/sign-in/code")
    # A code works once, and the one of this half minute has been used.
    await elsewhere.type(elsewhere.page.get_by_label("Code"), app.at(datetime.now(UTC) + timedelta(seconds=30)))
    await elsewhere.press(elsewhere.button("Sign in"))
    await elsewhere.at("/home")

    lost = await someone(scripts=False)
    await sign_in(lost, email)
    await lost.type(lost.page.get_by_label("Code"), paper[0])
    await lost.press(lost.button("Sign in"))
    await lost.at("/home")


async def test_an_invitation_from_asking_to_being_in(stack: Stack, someone: MakeSeller) -> None:
    """The proof is an hour old: the invitation waits for the password and then goes out by itself."""
    asha, bala_mail = await someone(scripts=False), somebody("bala")
    await asha.sign_up(somebody("asha"))
    await asha.open("/settings/team")
    await asha.type(asha.page.get_by_label("E-mail address"), bala_mail)
    await asha.page.get_by_label(re.compile("Finance")).last.check()
    await hour_passes(stack)
    await asha.press(asha.button("Send invitation"))
    await asha.at("/reauthenticate")
    await asha.type(asha.page.get_by_label("Password", exact=True), PASSWORD)
    await asha.press(asha.button("Confirm and continue"))
    await asha.at("/settings/team")
    await expect(asha.page.get_by_text(f"{bala_mail} is invited.")).to_be_visible()

    bala = await someone(scripts=False)
    await follow_mail(bala, bala_mail, "invites you to")
    await bala.type(bala.page.get_by_label("Your name"), "Bala")
    await bala.type(bala.page.get_by_label("Password", exact=True), FRESH)
    await bala.press(bala.button("Join the team"))
    await bala.at("/home")
    await bala.open("/settings/profile")
    await expect(bala.page.locator("dl.facts")).to_contain_text("Finance")


async def test_back_in_with_a_link_from_a_mail(stack: Stack, someone: MakeSeller) -> None:
    email = somebody("asha")
    await (await someone(scripts=False)).sign_up(email)
    seller = await someone(scripts=False)
    await seller.open("/sign-in")
    await seller.press(seller.link("Forgot your password?"))
    await seller.type(seller.page.get_by_label("E-mail address"), email)
    await seller.press(seller.button("Send link"))
    await expect(seller.page.get_by_role("heading", name="Look into your mails")).to_be_visible()
    await follow_mail(seller, email, "Choose a new password")
    await seller.type(seller.page.get_by_label("New password"), FRESH)
    await seller.press(seller.button("Change password"))
    await seller.at("/sign-in")
    await sign_in(seller, email, FRESH)
    await seller.at("/home")


@every_mode
async def test_every_page_of_people_suits_everybody(mode: Mode, most: int | None, stack: Stack, someone: MakeSeller) -> None:
    asha, email, invited = await someone(), somebody("asha"), somebody("bala")
    await asha.sign_up(email)
    await asha.open("/settings/team")
    await asha.type(asha.page.get_by_label("E-mail address"), invited)
    await asha.press(asha.button("Send invitation"))
    await expect(asha.page.get_by_text(f"{invited} is invited.")).to_be_visible()
    guest = await someone()
    await guest.open("/forgot-password")
    await guest.type(guest.page.get_by_label("E-mail address"), email)
    await guest.press(guest.button("Send link"))
    await follow_mail(guest, invited, "invites you to")
    offer = guest.page.url.removeprefix(guest.base)
    await follow_mail(guest, email, "Choose a new password")
    reset = guest.page.url.removeprefix(guest.base)
    spent = reset[:-1]
    outside = [offer, reset, spent, "/forgot-password", "/secure-account", "/outbox"]
    assert await look(guest, outside[:most], mode) == []

    await asha.open("/settings/security")
    await asha.press(asha.button("Turn on the second step"))
    await asha.at("/settings/security/second-step")
    inside = ["/settings/team", "/settings/security/second-step", "/settings/security/password", "/settings/security", "/settings/profile"]
    inside += ["/settings/audit", "/settings/audit?who=nobody&action=stock", "/settings/support", "/settings/close", "/secure-account"]
    assert await look(asha, inside[:most], mode) == []
    if most is not None:
        return
    await enrol(asha)
    await hour_passes(stack)
    assert await look(asha, ["/reauthenticate?next=/accounts", "/settings/security"], mode) == []
    await guest.page.context.clear_cookies()
    await sign_in(guest, email)
    await guest.at("/sign-in/code")
    assert await look(guest, ["/sign-in/code"], mode) == []
