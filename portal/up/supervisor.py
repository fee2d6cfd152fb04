"""The steps of `up`, in order, each said while it happens; then the watch over the children; then the end of all of them."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import psycopg
from psycopg.rows import scalar_row

from portal import settings
from portal.errors import Misconfigured, PortalError
from portal.marketplaces.registry import CODES, MARKETPLACES
from portal.marketplaces.sandbox import demo_shop
from portal.postgres import Addresses, Embedded, Passwords, let_in
from portal.postgres.machine import writing
from portal.up.child import Child, command
from portal.up.environments import Environments
from portal.up.remembering import Migrated
from portal.up.terminal import Terminal

DEMO_EMAIL = "demo@portal.example"
DEMO_NAME = "Demo Traders"
READY_WITHIN_S = 60.0
CHILDREN_MAY_TAKE_S = 3.5
DATABASE_MAY_TAKE_S = 1.0
"""Together below the five seconds within which everything has ended."""

Result = TypeVar("Result")


class NotRunning(PortalError):
    """A part of the portal did not start, or ended by itself."""

    code = "not_running"


def run(*, sandbox: bool = True, environ: Mapping[str, str] | None = None) -> int:
    """Run the portal until Ctrl-C or SIGTERM. The exit status: 0 stopped on request, 1 a part ended, 2 a setting is wrong."""
    given = os.environ if environ is None else environ
    try:
        return asyncio.run(_until_told(Supervisor(settings.read(given, codes=CODES), given, sandbox=sandbox)))
    except PortalError as error:
        sys.stderr.write("\n".join(("", error.seller_message, *(line for line in (error.hint,) if line), "")))
        return 2 if isinstance(error, Misconfigured) else 1


async def _until_told(supervisor: "Supervisor") -> int:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    living, waiting = asyncio.create_task(supervisor.live()), asyncio.create_task(told.wait())
    try:
        await asyncio.wait({living, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if told.is_set():
            supervisor.terminal.say("Stopping")
    finally:
        living.cancel()
        waiting.cancel()
        await asyncio.wait({living, waiting})
        await supervisor.end()
    if not living.cancelled() and (trouble := living.exception()) is not None and not told.is_set():
        raise trouble
    return 0


class Supervisor:
    """One portal on this machine."""

    def __init__(self, chosen: settings.Settings, given: Mapping[str, str], *, sandbox: bool) -> None:
        self.settings = chosen
        self.data_dir = chosen.data_dir.absolute()
        self.logs = self.data_dir / "logs"
        self.sandbox = sandbox
        self.environments = Environments(
            given=given,
            data_dir=self.data_dir,
            places=MARKETPLACES,
            sandbox_base=f"http://127.0.0.1:{chosen.sandbox_port}" if sandbox else None,
        )
        self.terminal = Terminal()
        self.children: list[Child] = []
        self._database: Embedded | None = None
        # One thread, so that stopping the server waits for a start under way.
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="database")

    async def live(self) -> None:
        """All the steps, then the watch. Ends only by NotRunning, Misconfigured, or by being cancelled."""
        self.check_ports()
        self.make_room()
        if self.environments.keys_missing:
            with self.terminal.step("Keys, made once"):
                await self.made("keys", "generate", environment=self.environments.bare())
        elif self.environments.rings_missing:
            with self.terminal.step("Keys of new marketplaces"):
                await self.made("keys", "add", environment=self.environments.bare())
        with self.terminal.step("Database"):
            addresses = await self.database()
        if self.sandbox:
            await self.start("sandbox", self.environments.sandbox())
        with self.terminal.step("Migrations"):
            await self.migrate(addresses)
        since = await self.aside(partial(_database_time, addresses.owner))
        await self.start("web", self.environments.web(addresses))
        await self.start("worker", self.environments.worker(addresses))
        sign_in = None
        if self.sandbox:
            with self.terminal.step("Demo seller"):
                sign_in = await self.watched(self.demo_seller(addresses))
            with self.terminal.step("Sandbox marketplaces"):
                await self.watched(answers(f"http://127.0.0.1:{self.settings.sandbox_port}/"))
        with self.terminal.step("Web"):
            await self.watched(answers(f"{self.local_url}/readyz"))
        with self.terminal.step("Worker"):
            await self.watched(self.worker_beats(addresses, since))
        self.welcome(sign_in)
        await self.watched(asyncio.get_running_loop().create_future())

    async def end(self) -> None:
        """Stop the children together, then the database under them."""
        await asyncio.gather(*(child.stop(CHILDREN_MAY_TAKE_S) for child in self.children))
        if self._database is not None:
            # The first ends a server that is still recovering, the second one that a start under way brought up since.
            await asyncio.to_thread(self._database.stop, DATABASE_MAY_TAKE_S)
            await self.aside(partial(self._database.stop, DATABASE_MAY_TAKE_S))
        self._aside.shutdown()

    # The steps

    def check_ports(self) -> None:
        """Raise Misconfigured if a port is taken, before anything has started."""
        wanted = [("PORT", self.settings.host, self.settings.port)]
        if self.sandbox:
            wanted.append(("SANDBOX_PORT", "127.0.0.1", self.settings.sandbox_port))
        with contextlib.ExitStack() as held:
            for name, host, port in wanted:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                try:
                    held.enter_context(socket.create_server((host, port), family=family))
                except OSError as refused:
                    raise Misconfigured(
                        f"We cannot listen on port {port} of {host}: {(refused.strerror or 'refused').lower()}.",
                        hint=f"Choose another port, such as PORTAL_{name}={port + 10 if port < 65_000 else 8010}, or stop what uses this one.",
                    ) from None

    def make_room(self) -> None:
        with writing(self.data_dir):
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)

    async def database(self) -> Addresses:
        """The addresses of the database: of our own server, started now, or of the operator's."""
        external = self.settings.database_url
        if external is not None:
            return (await self.aside(partial(Passwords.kept_in, self.data_dir))).addresses(external)
        self._database = Embedded(self.data_dir)
        return await self.aside(self._database.start)

    async def migrate(self, addresses: Addresses) -> None:
        """Bring the database to this version. Our own server is left alone when the last start did so with the same code."""
        own = Migrated(self._database.cluster, sandbox=self.sandbox) if self._database is not None else None
        if own is not None and await self.aside(own.already):
            return
        await self.made("migrate", environment=self.environments.owner(addresses))
        await self.aside(partial(let_in, addresses))
        if own is not None:
            await self.aside(own.remember)

    async def demo_seller(self, addresses: Addresses) -> tuple[str, str]:
        """E-mail address and password of the demo seller, who is added unless he is there. The password is kept in a private file."""
        kept = self.data_dir / "demo-password"
        known = kept.exists() and await self.aside(partial(_knows, addresses.owner, DEMO_EMAIL))
        if not kept.exists():
            with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write("-".join(secrets.token_hex(2) for _ in range(4)))
        password = kept.read_text()
        if not known:
            add = ("seller", "add", "--name", DEMO_NAME, "--email", DEMO_EMAIL, "--password", "-", "--json")
            status, _, complaint = await command(*add, environment=self.environments.web(addresses), typed=password)
            if status != 0 and not await self.aside(partial(_knows, addresses.owner, DEMO_EMAIL)):
                raise NotRunning(f"The demo seller could not be added: {_last_line(complaint)}")
        return DEMO_EMAIL, password

    async def worker_beats(self, addresses: Addresses, since: datetime) -> None:
        """Wait for a worker's first sign of life after `since`. Raises NotRunning after a minute."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if await self.aside(partial(_beats, addresses.owner, since)):
                return
            await asyncio.sleep(0.1)
        raise NotRunning(f"The worker did not report within {READY_WITHIN_S:.0f} seconds.")

    def welcome(self, sign_in: tuple[str, str] | None) -> None:
        self.terminal.say(f"\nThe portal is ready: {self.settings.public_url}")
        if sign_in is not None:
            self.terminal.say(f"Sign in as {sign_in[0]} with the password {sign_in[1]}")
            self.terminal.say(f"Keys of the sandbox shops: {self.sandbox_keys()}")
        self.terminal.say(f"Logs are in {self.logs}. Ctrl-C stops everything.")

    def sandbox_keys(self) -> Path:
        """The directory with one key file per sandbox, as `connect --keys` takes them. They open nothing but the sandbox."""
        folder = self.data_dir / "sandbox-keys"
        folder.mkdir(exist_ok=True)
        for place in MARKETPLACES:
            if place.sandbox_keys is not None:
                (folder / f"{place.slug}.json").write_text(json.dumps(place.sandbox_keys(demo_shop(place.demo_locations)), indent=2) + "\n")
        return folder

    # Tools of the steps

    @property
    def local_url(self) -> str:
        """The web as this machine reaches it; an address that means "all" is reached by loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.port}"

    async def start(self, name: str, environment: Mapping[str, str]) -> None:
        self.children.append(await Child.started(name, environment, self.logs, self.terminal.say))

    async def watched(self, awaited: "Coroutine[Any, Any, Result] | asyncio.Future[Result]") -> Result:
        """What `awaited` brings, unless a child ends first. Raises NotRunning with the child's last words."""
        wanted = asyncio.ensure_future(awaited)
        ends = {child.end: child for child in self.children}
        try:
            await asyncio.wait({wanted, *ends}, return_when=asyncio.FIRST_COMPLETED)
            for end, child in ends.items():
                if end.done():
                    words = "\n".join(f"    {line}" for line in child.last_words)
                    raise NotRunning(
                        f"The {child.name} ended by itself ({_status(end.result())}).\n{words}", hint=f"{child.log} has the rest."
                    )
            return wanted.result()
        finally:
            wanted.cancel()

    async def made(self, *arguments: str, environment: Mapping[str, str]) -> None:
        """One of our own commands, done. Raises NotRunning with its complaint."""
        status, _, complaint = await command(*arguments, environment=environment)
        if status != 0:
            raise NotRunning(complaint.strip() or f"`python -m portal {' '.join(arguments)}` failed ({_status(status)}).")

    async def aside(self, work: Callable[[], Result]) -> Result:
        """What a blocking call gives, in the one thread for those."""
        return await asyncio.get_running_loop().run_in_executor(self._aside, work)


async def answers(url: str) -> None:
    """Wait until `url` answers 200. Raises NotRunning after a minute."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(0.05)
    raise NotRunning(f"{url} did not become ready within {READY_WITHIN_S:.0f} seconds.")


def _database_time(url: str) -> datetime:
    """The database's own clock: that of an external one may differ from ours."""
    with psycopg.connect(url, connect_timeout=3, row_factory=scalar_row) as connection:
        (moment,) = connection.execute("SELECT now()").fetchall()
    return cast(datetime, moment)


def _knows(url: str, email: str) -> bool:
    with psycopg.connect(url, connect_timeout=3) as connection:
        return connection.execute("SELECT 1 FROM seller_users WHERE email = %s", (email,)).fetchone() is not None


def _beats(url: str, since: datetime) -> bool:
    with psycopg.connect(url, connect_timeout=3) as connection:
        return connection.execute("SELECT 1 FROM worker_beats WHERE seen_at > %s", (since,)).fetchone() is not None


def _status(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _last_line(said: str) -> str:
    return next(iter(reversed(said.strip().splitlines())), "it gave no reason")
