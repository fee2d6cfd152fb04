"""A seller who reads Hindi meets no English: connecting, its account and story, settings, the audit trail, payout files and mails.

Allowed are names, codes, what a marketplace is quoted with, and what the catalogue itself keeps in Latin letters.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from portal import clock, db, language
from portal.accounts import service as accounts
from portal.audit import service as audit
from portal.audit.asking import NOBODY, who_asks
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.marketplaces.sandbox import Shop
from portal.notices import wording
from portal.people.service import open_session
from portal.postgres import Addresses
from portal.tables.accounts import CredentialEvent, EventKind, MarketplaceAccount
from portal.tables.audit import Action
from portal.trail.painting import TOPICS
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened
from tests.contract.desks import Desk, desk
from tests.factories import make_account
from tests.web.reading import english, said_on

pytestmark = pytest.mark.anyio

SHOP = Shop(seed=5, orders=6, returns=2, payouts=1, listings=5)
NAMES = ("Surat store", "Surat godown", "Asha Textiles", "Chitra", "asha", r"Sandbox \w+", r"\w+ \w+ \w+, size \w+", "status", "value")
PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36"
HIDDEN = re.compile(r'name="(version|form_token)" value="([^"]*)"')
CONNECTABLE = [place for place in MARKETPLACES if place.sandbox is not None]


@dataclass
class Reader:
    """Somebody who looks at every answer, and remembers what was English on it."""

    browser: Browser
    wrong: list[str] = field(default_factory=list)
    hidden: dict[str, str] = field(default_factory=dict)
    """What the forms of the page carry unseen: its version and number."""

    async def get(self, path: str) -> str:
        return self._read(f"GET {path}", await self.browser.get(path))

    async def post(self, path: str, form: Mapping[str, str] | None = None) -> str:
        """Where the answer leads to, looked at as well."""
        answer = await self.browser.post(path, {**self.hidden, **(form or {})})
        return await self._followed(f"POST {path}", answer)

    async def hand_in(self, path: str, form: Mapping[str, str], name: str, content: bytes) -> str:
        data = {"_csrf_token": self.browser.csrf, **form}
        answer = await self.browser.http.post(path, data=data, files={"file": (name, content)})
        return await self._followed(f"POST {path} with {name}", answer)

    async def _followed(self, what: str, answer: httpx.Response) -> str:
        if answer.status_code != 303:
            return self._read(what, answer)
        leads = answer.headers["location"]
        self._read(what, await self.browser.get(leads))
        return leads

    def _read(self, what: str, answer: httpx.Response) -> str:
        assert answer.status_code < 500, (what, answer.status_code)
        self.hidden = dict(HIDDEN.findall(answer.text))
        self.wrong += [f"{what}: {one}" for one in english(answer.text, *NAMES)]
        return answer.text


@asynccontextmanager
async def reading(addresses: Addresses, vault: Vault, d: Desk) -> AsyncIterator[Reader]:
    """The whole portal in a Hindi browser of this desk's owner. What she asks for waits at the desk."""
    async with opened(addresses.web, vault, jobs=d.jobs, marketplaces=d.settings.marketplaces, allow_private_marketplaces=True) as app:
        browser = Browser(app, user_agent=PHONE)
        browser.http.cookies.set(SESSION_COOKIE, await open_session(d.seller_id, d.user_id, device="Chrome on Android"), domain="127.0.0.1")
        await browser.get("/settings/security")
        assert (await browser.post("/language", {"language": "hi"})).status_code == 303
        assert 'lang="hi-IN"' in (await browser.get("/home")).text
        yield Reader(browser)


def test_english_on_a_page_is_found() -> None:
    assert english("<p>सिंक पूरा हुआ</p><p title='Read again'>12 orders from a@b.in, SYN-8F3K</p><q>Their words</q>") == [
        "Read again (in: Read again)",
        "orders from (in: 12 orders from a@b.in, SYN-8F3K)",
    ]
    assert english("<p>API key BFEA-CABD</p><p>Seller Central में Settings खोलें</p><p>Dev की SKU</p>", "Dev") == []
    assert said_on("<p>एक</p><textarea>two</textarea>") == ["एक"]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(one, id=one.slug) if one.code == "AMAZON_IN" else pytest.param(one, id=one.slug, marks=pytest.mark.soak)
        for one in CONNECTABLE
    ],
)
async def test_connecting_and_the_account(connected: Addresses, keys: Vault, place: Marketplace) -> None:
    async with desk(place, SHOP, keys) as d, reading(connected, keys, d) as reader:
        await _connect(reader, d, place)
        account = await _account(d)
        for target in sorted(place.supported_targets & {ScheduleTarget.ORDERS, ScheduleTarget.LISTINGS}):
            run = await d.sync(account, target)
            await reader.get(f"/syncs/{run.id}")
        await _look_at(reader, account)
        await _leave(reader, d, account)
        assert "\n".join(sorted(set(reader.wrong))) == ""


