"""What supervisors and Prometheus ask, and how the process stops."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from litestar import Litestar, get
from litestar.di import NamedDependency
from litestar.response import Stream

from portal import clock, db, health, serving
from portal.app import HANDLERS, create_app
from portal.health import WorkerWatch, migrations_in
from portal.nudges import Ears
from portal.people.permissions import Permission, needs
from portal.postgres import Addresses
from portal.settings import Settings
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up

pytestmark = pytest.mark.anyio


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys, fresh=True) as app:
        yield app


async def beat(database: Addresses, ago: timedelta = timedelta(0)) -> None:
    held = await asyncpg.connect(database.worker)
    try:
        await held.execute(
            "INSERT INTO worker_beats (worker_id, seen_at) VALUES ('w1', $1) ON CONFLICT (worker_id) DO UPDATE SET seen_at = excluded.seen_at",
            clock.now() - ago,
        )
    finally:
        await held.close()


async def test_alive_and_ready(app: Litestar) -> None:
    browser = Browser(app)
    assert (await browser.get("/healthz")).json() == {"status": "ok"}
    answer = await browser.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok", "queue": "ok"}


async def test_a_pending_migration_is_not_ready(app: Litestar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MIGRATIONS", health.MIGRATIONS | {"2999-01-01T00:00:00:000000"})
    answer = await Browser(app).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"].startswith("1 pending")


async def test_without_its_database_the_portal_lives_and_says_so(app: Litestar, database: Addresses) -> None:
    """Alive, not ready; a page explains instead of failing on our side; figures still come."""
    asha = await signed_up(app)
    held = await asyncpg.connect(database.owner)
    try:
        await held.execute("ALTER ROLE portal_web CONNECTION LIMIT 0")
        await held.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'portal_web'")
        assert (await asha.get("/healthz")).status_code == 200
        assert (await asha.get("/readyz")).status_code == 503
        page = await asha.get("/settings/profile")
        assert page.status_code == 503
        assert "Your data is safe" in page.text
        assert "portal_database_up 0.0" in (await asha.get("/metrics")).text
    finally:
        await held.execute("ALTER ROLE portal_web CONNECTION LIMIT -1")
        await held.close()
    assert (await asha.get("/settings/profile")).status_code == 200


async def test_figures_are_for_this_machine_or_for_who_knows_the_word(app: Litestar) -> None:
    text = (await Browser(app).get("/metrics")).text
    assert "portal_database_up 1.0" in text
    assert "portal_worker_silence_seconds -1.0" in text
    outside = Browser(app, address="203.0.113.9")
    assert (await outside.get("/metrics")).status_code == 403
    assert (await outside.get("/metrics", {"authorization": "Bearer wrong"})).status_code == 403
    assert (await outside.get("/metrics", {"authorization": "Bearer scrape me"})).status_code == 200
    assert (await Browser(app).get("/metrics", {"x-forwarded-for": "203.0.113.9"})).status_code == 403


async def test_requests_are_counted_by_route_not_by_address(app: Litestar) -> None:
    browser = Browser(app)
    await browser.get("/settings/security/8b2c2c2e-0000-4000-8000-000000000000/revoke")
    await browser.get("/no/such/page")
    text = (await browser.get("/metrics")).text
    assert "8b2c2c2e" not in text
    assert "no/such" not in text


async def test_pages_say_when_no_worker_reports(app: Litestar, database: Addresses) -> None:
    asha = await signed_up(app)
    await beat(database)
    with clock.stopped_at(clock.now() + timedelta(seconds=30)):
        assert "No worker has reported" not in (await asha.get("/settings/profile")).text
    with clock.stopped_at(clock.now() + timedelta(seconds=90)):
        assert "No worker has reported" in (await asha.get("/settings/profile")).text


async def test_where_there_never_was_a_worker_the_start_of_the_process_counts(connected: Addresses) -> None:
    start = clock.now()
    with clock.stopped_at(start):
        watch = WorkerWatch()
        assert await watch.silent_since() is None
    with clock.stopped_at(start + timedelta(seconds=61)):
        assert await watch.silent_since() == start
        await beat(connected)
    with clock.stopped_at(start + timedelta(seconds=67)):
        assert await watch.silent_since() is None


def test_migrations_are_read_from_their_files(tmp_path: Path) -> None:
    (tmp_path / "portal_one.py").write_text('"""Why."""\n\nID = "2026-01-01T00:00:00:000000"\nVERSION = "1"\n')
    (tmp_path / "__init__.py").write_text("")
    assert migrations_in(tmp_path) == {"2026-01-01T00:00:00:000000"}


@get("/watching", opt=needs(Permission.ANYONE))
async def watching(ears: NamedDependency[Ears]) -> Stream:
    async def told() -> AsyncIterator[bytes]:
        async with ears.about("anything") as mine:
            yield b"open\n"
            while not mine.closed:
                await mine.wait(silence_s=60)
            yield b"bye\n"

    return Stream(told(), media_type="text/plain")


class Quiet(serving.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Ctrl-C belongs to pytest


async def test_stopping_lets_open_streams_end_by_themselves(database: Addresses, keys: Vault) -> None:
    """A stream that nobody told would be cut off in the middle, which a client sees as a broken answer."""
    settings = Settings(database_url=database.web)
    app = create_app(settings, vault=keys, handlers=[*HANDLERS, watching])
    listening = socket.create_server(("127.0.0.1", 0))
    config = serving.server(settings, app).config
    running = Quiet(config, app)
    task = asyncio.create_task(running.serve(sockets=[listening]))
    heard = []
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client,
        client.stream("GET", "/watching") as answer,
    ):
        async for line in answer.aiter_lines():
            heard.append(line)
            running.should_exit = True
    await task
    listening.close()
    assert heard == ["open", "bye"]
    assert not db.is_open()
