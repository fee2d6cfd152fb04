"""Who may ask whom to join, in which role, and what happens to somebody whose role changes."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from litestar import Litestar

from portal import clock, db
from portal.errors import Conflict, NotFound, NotPermitted
from portal.mail import LINKS, signed
from portal.people import service
from portal.people.service import Viewer, team
from portal.postgres import Addresses
from portal.tables.people import Role, SellerUser
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up
from tests.factories import make_seller, make_user

pytestmark = pytest.mark.anyio

BALA = "bala@example.in"
TEAM = "/settings/team"


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as app:
        yield app


async def viewer(browser: Browser) -> Viewer:
    found = await service.current(browser.session)
    assert found is not None
    return found


async def invited(browser: Browser, database: Addresses, keys: Vault, *, email: str = BALA, role: Role = Role.OPERATOR) -> str:
    """The link in the newest invitation, after asking `email`."""
    answer = await browser.post(f"{TEAM}/invitations", {"email": email, "role": role})
    assert answer.status_code == 303
    held = await asyncpg.connect(database.owner)
    try:
        path = await held.fetchval("SELECT link FROM mails WHERE recipient = $1 ORDER BY created_at DESC LIMIT 1", email)
    finally:
        await held.close()
    return signed(keys.derived(LINKS), path)


async def accept(app: Litestar, link: str, *, password: str = "bala has a long password") -> tuple[Browser, int]:
    browser = Browser(app)
    path, _, given = link.partition("?t=")
    await browser.get("/sign-in")  # a form, and its token: a page about a spent link has none
    await browser.get(link)
    return browser, (await browser.post(path, {"t": given, "name": "Bala", "password": password})).status_code


async def test_the_invited_join_in_their_role_and_are_in_at_once(app: Litestar, database: Addresses, keys: Vault) -> None:
    asha = await signed_up(app)
    link = await invited(asha, database, keys)
    page = await Browser(app).get(link)
    assert "Join Asha Textiles" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    bala, status = await accept(app, link)
    assert status == 303
    joined = await viewer(bala)
    assert (joined.email, joined.role, joined.seller_id) == (BALA, Role.OPERATOR, (await viewer(asha)).seller_id)
    assert BALA in (await asha.get(TEAM)).text


async def test_an_invitation_works_once(app: Litestar, database: Addresses, keys: Vault) -> None:
    link = await invited(await signed_up(app), database, keys)
    assert (await accept(app, link))[1] == 303
    assert (await accept(app, link))[1] == 410


@pytest.mark.parametrize(("days", "status"), [(6.9, 303), (7.1, 410)])
async def test_an_invitation_works_for_a_week(app: Litestar, database: Addresses, keys: Vault, days: float, status: int) -> None:
    link = await invited(await signed_up(app), database, keys)
    with clock.stopped_at(clock.now() + timedelta(days=days)):
        assert (await accept(app, link))[1] == status


async def test_a_withdrawn_or_renewed_invitation_leads_nowhere(app: Litestar, database: Addresses, keys: Vault) -> None:
    asha = await signed_up(app)
    first = await invited(asha, database, keys)
    second = await invited(asha, database, keys, role=Role.FINANCE)
    assert (await accept(app, first))[1] == 410
    (withdraw,) = re.findall(rf"{TEAM}/invitations/[0-9a-f-]+/withdraw", (await asha.get(TEAM)).text)
    await asha.post(withdraw)
    assert (await accept(app, second))[1] == 410


async def test_the_signature_is_for_one_invitation(app: Litestar, database: Addresses, keys: Vault) -> None:
    asha = await signed_up(app)
    first, second = await invited(asha, database, keys), await invited(asha, database, keys, email="dev@example.in")
    swapped = f"{second.partition('?')[0]}?{first.partition('?')[2]}"
    assert (await accept(app, swapped))[1] == 410


async def test_somebody_with_an_account_is_not_invited(app: Litestar) -> None:
    asha = await signed_up(app)
    await signed_up(app, "chitra@example.in", "Chitra Crafts")
    answer = await asha.post(f"{TEAM}/invitations", {"email": "chitra@example.in", "role": Role.VIEWER})
    assert answer.status_code == 422
    assert "has an account already" in answer.text


async def test_an_invitation_asks_for_a_fresh_proof_and_then_goes_out(app: Litestar, database: Addresses) -> None:
    asha = await signed_up(app)
    with clock.stopped_at(clock.now() + timedelta(hours=1)):
        asked = await asha.post(f"{TEAM}/invitations", {"email": BALA, "role": Role.VIEWER})
        assert asked.headers["location"].startswith("/reauthenticate?next=")
        assert "then=" in asked.headers["location"]
    held = await asyncpg.connect(database.owner)
    try:
        assert await held.fetchval("SELECT count(*) FROM invitations") == 0
    finally:
        await held.close()


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.FINANCE, Role.VIEWER])
async def test_the_team_is_hidden_from_those_who_may_not_change_it(app: Litestar, role: Role) -> None:
    """Hidden means not rendered, and the address answers 403 with whom to ask."""
    asha = await signed_up(app)
    me = await viewer(asha)
    async with db.transaction(me.seller_id):
        await SellerUser.update({SellerUser.role: role}).where(SellerUser.id == me.user_id)
    await make_user(me.seller_id, "owner@example.in")
    assert TEAM not in (await asha.get("/settings/profile")).text
    answer = await asha.get(TEAM)
    assert answer.status_code == 403
    assert "Ask owner for access." in answer.text


async def test_another_role_takes_effect_at_once_and_ends_the_sessions(app: Litestar) -> None:
    asha = await signed_up(app)
    me = await viewer(asha)
    bala_id = await make_user(me.seller_id, BALA, role=Role.ADMIN)
    bala = await service.open_session(me.seller_id, bala_id)
    answer = await asha.post(f"{TEAM}/{bala_id}/role", {"role": Role.VIEWER})
    assert answer.status_code == 303
    assert await service.current(bala) is None
    again = await service.current(await service.open_session(me.seller_id, bala_id))
    assert again is not None
    assert again.role == Role.VIEWER


async def test_somebody_who_is_removed_is_out_everywhere(app: Litestar) -> None:
    asha = await signed_up(app)
    me = await viewer(asha)
    bala_id = await make_user(me.seller_id, BALA, role=Role.ADMIN)
    bala = await service.open_session(me.seller_id, bala_id)
    assert (await asha.post(f"{TEAM}/{bala_id}/remove")).status_code == 303
    assert await service.current(bala) is None
    assert BALA not in (await asha.get(TEAM)).text


async def acting(seller: UUID, email: str, role: Role) -> Viewer:
    found = await service.current(await service.open_session(seller, await make_user(seller, email, role=role)))
    assert found is not None
    return found


async def test_nobody_makes_themselves_an_owner_or_moves_one(connected: Addresses) -> None:
    seller = await make_seller()
    owner, admin = await acting(seller, "asha@example.in", Role.OWNER), await acting(seller, BALA, Role.ADMIN)
    other = await acting(seller, "dev@example.in", Role.VIEWER)
    with pytest.raises(NotPermitted):
        await team.change_role(admin, other.user_id, Role.OWNER)
    with pytest.raises(NotPermitted):
        await team.invite(admin, "new@example.in", Role.OWNER)
    with pytest.raises(NotPermitted):
        await team.change_role(admin, owner.user_id, Role.VIEWER)
    with pytest.raises(NotPermitted):
        await team.remove(admin, owner.user_id)
    with pytest.raises(Conflict):
        await team.change_role(admin, admin.user_id, Role.ADMIN)


async def test_a_business_keeps_an_owner(connected: Addresses) -> None:
    """Two owners demote each other one after the other: the second is no owner any more, and is refused."""
    seller = await make_seller()
    first, second = await acting(seller, "asha@example.in", Role.OWNER), await acting(seller, BALA, Role.OWNER)
    await team.change_role(first, second.user_id, Role.ADMIN)
    with pytest.raises(NotPermitted):
        await team.change_role(second, first.user_id, Role.ADMIN)
    with pytest.raises(Conflict):
        await team.remove(first, first.user_id)


async def test_two_owners_who_demote_each_other_at_once_leave_one(connected: Addresses) -> None:
    seller = await make_seller()
    first, second = await acting(seller, "asha@example.in", Role.OWNER), await acting(seller, BALA, Role.OWNER)
    done = await asyncio.gather(
        team.change_role(first, second.user_id, Role.VIEWER), team.change_role(second, first.user_id, Role.VIEWER), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["Member", "NotPermitted"]
    async with db.transaction(seller):
        assert await SellerUser.count().where(SellerUser.role == Role.OWNER) == 1


async def test_one_business_never_touches_anothers_people(connected: Addresses) -> None:
    asha = await acting(await make_seller(), "asha@example.in", Role.OWNER)
    chitra = await acting(await make_seller("Chitra Crafts"), "chitra@example.in", Role.OWNER)
    with pytest.raises(NotFound):
        await team.change_role(asha, chitra.user_id, Role.VIEWER)
    with pytest.raises(NotFound):
        await team.remove(asha, chitra.user_id)
    assert [member.email for member in await team.members(asha)] == ["asha@example.in"]
