"""Streams of runs over real HTTP: one look for all readers, every event once and in order, and an answer htmx can live with always."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from litestar import Litestar

from portal import db
from portal.people import service as people
from portal.people.service import Viewer, open_session
from portal.runs import service, streaming
from portal.runs.feeds import Feeds
from portal.runs.service import Taken
from portal.tables.people import Role
from portal.vault import Vault
from tests.browsing import application
from tests.factories import make_user
from tests.runs.conftest import Desk
from tests.serving import served
from tests.watching import PATIENCE_S, Watcher, watching

pytestmark = pytest.mark.anyio


@dataclass
class Hall:
    """The whole application on a port, a run at work, and somebody signed in."""

    app: Litestar
    base: str
    desk: Desk
    run: Taken
    token: str

    @property
    def feeds(self) -> Feeds:
        feeds: Feeds = self.app.state["feeds"]
        return feeds

    def watching(self, after: int = 0) -> AbstractAsyncContextManager[Watcher]:
        return watching(self.base, self.run.id, self.token, after=after)

    async def says(self, *messages: str) -> int:
        """Notes in the run's log. Answers the number of the last one."""
        for message in messages:
            await service.note(self.run, message)
        return (await self.desk.run(self.run.id)).seq

    async def empties(self) -> None:
        """Everybody's leaving has been noticed."""
        async with asyncio.timeout(PATIENCE_S):
            while self.feeds.open:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(desk: Desk, keys: Vault, **chosen: Any) -> AsyncIterator[Hall]:
    app = application(desk.addresses.web, keys, **chosen)
    token = await open_session(desk.seller, await make_user(desk.seller))
    async with served(app) as base:
        await asyncio.wait_for(app.state["ears"].listening.wait(), PATIENCE_S)
        yield Hall(app, base, desk, await desk.at_work(), token)


@pytest.fixture
async def hall(desk: Desk, keys: Vault) -> AsyncIterator[Hall]:
    async with opened(desk, keys) as hall:
        yield hall


async def test_every_event_once_from_the_beginning_to_the_end(hall: Hall) -> None:
    async with hall.watching() as one:
        await one.sees(2)
        await one.sees(await hall.says("A", "B", "C"))
        assert one.lines == [1, 2, 3, 4, 5]
        await service.finish(hall.run, watermark=None)
        await one.ended()
        assert one.whole
        assert one.last == 6
        assert b"<title>Done" in one.ending


async def test_a_reader_that_comes_back_goes_on_where_it_was(hall: Hall) -> None:
    async with hall.watching() as one:
        await one.sees(await hall.says("A"))
        one.drop()
        await hall.says("B", "C")
        await one.open()
        await one.sees(await hall.says("D"))
        assert one.lines == [1, 2, 3, 4, 5, 6]


async def test_readers_who_stand_at_different_places_each_get_theirs(hall: Hall) -> None:
    """The second comes to a feed that began where the first one was; the third claims to have seen what has not happened yet."""
    newest = await hall.says("A", "B", "C")
    async with hall.watching(after=newest) as late, hall.watching() as early, hall.watching(after=10_000) as beyond:
        await early.sees(newest)
        last = await hall.says("D")
        for one in (late, early, beyond):
            await one.sees(last)
        assert (late.lines, early.lines, beyond.lines) == ([last], list(range(1, last + 1)), [last])


