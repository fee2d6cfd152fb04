"""`python -m portal up`, for real: ready, refused, a part that dies, the end within five seconds, the second start.

A start is dear, so the tests that only look share the first one and stand at the top: `started_before` ends it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from portal.postgres import throwaway
from portal.up import supervisor
from tests.serving import free_port

pytestmark = pytest.mark.anyio

FIRST_START_S = 300
"""Generous: it makes a database, and the machine may be busy with other things."""
PROMISED_S = 5
"""The promise to the operator: a later start, and every end, take no longer. Claimed by `make soak` only, on a machine with time for it."""
PATIENCE_S = 60
"""How long everything else waits for an end; nothing is claimed about how long it takes."""

TRIES = 3
"""Of so many starts the best one counts: what else the machine has to do changes from moment to moment."""


class Up:
    """A running `up` and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.base = f"http://127.0.0.1:{port}"
        self.said = ""

    @classmethod
    async def started(cls, data_dir: Path, *options: str, **settings: str) -> "Up":
        port = free_port()
        sandbox_port = port + 1 if port % 2 else port - 1
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
        chosen = {"PORTAL_DATA_DIR": str(data_dir), "PORTAL_PORT": str(port), "PORTAL_SANDBOX_PORT": str(sandbox_port), **settings}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "portal", "up", *options), env=inherited | chosen, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return cls(process, int(chosen["PORTAL_PORT"]))

    async def says(self, wanted: str, within: float = FIRST_START_S) -> str:
        """The line that contains `wanted`."""
        try:
            async with asyncio.timeout(within):
                return await self.line(wanted)
        except TimeoutError:
            pytest.fail(f"not within {within} s: {wanted!r}. It said:\n{self.said}")

    async def line(self, wanted: str) -> str:
        """The same, for who has a time of her own."""
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            line = raw.decode()
            self.said += line
            if wanted in line:
                return line
        pytest.fail(f"ended without saying {wanted!r}. It said:\n{self.said}")

    async def ends(self, within: float = PATIENCE_S) -> int:
        """The exit status; all that was still said is in `said`."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within):
            self.said += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def parts(self) -> dict[str, psutil.Process]:
        """The processes under it, by command: `web`, `worker`, `sandbox`, `postgres`."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            words = child.cmdline()
            found["postgres" if "postgres" in Path(words[0]).name else words[-1]] = child
        return found


