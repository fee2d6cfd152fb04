"""An account's pages without scripts: its story, who may do what, and being asked again before what matters."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar

from portal import clock, db
from portal.accounts import service
from portal.marketplaces.contract import AccountRef, Permission, ScheduleTarget, Validation
from portal.marketplaces.errors import KeysRejected, NotAllowed
from portal.marketplaces.registry import marketplace
from portal.people.service import open_session
from portal.postgres import Addresses
from portal.runs import painting
from portal.tables.accounts import CredentialEvent, EventKind
from portal.tables.people import Role
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened, signed_up
from tests.factories import make_account, make_user
from tests.workshop import seen

pytestmark = pytest.mark.anyio

REFUSED = KeysRejected(
    "Amazon India", "Amazon access was removed.", reason="invalid_grant", words="User may have revoked it.", http_status=400
)


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as app:
        yield app


@pytest.fixture
async def asha(app: Litestar) -> Browser:
    return await signed_up(app)


@pytest.fixture
async def account(asha: Browser, database: Addresses) -> AccountRef:
    return await make_account((await seen(database, "SELECT id FROM sellers"))[0]["id"])


async def of_role(app: Litestar, seller_id: UUID, role: Role) -> Browser:
    """A colleague's browser."""
    user_id = await make_user(seller_id, f"{role.lower()}@example.in", role=role)
    browser = Browser(app)
    browser.http.cookies.set(SESSION_COOKIE, await open_session(seller_id, user_id), domain="127.0.0.1")
    await browser.get("/settings/security")
    return browser


async def change(account: AccountRef, **columns: Any) -> None:
    async with db.transaction(account.seller_id) as held:
        for name, value in columns.items():
            await held.execute(f"UPDATE marketplace_accounts SET {name} = $2 WHERE id = $1", account.id, value)


async def test_the_story_says_who_what_in_whose_words_and_what_to_do(asha: Browser, account: AccountRef) -> None:
    await service.refused(account, REFUSED, version=1)
    await service.accepted(account, version=1, by="Asha")
    await service.refused(account, REFUSED, version=1)
    page = (await asha.get(f"/accounts/{account.id}/timeline")).text
    assert page.count("Amazon access was removed.") >= 2
    assert "Amazon India said:" in page
    assert "<q hx-ignore>User may have revoked it.</q>" in page
    assert "invalid_grant" in page
    assert "HTTP 400" in page
    assert " · Asha" in page
    assert " · System" in page
    _, _, told = page.partition('class="plain timeline"')
    assert told.count(f'href="/accounts/{account.id}/reconnect">Reconnect</a>') == 1, "only the newest refusal still asks for something"
    await service.accepted(account, version=1)
    page = (await asha.get(f"/accounts/{account.id}/timeline")).text
    assert f'href="/accounts/{account.id}/reconnect">Reconnect</a>' not in page


async def test_a_refusal_of_one_kind_of_data_stands_at_that_kind(asha: Browser, account: AccountRef) -> None:
    error = NotAllowed("Amazon India", "Your app lacks the role Finance.", reason="forbidden")
    await service.accepted(account, version=1)
    await service.not_allowed(account, "PAYOUTS", error, version=1)  # type: ignore[arg-type]
    page = (await asha.get(f"/accounts/{account.id}")).text
    assert "Your app lacks the role Finance." in page
    assert "Not allowed" in page
    assert "Needs reconnect" not in page
    assert "needs reconnecting" not in page


async def test_each_kind_of_work_has_its_badge_and_the_time_of_its_last_proof(asha: Browser, account: AccountRef) -> None:
    """A check proves what it tried, a run its own kind, and a refusal takes the badge but not the time of what was proven before."""
    checked, ran = clock.now() - timedelta(hours=30), clock.now() - timedelta(hours=2)
    kinds = (ScheduleTarget.ORDERS, ScheduleTarget.RETURNS, ScheduleTarget.PAYOUTS, ScheduleTarget.INVENTORY)
    assert await shown_kinds(asha, account) == dict.fromkeys(SHOWN, ("Not tried yet", ""))
    with clock.stopped_at(checked):
        tried = tuple(Permission(target=kind, allowed=True) for kind in kinds)
        await service.accepted(
            account, version=1, validation=Validation(external_account_id="A1ASHA", seller_name="Asha", permissions=tried)
        )
    proven = await shown_kinds(asha, account)
    assert [proven[kind] for kind in kinds] == [("Working", utc(checked))] * 4
    with clock.stopped_at(ran):
        await service.accepted(account, version=1, target=ScheduleTarget.ORDERS)
    error = NotAllowed("Amazon India", "Your app lacks the role Finance.", reason="forbidden")
    await service.not_allowed(account, ScheduleTarget.PAYOUTS, error, version=1)
    assert await shown_kinds(asha, account) == {
        **proven,
        ScheduleTarget.ORDERS: ("Working", utc(ran)),
        ScheduleTarget.PAYOUTS: ("Not allowed", utc(checked)),
    }
    assert "Your app lacks the role Finance." in (await asha.get("/accounts")).text, "the list says what is missing, too"