async def _connect(reader: Reader, d: Desk, place: Marketplace) -> None:
    """The way of a setup, each form refused once and taken once."""
    await reader.get("/accounts/new")
    wizard = (await reader.post("/connect", {"marketplace": place.code})).rpartition("/")[0]
    values = d.values
    method = place.method_of(values)
    await reader.post(f"{wizard}/1", {"name": "", "method": method.code})
    await reader.post(f"{wizard}/1", {"name": "Surat store", "method": method.code})
    await reader.post(f"{wizard}/2")
    await reader.post(f"{wizard}/3", {})
    wrong = dict.fromkeys(method.fields(), "x y")
    await reader.post(f"{wizard}/3", wrong)
    typed = {name: value for name, value in values.items() if name in method.fields()}
    await reader.post(f"{wizard}/3", typed)
    await d.work()
    await reader.get(f"{wizard}/4")
    await reader.get(f"{wizard}/5")
    await reader.post(f"{wizard}/5", {"first_days": str(d.shop.days + 5)})
    await d.work()
    await reader.get(f"{wizard}/5")


async def _account(d: Desk) -> AccountRef:
    return accounts.ref((await accounts.all_of(d.seller_id))[0])


async def _look_at(reader: Reader, account: AccountRef) -> None:
    """Its page, its story, its schedules; refused, ending, and as a mail tells it."""
    page = f"/accounts/{account.id}"
    for path in (page, f"{page}/timeline", f"{page}/schedule", f"{page}/schedule?target=ORDERS", "/accounts", "/home", "/syncs", "/help"):
        await reader.get(path)
    await reader.post(f"{page}/pause")
    await reader.post(f"{page}/resume")
    await reader.post(f"{page}/check")
    async with db.transaction(account.seller_id) as held:
        await held.execute("UPDATE marketplace_accounts SET credential_expiring = '', credential_expires_at = now() + interval '3 days'")
    for path in (page, "/accounts"):
        await reader.get(path)
    async with db.transaction(account.seller_id) as held:
        reason = "Meesho no longer accepts these keys. Ask Meesho for new ones."
        await held.execute("UPDATE marketplace_accounts SET needs_reconnect = true, refused_at = now(), reconnect_reason = $1", reason)
    for path in (page, f"{page}/reconnect", "/accounts", "/home", "/orders", "/inventory"):
        await reader.get(path)
    async with db.transaction(account.seller_id) as held:
        await held.execute("UPDATE marketplace_accounts SET needs_reconnect = false")


async def _leave(reader: Reader, d: Desk, account: AccountRef) -> None:
    """Disconnected, and what the story and the trail say of it all."""
    page = f"/accounts/{account.id}"
    await reader.post(f"{page}/disconnect", {"name": "wrong", "history": "keep"})
    await reader.post(f"{page}/disconnect", {"name": "Surat store", "history": "keep"})
    for path in (page, f"{page}/timeline", "/accounts", "/settings/audit", "/settings/audit?action=account"):
        await reader.get(path)


async def test_settings_and_the_trail(connected: Addresses, keys: Vault) -> None:
    """Everything that can be on the trail, and what the pages that lead to it say."""
    async with desk(marketplace("AMAZON_IN"), SHOP, keys) as d, reading(connected, keys, d) as reader:
        account = await make_account(d.seller_id)
        for action in Action:
            await audit.write(d.seller_id, action, account_id=account.id)
        for told in TRAIL:
            await audit.write(d.seller_id, Action.PAUSED, told, before=told)
        for form in ({"email": "", "role": "VIEWER"}, {"email": "chitra@example.in", "role": "FINANCE"}):
            await reader.post("/settings/team/invitations", form)
        for path in ("profile", "security", "team", "audit", "support", "security/password"):
            await reader.get(f"/settings/{path}")
        await reader.get(f"/settings/audit?action={next(iter(TOPICS))}&from=2026-11-01")
        assert "\n".join(sorted(set(reader.wrong))) == ""