@asynccontextmanager
async def up(data_dir: Path, *options: str, **settings: str) -> AsyncIterator[Up]:
    one = await Up.started(data_dir, *options, **settings)
    try:
        yield one
    finally:
        if one.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                one.process.terminate()
            with contextlib.suppress(TimeoutError):
                await one.ends(10)
            with contextlib.suppress(ProcessLookupError):
                one.process.kill()
            await one.process.wait()


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """One data directory for all the tests, so that the first start is paid once. Short, because a socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="portal-", ignore_cleanup_errors=True) as made:
        yield Path(made) / "data"


@pytest.fixture(scope="module")
async def first(data_dir: Path) -> AsyncIterator[Up]:
    """The first start, running, for tests that only look."""
    async with up(data_dir) as portal:
        await portal.says("Ctrl-C")
        yield portal


@pytest.fixture(scope="module")
async def started_before(first: Up, data_dir: Path) -> Path:
    """Where a portal has been started and has ended, as any service is told to."""
    first.process.terminate()
    assert await first.ends() == 0
    return data_dir


async def test_it_says_what_it_does_and_how_to_get_in(first: Up, data_dir: Path) -> None:
    assert f"The portal is ready: {first.base}" in first.said
    for step in ("Database", "Migrations", "Demo seller", "Sandbox marketplaces", "Web", "Worker"):
        assert f"  {step} … ✓" in first.said
    password = (data_dir / "demo-password").read_text()
    assert f"Sign in as demo@portal.example with the password {password}\n" in first.said
    async with httpx.AsyncClient(base_url=first.base, timeout=PATIENCE_S) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
    for name in ("web", "worker", "sandbox", "postgres"):
        assert (data_dir / "logs" / f"{name}.log").exists()


async def test_each_part_holds_only_what_it_needs(first: Up, data_dir: Path) -> None:
    parts = first.parts()
    assert parts.keys() == {"web", "worker", "sandbox", "postgres"}
    passwords = dict(line.split() for line in (data_dir / "database-passwords").read_text().splitlines())
    passwords["demo"] = (data_dir / "demo-password").read_text()
    holds = {name: part.environ() for name, part in parts.items()}
    for name, own in (("web", "portal_web"), ("worker", "portal_worker"), ("sandbox", "")):
        known = {login for login, word in passwords.items() if word in str(holds[name])}
        assert known == {own} - {""}
    private = {"PORTAL_OPEN_KEYS", "PORTAL_BUYER_OPEN_KEYS"}
    assert holds["web"].keys() & private == {"PORTAL_BUYER_OPEN_KEYS"}
    assert holds["worker"].keys() & private == {"PORTAL_OPEN_KEYS"}
    assert not any(name.startswith("PORTAL_") for name in holds["sandbox"].keys() - {"PORTAL_SANDBOX_PORT"})
    for part in parts.values():
        assert not any(word in " ".join(part.cmdline()) for word in passwords.values())


async def test_a_second_portal_on_the_same_directory_is_refused(first: Up, data_dir: Path) -> None:
    async with up(data_dir) as second:
        assert await second.ends(within=FIRST_START_S) == 2
    assert "Another portal is running" in second.said
    async with httpx.AsyncClient(base_url=first.base, timeout=PATIENCE_S) as client:
        assert (await client.get("/readyz")).status_code == 200


def slowness() -> float:
    """How many seconds pass here while somebody works for one: 1 on a machine that does nothing else."""
    work_s = 0.3
    began, worked = time.perf_counter(), time.thread_time()
    while time.thread_time() - worked < work_s:
        pass
    return max(1.0, (time.perf_counter() - began) / work_s)


@pytest.mark.soak
async def test_a_later_start_is_quick(started_before: Path) -> None:
    """The promise is for a machine that has nothing else to do, so a busy one has as much longer as it is slower at everything."""
    for _ in range(TRIES):
        promised_s = PROMISED_S * slowness()
        async with up(started_before) as portal:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(promised_s):
                    await portal.line("The portal is ready")
                return
    pytest.fail(f"no start of {TRIES} was quick; the last one had {promised_s:.1f} s and had said:\n{portal.said}")


def test_the_supervisors_patience_fits_its_promise() -> None:
    """Whatever hangs is ended by force, and early enough."""
    assert supervisor.CHILDREN_MAY_TAKE_S + supervisor.DATABASE_MAY_TAKE_S < PROMISED_S


@pytest.mark.parametrize(
    ("number", "within"),
    [(signal.SIGINT, PATIENCE_S), *(pytest.param(one, PROMISED_S, marks=pytest.mark.soak) for one in (signal.SIGINT, signal.SIGTERM))],
)
async def test_a_signal_ends_everything_with_connections_open(started_before: Path, number: signal.Signals, within: float) -> None:
    async with up(started_before) as portal, httpx.AsyncClient(base_url=portal.base, timeout=PATIENCE_S) as client:
        await portal.says("Ctrl-C")
        parts = portal.parts()
        assert (await client.get("/healthz")).status_code == 200  # stays open: a browser keeps its connections
        _, half = await asyncio.open_connection("127.0.0.1", int(portal.base.rpartition(":")[2]))
        half.write(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf")  # never finished: as an open stream
        await half.drain()
        portal.process.send_signal(number)
        assert await portal.ends(within) == 0
        assert not any(part.is_running() for part in parts.values())
        assert portal.said.partition("Stopping")[2].strip() == "", "nobody was at work, so there is nothing to say"
        half.close()


async def test_neither_an_early_end_nor_a_killed_supervisor_is_in_the_way_of_the_next_start(started_before: Path) -> None:
    """And that one ends with a part that dies, which takes the rest along: starts are dear."""
    async with up(started_before) as early:
        await early.says("Database")
        early.process.send_signal(signal.SIGINT)
        assert await early.ends() == 0
    async with up(started_before) as killed:
        await killed.says("Ctrl-C")
        parts = killed.parts()
        del parts["postgres"]  # the next start tidies it away
        killed.process.kill()
        await killed.ends()
        _, alive = await asyncio.to_thread(psutil.wait_procs, list(parts.values()), PATIENCE_S)
        assert alive == []
    async with up(started_before, PORTAL_PORT=killed.base.rpartition(":")[2]) as again:
        await again.says("Ctrl-C")
        await dies_with(again, "worker")


async def dies_with(portal: Up, name: str) -> None:
    """One part is killed, and the whole portal ends and says why."""
    parts = portal.parts()
    parts[name].kill()
    assert await portal.ends() == 1
    assert f"The {name} ended by itself (signal 9)." in portal.said
    assert f"{name}.log has the rest." in portal.said
    assert "Traceback" not in portal.said
    assert not any(part.is_running() for part in parts.values())


@pytest.mark.soak
@pytest.mark.parametrize("name", ["web", "sandbox"])
async def test_any_part_that_dies_takes_the_rest_along(started_before: Path, name: str) -> None:
    async with up(started_before) as portal:
        await portal.says("Ctrl-C")
        await dies_with(portal, name)


@pytest.mark.parametrize("name", ["PORTAL_PORT", "PORTAL_SANDBOX_PORT"])
async def test_a_taken_port_is_noticed_before_anything_starts(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with up(tmp_path / "data", **{name: port}) as portal:
            assert await portal.ends(within=FIRST_START_S) == 2
    assert f"We cannot listen on port {port}" in portal.said
    assert f"{name}=" in portal.said
    assert "Traceback" not in portal.said
    assert not (tmp_path / "data").exists()


async def test_a_directory_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with up(tmp_path / "file" / "data") as portal:
        assert await portal.ends(within=FIRST_START_S) == 2
    assert "cannot be used: not a directory" in portal.said
    assert "PORTAL_DATA_DIR" in portal.said
    assert "Traceback" not in portal.said


async def test_an_external_database_and_the_real_marketplaces(tmp_path: Path) -> None:
    with throwaway() as external:
        async with up(tmp_path / "data", "--no-sandbox", PORTAL_DATABASE_URL=external.owner, PORTAL_ALLOW_GENERATED_KEYS="true") as portal:
            await portal.says("Ctrl-C")
            assert "Sign in as" not in portal.said
            parts = portal.parts()
            assert parts.keys() == {"web", "worker"}
            assert not (tmp_path / "data" / "postgres").exists()
            for part in parts.values():
                assert external.owner not in part.environ().values()
                assert "PORTAL_DEMO" not in part.environ()