SHOWN = {target: words for target, words in painting.TARGETS.items() if target in marketplace("AMAZON_IN").supported_targets}


async def shown_kinds(who: Browser, account: AccountRef) -> dict[str, tuple[str, str]]:
    """Each kind of work on the account's page: its badge and the moment of its last proof."""
    _, _, card = (await who.get(f"/accounts/{account.id}")).text.partition("What this connection may do")
    rows = re.findall(r'<li class="row">(.*?)</li>', card.partition("</ul>")[0], re.DOTALL)
    found = {}
    for row in rows:
        target = next(target for target, words in SHOWN.items() if f">{words}<" in row)
        badge, moment = (
            re.search(r'class="badge .*</svg>\s*([^<]+)', row, re.DOTALL),
            re.search(r'Last proven <time datetime="([^"]+)"', row),
        )
        assert badge is not None, row
        found[target] = (badge[1].strip(), moment[1] if moment else "")
    return found


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_what_pausing_and_leaving_do_is_said_before_their_buttons(asha: Browser, account: AccountRef) -> None:
    """Each effect is on the page, and above what brings it about."""
    page = (await asha.get(f"/accounts/{account.id}")).text
    said_before(
        page,
        'id="pause-account"',
        "nothing is read from the marketplace and no stock is sent",
        "Times on the schedule pass by",
        "What is here stays, and the next sync after you resume fills the gap.",
    )
    said_before(page, 'id="to-disconnect"', "Ends the connection for good and erases every saved secret.")
    leaving = (await asha.get(f"/accounts/{account.id}/disconnect")).text
    said_before(
        leaving,
        'id="disconnect"',
        "Every saved secret of this account is erased at once. This cannot be undone.",
        "Schedules of this account stop, and a sync that is running ends after its present page.",
        "Stock is no longer sent to Amazon India.",
        "You can connect the same shop again later.",
        "Orders, returns, payouts and syncs stay readable here.",
        "are deleted for good.",
    )
    assert (await service.get(account.seller_id, account.id)).state == "active", "a page that tells does nothing"


def said_before(page: str, button: str, *sentences: str) -> None:
    above, found, _ = page.partition(button)
    assert found, button
    assert [one for one in sentences if one not in above] == []


async def test_a_long_story_goes_on_on_older_pages(asha: Browser, account: AccountRef) -> None:
    async with db.transaction(account.seller_id):
        for number in range(service.TIMELINE_PAGE + 3):
            happened = CredentialEvent(
                seller_id=account.seller_id,
                marketplace_account_id=account.id,
                kind=EventKind.VALIDATED,
                message=f"Look {number:03d}.",
                occurred_at=clock.now() - timedelta(minutes=number),
            )
            await CredentialEvent.insert(happened)
    first = (await asha.get(f"/accounts/{account.id}/timeline")).text
    assert ("Look 049." in first, "Look 050." in first) == (True, False)
    older = first.partition('rel="next" href="')[2].partition('"')[0]
    second = (await asha.get(older)).text
    assert ("Look 049." in second, "Look 050." in second, "Look 052." in second) == (False, True, True)


async def test_what_a_role_may_not_do_is_not_shown_and_not_done(app: Litestar, asha: Browser, account: AccountRef) -> None:
    await change(account, needs_reconnect=True, reconnect_reason="Removed.")
    hers = (await asha.get(f"/accounts/{account.id}")).text
    for role, may_check in ((Role.OPERATOR, True), (Role.VIEWER, False)):
        bala = await of_role(app, account.seller_id, role)
        page = (await bala.get(f"/accounts/{account.id}")).text
        for id_ in ("to-disconnect", "pause-account", "replace-details"):
            assert (f'id="{id_}"' in hers, f'id="{id_}"' in page) == (True, False), (role, id_)
        assert (f'id="check-{account.id}"' in page) is may_check
        for path in ("disconnect", "reconnect", "pause", "hide-expiry"):
            assert (await bala.post(f"/accounts/{account.id}/{path}", {"name": account.name})).status_code == 403, (role, path)
    assert (await service.get(account.seller_id, account.id)).state == "active"


