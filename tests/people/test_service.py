"""Passwords, sessions and the command line's `seller add`, on a real database."""

import importlib.util
from datetime import datetime, timedelta
from typing import cast

import argon2
import asyncpg
import pytest

from portal import clock, db
from portal.errors import BadInput, Conflict, NotFound
from portal.people import passwords, service
from portal.people.devices import device, masked
from portal.people.service import WrongPassword
from portal.postgres import Addresses
from portal.tables.people import Role, SellerUser, Session
from tests.factories import PASSWORD, make_seller, make_user

pytestmark = pytest.mark.anyio

ASHA = "asha@example.in"


async def test_the_database_holds_neither_password_nor_token(connected: Addresses) -> None:
    made = await service.sign_up(business="Asha Textiles", email=ASHA, password=PASSWORD)
    token = (await service.sign_in(ASHA, PASSWORD)).token
    async with db.transaction(made.seller_id) as held:
        stored = await held.fetchrow("SELECT s.token_hash, u.password_hash FROM sessions s JOIN seller_users u ON u.id = s.user_id")
    assert stored["password_hash"].startswith("$argon2id$")
    assert PASSWORD not in stored["password_hash"]
    assert len(stored["token_hash"]) == 32
    assert token.encode() not in stored["token_hash"]
    assert len(token) >= 43


async def test_an_address_signs_up_once_however_it_is_written(connected: Addresses) -> None:
    """And a refused sign-up leaves no half of a business behind."""
    await service.sign_up(business="Asha Textiles", email=ASHA, password=PASSWORD)
    with pytest.raises(BadInput) as caught:
        await service.sign_up(business="Another", email=" Asha@Example.IN ", password=PASSWORD)
    assert list(caught.value.fields) == ["email"]
    assert await service.sign_in("ASHA@example.in", PASSWORD)
    owner = await _count(connected.owner, "SELECT count(*) FROM sellers")
    assert owner == 1


async def _count(url: str, query: str) -> int:
    held = await asyncpg.connect(url)
    try:
        return int(await held.fetchval(query))
    finally:
        await held.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("business", "  "),
        ("business", "x" * 121),
        ("name", "x" * 121),
        ("email", "asha"),
        ("email", "asha@shop"),
        ("email", "आशा@example.in"),
        ("email", "a b@example.in"),
        ("password", "123456789"),
        ("password", "ASHA@example.in"),
        ("password", "x" * 1025),
    ],
)
async def test_each_mistake_is_told_at_its_field(field: str, value: str) -> None:
    """No database is needed to see it."""
    form = {"business": "Asha Textiles", "name": "Asha", "email": ASHA, "password": PASSWORD, field: value}
    with pytest.raises(BadInput) as caught:
        await service.sign_up(**form)
    assert list(caught.value.fields) == [field]
    assert value.strip() == "" or value not in str(caught.value.fields)


async def test_ten_characters_of_any_kind_are_enough(connected: Addresses) -> None:
    """No rule about digits and capitals; characters count, not bytes; the way a keyboard composes them does not matter."""
    await service.sign_up(business="आशा वस्त्र", email=ASHA, password="caf\u00e9 caf\u00e9 1")
    assert await service.sign_in(ASHA, "cafe\u0301 cafe\u0301 1")