TRAIL = (
    # As rows have it that were written before: English for good, said again when they are read.
    "Chitra: Operator",
    "ORDERS: Every 30 minutes between 7:00 am and 11:00 pm IST, every day.",
    "FULL_PROCESSING: Paused until 22 Nov, 5:30 pm",
    "RETURNS: 1 Aug 2026 to 21 Aug 2026 read again",
    "ORDERS read again",
    "ORDERS: 12 rows asked for again",
    "Disconnected by asha. Its history stays.",
    "Paused by asha.",
    "Active",
    "API secret 9F3A11C0, API key 12345678",
    "2 quantities: SKU-1 4, SKU-2 0",
    "Stock reduce, close delayed, cut-off 17:30 IST, 30 min before, 2 holidays",
    "Print file asked for: picks of batch 3",
    "2 settlements with 40 lines from payouts.csv",
    "Asha Textiles with its owner asha@example.in",
    "2 connections ended; buyers on 1 marketplaces became unreadable",
    "1 device: Chrome on Android",
    "SYN-8F3K-2Q7M as text",
    "Amazon India: test of a new connection",
    "403-7: The shopper cancelled this order at AJIO.",
    "retry",
)

WRONG_FILES: Mapping[str, tuple[tuple[str, bytes], ...]] = {
    "": (("a.pdf", b"x"), ("", b""), ("empty.csv", b"")),
    "AJIO": (
        ("a.csv", b"one,two\n1,2\n"),
        ("a.xlsx", b"PK\x03\x04 broken"),
        ("b.csv", b"%PDF-1.7"),
        ("c.csv", b"settlementid,amountdescription\n1,2\n"),
    ),
    "AMAZON_IN": (("a.txt", b"one\ttwo\n1\t2\n"), ("a.xlsx", b"PK\x03\x04 broken"), ("b.csv", b"one,two\n1,2\n")),
    "FLIPKART": (("a.xlsx", b"PK\x03\x04 broken"), ("b.xlsx", b"no workbook"), ("c.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    "MEESHO": (("a.xlsx", b"PK\x03\x04 broken"), ("b.xlsx", b"no workbook")),
}


async def test_who_asked_and_in_which_language_ends_with_the_request(connected: Addresses, keys: Vault) -> None:
    """A server may answer the next one in the same context, and so does this test."""
    async with desk(marketplace("AMAZON_IN"), SHOP, keys) as d, reading(connected, keys, d) as reader:
        assert 'lang="hi-IN"' in (await reader.get("/accounts"))
        assert language.spoken() is language.ENGLISH
        assert who_asks() == NOBODY, "nor is anything on record as that person's that is done afterwards"


async def test_payout_files_and_their_refusals(connected: Addresses, keys: Vault) -> None:
    async with desk(marketplace("AMAZON_IN"), SHOP, keys) as d, reading(connected, keys, d) as reader:
        for number, place in enumerate(CONNECTABLE):
            if place.read_payout_file is None:
                continue
            account = await make_account(d.seller_id, code=place.code, external=f"X{number}")
            await reader.get("/payouts")
            for name, content in (*WRONG_FILES[""], *WRONG_FILES.get(place.code, ())):
                text = await reader.hand_in("/payouts/uploads", {"account": str(account.id)}, name, content)
                assert "error-summary" in text, (place.code, name)
        await reader.hand_in("/payouts/uploads", {"account": "nobody"}, "a.csv", b"x")
        assert "\n".join(sorted(set(reader.wrong))) == ""


async def test_mails_about_an_account(connected: Addresses, keys: Vault) -> None:
    """In the language of whoever gets them, with what the marketplace's refusal says."""
    async with desk(marketplace("AMAZON_IN"), SHOP, keys) as d:
        ref = await make_account(d.seller_id)
        async with db.transaction(d.seller_id):
            account = await MarketplaceAccount.objects().get(MarketplaceAccount.id == ref.id)
        assert account is not None
        account.reconnect_reason = "Amazon access was removed. Someone withdrew our permission in Seller Central, or the yearly renewal was missed. Connect again and press Confirm on Amazon."
        now = clock.now()
        events = [
            CredentialEvent(seller_id=d.seller_id, marketplace_account_id=ref.id, kind=kind, actor=actor, occurred_at=now)
            for kind in (EventKind.SAVED, EventKind.REPLACED, EventKind.RECONNECTED, EventKind.DISCONNECTED)
            for actor in ("worker", "Chitra")
        ]
        with language.speaking("hi"):
            mails = [wording.reconnect(account, since=now, hours=hours) for hours in (0, 24, 72)]
            mails += [wording.expiry(account, end=now, days=days) for days in (1, 7)]
            mails.append(wording.change(account, events))
        wrong = [one for mail in mails for text in (mail.subject, *mail.body) for one in english(f"<p>{text}</p>", *NAMES)]
        assert wrong == []
