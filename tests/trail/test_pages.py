"""The audit trail as owners read it: what is on it, who may see it, and how it is narrowed, taken away and proven."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from litestar import Litestar

from portal import clock, db
from portal.audit import service as audit
from portal.documents.comma_separated import harmless
from portal.people import service as people
from portal.postgres import Addresses
from portal.tables.audit import Action
from portal.tables.people import Role, SellerUser
from portal.trail.painting import TOPICS, WORDS
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up
from tests.factories import PASSWORD, make_account
from tests.workshop import seen

pytestmark = pytest.mark.anyio

PATH = "/settings/audit"
PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36"


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as app:
        yield app


@pytest.fixture
async def asha(app: Litestar) -> Browser:
    return await signed_up(app)


async def seller_of(browser: Browser) -> UUID:
    viewer = await people.current(browser.session)
    assert viewer is not None
    return viewer.seller_id


async def trail(database: Addresses, *actions: Action) -> list[Any]:
    return await seen(database, "SELECT * FROM audit_entries WHERE action = ANY($1) ORDER BY position", list(actions))


async def test_signing_in_and_out_is_on_record_with_device_and_masked_address(app: Litestar, database: Addresses, asha: Browser) -> None:
    """A wrong password too, without what was typed; an address that nobody has leaves nothing anywhere."""
    phone = Browser(app, address="203.0.113.77", user_agent=PHONE)
    await phone.sign_in("asha@example.in", "guess number one")
    await phone.sign_in("nobody@example.in", "guess number two")
    await phone.sign_in()
    await phone.get("/settings/profile")
    await phone.post("/sign-out")
    found = await trail(database, Action.SIGN_IN_REFUSED, Action.SIGNED_IN, Action.SIGNED_OUT)
    assert [(one["action"], one["result"]) for one in found] == [
        (Action.SIGNED_IN, "done"),
        (Action.SIGN_IN_REFUSED, "refused"),
        (Action.SIGNED_IN, "done"),
        (Action.SIGNED_OUT, "done"),
    ]
    assert {(one["device"], one["masked_address"]) for one in found[1:]} == {("Chrome on Android", "203.0.113.*")}
    text = (await asha.get(PATH)).text
    assert "Sign-in refused" in text
    assert "203.0.113.*" in text
    assert "203.0.113.77" not in text
    assert not any("guess" in f"{one['before']}{one['after']}" for one in found)


async def test_what_changes_in_the_team_keeps_before_and_after(app: Litestar, database: Addresses, asha: Browser) -> None:
    await asha.post("/settings/team/invitations", {"email": "bala@example.in", "role": Role.OPERATOR})
    bala = SellerUser(seller_id=await seller_of(asha), email="b@example.in", name="Bala", password_hash="x", role=Role.OPERATOR)
    async with db.transaction(bala.seller_id):
        await bala.save()
    await asha.post(f"/settings/team/{bala.id}/role", {"role": Role.FINANCE})
    await asha.post(f"/settings/team/{bala.id}/remove")
    found = await trail(database, Action.INVITED, Action.ROLE_CHANGED, Action.MEMBER_REMOVED)
    assert [(one["before"], one["after"]) for one in found] == [
        ("", "bala@example.in: Operator"),
        ("Bala: Operator", "Bala: Finance"),
        ("Bala: Finance", ""),
    ]
    assert {one["actor"] for one in found} == {"asha"}


async def test_pausing_an_account_is_on_record_with_what_it_was(database: Addresses, asha: Browser) -> None:
    account = await make_account(await seller_of(asha))
    await asha.post(f"/accounts/{account.id}/pause")
    await asha.post(f"/accounts/{account.id}/resume")
    found = await trail(database, Action.PAUSED, Action.RESUMED)
    assert [(one["before"], one["after"]) for one in found] == [("Active", "Paused by asha."), ("Paused", "Resumed by asha.")]
    assert {one["marketplace_account_id"] for one in found} == {account.id}


async def test_a_new_password_is_on_record_and_never_what_it_is(database: Addresses, asha: Browser) -> None:
    await asha.post("/settings/security/password", {"password": "a wholly different secret"})
    (changed,) = await trail(database, Action.PASSWORD_CHANGED)
    assert changed["actor"] == "asha"
    assert "different secret" not in str(dict(changed))


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.FINANCE, Role.VIEWER])
async def test_it_is_for_owner_and_admin(asha: Browser, role: Role) -> None:
    async with db.transaction(await seller_of(asha)):
        await SellerUser.update({SellerUser.role: role}, force=True)
    for path in (PATH, f"{PATH}.csv", "/settings/support"):
        assert (await asha.get(path)).status_code == 403
    assert PATH not in (await asha.get("/settings/profile")).text


async def test_nobody_sees_anothers_trail(app: Litestar, asha: Browser) -> None:
    chitra = await signed_up(app, "chitra@example.in", "Chitra Crafts")
    await audit.write(await seller_of(asha), Action.PAUSED, "Surat store paused")
    for path in (PATH, f"{PATH}.csv"):
        assert "Surat store paused" in (await asha.get(path)).text
        assert "Surat store paused" not in (await chitra.get(path)).text


async def test_it_narrows_by_who_action_account_and_day(asha: Browser) -> None:
    seller = await seller_of(asha)
    store = await make_account(seller)
    await audit.write(seller, Action.PAUSED, "the first", actor="Bala", account_id=store.id)
    with clock.stopped_at(clock.now() - timedelta(days=40)):
        day = clock.ist_today()
        await audit.write(seller, Action.SCHEDULE_SAVED, "the second", actor="Chand")
    for query, shown, hidden in (
        ("who=Bala", "the first", "the second"),
        ("who=Chand", "the second", "the first"),
        ("action=schedule", "the second", "the first"),
        (f"account={store.id}", "the first", "the second"),
        (f"to={day}", "the second", "the first"),
        (f"from={clock.ist_today() - timedelta(days=1)}", "the first", "the second"),
    ):
        for path in (PATH, f"{PATH}.csv"):
            text = (await asha.get(f"{path}?{query}")).text
            assert (shown in text, hidden in text) == (True, False), (path, query)


async def test_a_long_trail_comes_in_pages_and_whole_in_the_file(asha: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.audit.reading.AT_ONCE", 7)
    seller = await seller_of(asha)
    async with db.transaction(seller):
        for number in range(60):
            await audit.write(seller, Action.PAUSED, f"entry {number} of sixty")
    first = (await asha.get(PATH)).text
    assert "entry 59 of sixty" in first
    assert "entry 0 of sixty" not in first
    assert "Older" in first
    rows = list(csv.reader(io.StringIO((await asha.get(f"{PATH}.csv?action=account")).text.removeprefix("\ufeff"))))
    assert [row[6] for row in rows[1:]] == [f"entry {number} of sixty" for number in range(59, -1, -1)]


async def test_a_spreadsheet_runs_nothing_of_it(database: Addresses, asha: Browser) -> None:
    """Whoever chooses a name chooses no formula; and that the file was taken stands in the next one."""
    await audit.write(await seller_of(asha), Action.PAUSED, '=HYPERLINK("http://evil.example","Click")', actor="+cmd|' /C calc'!A0")
    rows = list(csv.reader(io.StringIO((await asha.get(f"{PATH}.csv")).text.removeprefix("\ufeff"))))
    assert not [cell for row in rows for cell in row if cell.lstrip()[:1] in "=+-@" and cell]
    assert any(cell.startswith("'=HYPERLINK") for row in rows for cell in row)
    assert len(await trail(database, Action.TRAIL_EXPORTED)) == 1


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"])
def test_what_may_be_a_formula_becomes_text(value: str) -> None:
    assert harmless(value) == f"'{value}"
    assert harmless("Surat store") == "Surat store"


async def test_the_page_says_whether_it_was_altered(database: Addresses, asha: Browser) -> None:
    assert "Unaltered" in (await asha.get(PATH)).text
    held = await asyncpg.connect(database.owner)
    try:
        await held.execute("UPDATE audit_entries SET actor = 'somebody else' WHERE position = 1")
    finally:
        await held.close()
    text = (await asha.get(PATH)).text
    assert "This trail was altered." in text
    assert "Entry 1 was altered." in text


async def test_every_action_has_words_and_a_group() -> None:
    assert set(WORDS) == set(Action)
    assert {action.split(".")[0] for action in Action} == set(TOPICS)


async def test_asking_again_who_sits_there_is_on_record_when_it_fails(app: Litestar, database: Addresses, asha: Browser) -> None:
    await asha.get("/reauthenticate?next=/home&then=x")
    await asha.post("/reauthenticate", {"password": "not this one", "next": "/home"})
    (refused,) = await trail(database, Action.PROOF_REFUSED)
    assert (refused["actor"], refused["result"]) == ("asha", "refused")
    assert PASSWORD not in str(dict(refused))