async def test_many_readers_cost_one_look_and_one_painting(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, painted = 0, 0
    real_look, real_draw = service.since, streaming.Reader.draw

    async def look(*what: object, **more: object) -> object:
        nonlocal looked
        looked += 1
        return await real_look(*what, **more)  # type: ignore[arg-type]

    def draw(self: streaming.Reader, template: str, **context: object) -> object:
        nonlocal painted
        painted += 1
        return real_draw(self, template, **context)

    newest = await hall.says("A")
    crowd = [await Watcher(hall.base, hall.run.id, hall.token).open() for _ in range(20)]
    for one in crowd:
        await one.sees(newest)
    assert hall.feeds.open == 20
    monkeypatch.setattr(service, "since", look)
    monkeypatch.setattr(streaming.Reader, "draw", draw)
    last = await hall.says("B")
    for one in crowd:
        await one.sees(last)
    assert (looked, painted) == (1, 1)
    for one in crowd:
        one.drop()
    await hall.empties()


async def test_a_reader_that_does_not_read_gets_the_rest_at_once_later(hall: Hall) -> None:
    """It holds nobody up, nothing waits for it in a queue, and it misses nothing."""
    async with hall.watching() as slow, hall.watching() as quick:
        await slow.sees(2)
        with slow.not_reading():
            for number in range(4):
                await quick.sees(await hall.says(*(f"Round {number}, note {note}" for note in range(5))))
            many = len(quick.messages)
        last = await hall.says("The last one")
        await slow.sees(last)
        assert slow.lines == list(range(1, last + 1))
        assert len(slow.messages) <= many + 1


async def test_whoever_vanishes_is_forgotten(hall: Hall) -> None:
    async with hall.watching() as one, hall.watching() as other:
        await one.sees(2)
        await other.sees(2)
        assert hall.feeds.open == 2
    await hall.empties()
    async with hall.watching() as one:
        await one.sees(await hall.says("Still here"))


async def test_a_silence_is_filled_with_heartbeats(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SILENCE_S", 0.05)
    async with hall.watching() as one:
        await one.until(lambda watcher: watcher.heartbeats >= 2)
        assert hall.feeds.open == 1


async def test_nothing_is_missed_while_nobody_listens(hall: Hall) -> None:
    """PostgreSQL ends the one listening connection; what is said meanwhile comes when it listens again."""
    async with hall.watching() as one:
        await one.sees(2)
        held = await asyncpg.connect(hall.desk.addresses.owner)
        try:
            await held.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'portal-nudges'")
        finally:
            await held.close()
        await one.sees(await hall.says("Unheard"))
        assert one.lines == [1, 2, 3]


async def test_a_database_that_goes_away_ends_no_stream(hall: Hall) -> None:
    async with hall.watching() as one:
        await one.sees(2)
        held = await asyncpg.connect(hall.desk.addresses.owner)
        try:
            await held.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'portal_web'")
        finally:
            await held.close()
        await one.sees(await hall.says("Back again"))
        assert (one.lines, one.gone) == ([1, 2, 3], False)


async def test_a_stream_too_many_is_told_to_look_now_and_then(desk: Desk, keys: Vault) -> None:
    """200 and a sentence in the place of the stream, which ends: after anything else htmx would ask again for ever."""
    async with opened(desk, keys, streams_per_person=2, streams=3) as hall:
        other = await open_session(desk.seller, await make_user(desk.seller, "bala@example.in"))
        async with hall.watching(), hall.watching(), watching(hall.base, hall.run.id, other) as third:
            await third.sees(2)
            for token in (hall.token, other):  # the first has two of two, the other one stands before three of three
                async with watching(hall.base, hall.run.id, token) as refused:
                    await refused.ended()
                    assert (refused.status, refused.whole, len(refused.messages)) == (200, True, 1)
                    assert b'<hx-partial id="conn" hx-swap="outerHTML">' in refused.messages[0]
                    assert f"/p/runs/{hall.run.id}/panel?mode=poll".encode() in refused.messages[0]
                    assert b"hx-sse" not in refused.messages[0]
        await hall.empties()
        async with hall.watching() as again:
            await again.sees(2)


async def test_a_session_that_ended_is_told_so_in_the_stream(hall: Hall) -> None:
    async with watching(hall.base, hall.run.id, "no such session") as one:
        await one.ended()
        assert (one.status, one.whole) == (200, True)
        assert b"Sign in again to see live progress" in one.messages[0]
        assert b'<hx-partial id="conn" hx-swap="outerHTML">' in one.messages[0]
        assert one.lines == []


async def by_signing_out(mine: Viewer, _: Viewer) -> None:
    await people.sign_out(mine)


async def by_revoking_it_elsewhere(mine: Viewer, other: Viewer) -> None:
    await people.revoke(other, mine.session_id)


async def by_leaving_the_team(mine: Viewer, _: Viewer) -> None:
    async with db.transaction(mine.seller_id) as held:
        await held.execute("DELETE FROM seller_users WHERE id = $1", mine.user_id)


@pytest.mark.parametrize("end", [by_signing_out, by_revoking_it_elsewhere, by_leaving_the_team])
async def test_the_streams_of_a_session_end_with_it(hall: Hall, end: Callable[[Viewer, Viewer], Awaitable[None]]) -> None:
    """At once, with a sentence in their place; what happens afterwards is not told there any more. Others read on."""
    mine = await people.current(hall.token)
    assert mine is not None
    other_token = await open_session(hall.desk.seller, mine.user_id)
    other = await people.current(other_token)
    third = await open_session(hall.desk.seller, await make_user(hall.desk.seller, "bala@example.in"))
    assert other is not None
    async with hall.watching() as one, watching(hall.base, hall.run.id, third) as untouched:
        await one.sees(2)
        await end(mine, other)
        await one.ended()
        assert one.whole
        assert b"Sign in again to see live progress" in one.messages[-1]
        last = await hall.says("Not for everybody")
        await untouched.sees(last)
        assert one.lines == [1, 2]


async def test_another_proof_of_the_same_person_ends_no_stream(hall: Hall) -> None:
    """The session gets another token and stays the same session."""
    mine = await people.current(hall.token)
    assert mine is not None
    async with hall.watching() as one:
        await one.sees(2)
        await people.prove(mine)
        await one.sees(await hall.says("Still here"))
        assert not one.whole


async def test_the_end_carries_each_readers_own_token(hall: Hall) -> None:
    """It is painted once for everybody, and has a form in it."""
    await service.request_cancel(hall.desk.seller, hall.run.id, by="Asha")
    async with hall.watching() as one, hall.watching() as other:
        await service.cancelled(hall.run)
        for watcher in (one, other):
            await watcher.ended()
            assert b'name="_csrf_token"' in watcher.ending
            assert streaming.FORM_TOKEN.encode() not in watcher.ending
        tokens = {watcher.ending.partition(b'name="_csrf_token" value="')[2].partition(b'"')[0] for watcher in (one, other)}
        assert len(tokens) == 2


@pytest.mark.parametrize(("role", "leads"), [(Role.OWNER, True), (Role.OPERATOR, False), (Role.VIEWER, False)])
async def test_the_end_shows_each_role_its_own_buttons(hall: Hall, role: Role, leads: bool) -> None:
    """A refused key: only who may reconnect is led there, whoever else reads along; the others are told whom to ask."""
    token = await open_session(hall.desk.seller, await make_user(hall.desk.seller, "bala@example.in", role=role))
    async with hall.watching() as owner, watching(hall.base, hall.run.id, token) as other:
        await service.fail(hall.run, "keys_rejected", "The shop refuses its key.")
        await owner.ended()
        await other.ended()
    assert b"/reconnect" in owner.ending
    assert (b"/reconnect" in other.ending, b"Ask the owner or an admin" in other.ending) == (leads, not leads)


async def test_closing_the_ears_lets_every_stream_end_by_itself(hall: Hall) -> None:
    async with hall.watching() as one:
        await one.sees(2)
        hall.app.state["ears"].close()
        await one.ended()
        assert (one.whole, one.ending) == (True, b"")