async def test_who_may_not_reconnect_is_told_whom_to_ask(app: Litestar, asha: Browser, account: AccountRef) -> None:
    """The line above every page, the account's story, and each page whose data stands still: none leads her to a refusal."""
    await service.refused(account, REFUSED, version=1)
    pages = ("/home", "/orders", "/inventory", "/accounts", f"/accounts/{account.id}", f"/accounts/{account.id}/timeline")
    for path in pages:
        assert f'href="/accounts/{account.id}/reconnect"' in (await asha.get(path)).text, path
    for role in (Role.OPERATOR, Role.FINANCE, Role.VIEWER):
        bala = await of_role(app, account.seller_id, role)
        for path in pages:
            page = (await bala.get(path)).text
            assert f"/accounts/{account.id}/reconnect" not in page, (role, path)
            assert f"{account.name} needs reconnecting." in page
            assert "Ask asha for access." in page, (role, path)


async def test_the_end_of_a_check_brings_the_line_above_the_page_along(asha: Browser, account: AccountRef) -> None:
    async def looked() -> str:
        return (await asha.get(f"/p/accounts/{account.id}/card", headers={"HX-Request": "true"})).text

    await change(account, checking_since=clock.now())
    assert '<hx-partial id="banner"' not in await looked()
    await service.refused(account, REFUSED, version=1)
    _, partial, line = (await looked()).partition('<hx-partial id="banner" hx-swap="innerHTML">')
    assert partial
    assert f"{account.name} needs reconnecting." in line
    await service.accepted(account, version=1)
    assert '<hx-partial id="banner" hx-swap="innerHTML"></hx-partial>' in await looked(), "it goes as it came"


async def test_the_end_of_a_check_settles_what_stands_at_the_top_of_the_accounts_own_page(asha: Browser, account: AccountRef) -> None:
    async def looked(at: str) -> str:
        headers = {"HX-Request": "true", "HX-Current-URL": f"http://127.0.0.1:8000{at}"}
        return (await asha.get(f"/p/accounts/{account.id}/card", headers=headers)).text.partition(
            '<hx-partial id="refused" hx-swap="innerHTML">'
        )[2]

    own = f"/accounts/{account.id}"
    await service.refused(account, REFUSED, version=1)
    assert f"{account.name} needs reconnecting" in await looked(own)
    assert await looked("/accounts") == "", "there is no such place in the list"
    await service.accepted(account, version=1)
    assert (await looked(own)).strip() == "</hx-partial>"


async def test_who_may_not_renew_cannot_put_the_warning_off_either(app: Litestar, asha: Browser, account: AccountRef) -> None:
    await change(account, credential_expires_at=clock.now() + timedelta(days=5), credential_warn_at=clock.now())
    assert "Hide for 7 days" in (await asha.get("/home")).text
    page = (await (await of_role(app, account.seller_id, Role.OPERATOR)).get("/home")).text
    assert ("Hide for 7 days" in page, "Ask asha for access." in page) == (False, True)


async def test_what_matters_is_asked_for_again_after_ten_minutes(asha: Browser, account: AccountRef) -> None:
    with clock.stopped_at(clock.now() + timedelta(minutes=11)):
        for path, form in (("reconnect", {}), ("disconnect", {"name": account.name, "history": "keep"})):
            await asha.get(f"/accounts/{account.id}")
            asked = await asha.post(f"/accounts/{account.id}/{path}", form)
            assert asked.status_code == 303, path
            assert asked.headers["location"].startswith("/reauthenticate?"), path
            assert "then=" in asked.headers["location"], "the form waits and goes on by itself"
    assert (await service.get(account.seller_id, account.id)).state == "active"


async def test_a_stranger_finds_nothing(app: Litestar, asha: Browser, account: AccountRef) -> None:
    chitra = await signed_up(app, "chitra@example.in", "Chitra Crafts")
    for path in ("", "/timeline", "/disconnect", "/reconnect"):
        assert (await chitra.get(f"/accounts/{account.id}{path}")).status_code == 404, path
    for path in ("/disconnect", "/reconnect", "/hide-expiry", "/pause", "/check"):
        assert (await chitra.post(f"/accounts/{account.id}{path}", {"name": account.name})).status_code == 404, path


async def test_after_leaving_the_page_says_so_and_how_to_take_the_access_back(asha: Browser, account: AccountRef) -> None:
    await asha.get(f"/accounts/{account.id}/disconnect")
    wrong = await asha.post(f"/accounts/{account.id}/disconnect", {"name": "something", "history": "delete"})
    assert wrong.status_code == 422
    assert re.search(r'value="delete"\s+checked', wrong.text), "what was chosen stays chosen"
    answer = await asha.post(f"/accounts/{account.id}/disconnect", {"name": account.name, "history": "keep"})
    assert answer.headers["location"] == f"/accounts/{account.id}"
    page = (await asha.get(f"/accounts/{account.id}")).text
    assert "Disconnected on" in page
    assert "Connect this shop again" in page
    listed = (await asha.get("/accounts")).text
    assert f'id="acc-{account.id}"' not in listed
    assert f'href="/accounts/{account.id}"' in listed
    assert (await asha.get(f"/accounts/{account.id}/reconnect")).headers["location"] == f"/accounts/{account.id}"