async def test_an_unknown_address_costs_as_much_as_a_wrong_password(connected: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both verify one hash of the same parameters; otherwise a clock would tell who has an account."""
    await service.sign_up(business="Asha Textiles", email=ASHA, password=PASSWORD)
    verified: list[argon2.Parameters] = []
    really = passwords._verify

    def counted(kept: str, password: str) -> bool:
        verified.append(argon2.extract_parameters(kept))
        return really(kept, password)

    monkeypatch.setattr(passwords, "_verify", counted)
    for email in (ASHA, "nobody@example.in"):
        with pytest.raises(WrongPassword):
            await service.sign_in(email, "a wrong guess")
    assert len(verified) == 2
    assert verified[0] == verified[1]


def test_a_password_is_stretched_as_much_as_argon2s_makers_recommend() -> None:
    """In a real process, that is: tests make do with less, so the module is looked at as one that has just been started reads it."""
    found = importlib.util.spec_from_file_location("passwords_of_a_process", passwords.__file__)
    assert found is not None
    assert found.loader is not None
    fresh = importlib.util.module_from_spec(found)
    found.loader.exec_module(fresh)
    recommended = argon2.profiles.RFC_9106_LOW_MEMORY
    assert argon2.extract_parameters(fresh._hasher.hash(PASSWORD)) == argon2.extract_parameters(fresh._nobodys()) == recommended


async def test_an_old_hash_is_made_anew_when_its_owner_signs_in(connected: Addresses) -> None:
    seller = await make_seller()
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    user = await make_user(seller, ASHA, password_hash=weak.hash(PASSWORD))
    await service.sign_in(ASHA, PASSWORD)
    async with db.transaction(seller):
        row = await SellerUser.select(SellerUser.password_hash).where(SellerUser.id == user).first()
    assert row is not None
    assert not passwords.outdated(row["password_hash"])
    assert await service.sign_in(ASHA, PASSWORD)


async def test_last_seen_is_written_every_five_minutes_not_with_every_page(connected: Addresses) -> None:
    seller = await make_seller()
    user = await make_user(seller, ASHA)
    start = clock.now()
    with clock.stopped_at(start):
        token = await service.open_session(seller, user)

    async def seen_at(moment: timedelta) -> timedelta:
        with clock.stopped_at(start + moment):
            assert await service.current(token)
        async with db.transaction(seller):
            row = await Session.select(Session.last_seen_at).first()
        assert row is not None
        return cast("datetime", row["last_seen_at"]) - start

    assert await seen_at(timedelta(minutes=4)) == timedelta(0)
    assert await seen_at(timedelta(minutes=6)) == timedelta(minutes=6)


async def test_signing_in_sweeps_away_the_persons_dead_sessions(connected: Addresses) -> None:
    seller = await make_seller()
    user = await make_user(seller, ASHA)
    with clock.stopped_at(clock.now() - timedelta(days=20)):
        await service.open_session(seller, user)
    await service.open_session(seller, user)
    async with db.transaction(seller):
        assert await Session.count() == 1


@pytest.mark.parametrize("token", ["", "x", "\x00", "é" * 40])
async def test_a_made_up_token_is_nobody(connected: Addresses, token: str) -> None:
    assert await service.current(token) is None


async def test_adding_a_seller_twice_answers_the_same_ids(connected: Addresses) -> None:
    """With another password it is a conflict: the command must not become a way to find out passwords of others."""
    first = await service.add_seller(name="Asha Textiles", email=ASHA, password=PASSWORD)
    assert await service.add_seller(name="Asha Textiles", email="Asha@example.in", password=PASSWORD) == first
    assert set(first) == {"seller_id", "user_id"}
    with pytest.raises(Conflict):
        await service.add_seller(name="Asha Textiles", email=ASHA, password="another password")


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "Firefox on Linux"),
        ("curl/8.5", "Unknown browser"),
    ],
)
def test_a_device_has_the_name_its_owner_would_give_it(user_agent: str, name: str) -> None:
    assert device(user_agent) == name


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("203.0.113.77", "203.0.113.*"),
        ("::ffff:203.0.113.77", "203.0.113.*"),
        ("2001:db8:12:34::1", "2001:db8:12:*"),
        ("fe80::1%eth0", "fe80:0:0:*"),
        ("testclient", ""),
    ],
)
def test_an_address_is_shown_without_the_machine_in_it(address: str, shown: str) -> None:
    assert masked(address) == shown


async def test_a_teammates_devices_are_their_own(connected: Addresses) -> None:
    """Bala works for the same business, and neither sees nor ends asha's sessions."""
    seller = await make_seller()
    asha, bala = await make_user(seller, ASHA), await make_user(seller, "bala@example.in", role=Role.OPERATOR)
    hers = await service.current(await service.open_session(seller, asha))
    his = await service.current(await service.open_session(seller, bala))
    assert hers is not None
    assert his is not None
    assert [known.id for known in await service.sessions(his)] == [his.session_id]
    with pytest.raises(NotFound):
        await service.revoke(his, hers.session_id)
    assert [known.id for known in await service.sessions(hers)] == [hers.session_id]
