"""The server itself: create, start, tidy up after a crash, stop."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]
import psycopg

from portal.errors import Misconfigured
from portal.postgres.logins import OWNER, Addresses, Passwords, create_database
from portal.postgres.machine import MAJOR, binaries, explained, let_through, running_as, server_user, write_secret, writing

DATABASE = "portal"
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET = 103  # the smallest limit of the systems we run on (macOS); Linux allows 107

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Neither statements nor the values of a violated key may reach a log: they hold buyers.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
HASTY: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "scram_iterations": "1"}
"""For data nobody will miss, behind passwords nobody will guess at: stretching them is most of what a connection costs."""


class Embedded:
    """The server below one data directory. `start` and `stop`, or `with Embedded(...) as addresses`."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self.cluster = self.data_dir / "postgres"
        self.log = self.data_dir / "logs" / "postgres.log"
        self.durable = durable
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Addresses:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Addresses:
        """Addresses of a server that accepts connections. Creates the cluster and the database `portal` where they are missing.

        Whatever an earlier, killed portal left behind is tidied away first. Raises Misconfigured with what to do.
        """
        if len(str(self.cluster / SOCKET)) > LONGEST_SOCKET:
            raise Misconfigured(
                f"The path of the data directory is too long for a database socket: {self.data_dir}",
                hint="Set PORTAL_DATA_DIR to a shorter path.",
            )
        passwords = Passwords.kept_in(self.data_dir)
        with writing(self.data_dir):
            self.log.parent.mkdir(mode=0o700, exist_ok=True)
            self._take()
            try:
                if not self.cluster.exists():
                    self._create(passwords.owner)
                self._check()
                self._end_leftover()
                self._launch()
                return self._enter(passwords)
            except BaseException:
                self.stop()
                raise

    def _enter(self, passwords: Passwords) -> Addresses:
        try:
            return passwords.addresses(create_database(passwords.at(self.cluster, OWNER).owner, DATABASE))
        except psycopg.OperationalError:
            raise Misconfigured(
                f"The embedded database does not accept the password in {self.data_dir / 'database-passwords'}.",
                hint="Restore that file from a backup: it belongs to the database beside it.",
            ) from None

    def stop(self, patience_s: float = 3.0) -> None:
        """End the server: politely, and after `patience_s` at once. It recovers by itself at the next start."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _take(self) -> None:
        """Hold the data directory for as long as this process lives; the kernel lets go even after a kill."""
        lock = (self.data_dir / "postgres.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise Misconfigured(
                f"Another portal is running on the data directory {self.data_dir}.",
                hint="Stop it first, or give this one its own PORTAL_DATA_DIR.",
            ) from None
        self._lock = lock

    def _create(self, password: str) -> None:
        """A new cluster, made beside its final place: half a cluster never looks like a whole one."""
        made, word = self.data_dir / "postgres.new", self.data_dir / "postgres.password"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o700)
        user = server_user(made)
        write_secret(word, password)
        if user is not None:
            for path in (made, word):
                os.chown(path, user.pw_uid, user.pw_gid)
            let_through(made, binaries())
        options = ["--auth=scram-sha-256", f"--pwfile={word}", f"--username={OWNER}"]
        options += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        options += [] if self.durable else ["--no-sync", f"--set=scram_iterations={HASTY['scram_iterations']}"]
        try:
            done = subprocess.run(  # noqa: S603 (our own binary, our own words)
                [binaries() / "initdb", *options, f"--pgdata={made}"],
                cwd=made,
                capture_output=True,
                text=True,
                check=False,
                start_new_session=True,
                **running_as(user),
            )
        finally:
            word.unlink()
        if done.returncode != 0:
            shutil.rmtree(made, ignore_errors=True)
            raise explained(done.stderr, self.log)
        made.rename(self.cluster)

    def _check(self) -> None:
        owner, us = self.cluster.stat().st_uid, os.geteuid()
        if us not in {0, owner}:
            raise Misconfigured(
                f"The database in {self.cluster} belongs to another user (uid {owner}).",
                hint="Start the portal as that user, or set PORTAL_DATA_DIR to a directory of your own.",
            )
        version = (self.cluster / "PG_VERSION").read_text().strip()
        if version != MAJOR:
            raise Misconfigured(
                f"The database in {self.cluster} was made by PostgreSQL {version}; this portal brings {MAJOR}.",
                hint="Carry it over with pg_dump and pg_restore, or set PORTAL_DATA_DIR to a new directory.",
            )

    def _end_leftover(self) -> None:
        """Stop a server that outlived its portal, and forget a process id that meanwhile means somebody else."""
        remembered = self.cluster / "postmaster.pid"
        if not remembered.exists():
            return
        first = remembered.read_text().partition("\n")[0]
        try:
            left = psutil.Process(int(first))
            ours = Path(left.cwd()) == self.cluster.resolve()
        except (ValueError, psutil.Error):
            ours = False
        if not ours:
            remembered.unlink()
            return
        for request in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(psutil.NoSuchProcess):
                left.send_signal(request)
            with contextlib.suppress(psutil.TimeoutExpired):
                left.wait(5)
                break

    def _launch(self, patience_s: float = 60.0) -> None:
        """Start the server and wait until it says it is ready; a long recovery is within the patience."""
        user = server_user(self.cluster)
        if user is not None:
            let_through(self.cluster, binaries())
        settings = {**SETTINGS, **({} if self.durable else HASTY), "unix_socket_directories": str(self.cluster)}
        command = [str(binaries() / "postgres"), "-D", str(self.cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + patience_s
        while True:
            with self.log.open("ab") as log:
                seen = log.tell()
                process = self._process = subprocess.Popen(  # noqa: S603 (our own binary, our own words)
                    command, cwd=self.cluster, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **running_as(user)
                )
            while process.poll() is None and time.monotonic() < deadline:
                if self._ready(process.pid):
                    return
                time.sleep(0.02)
            said = self.log.read_bytes()[seen:].decode(errors="replace")
            # The backends of a killed server take a moment to notice that it is gone.
            if process.poll() is None or "shared memory block" not in said or time.monotonic() > deadline:
                raise explained(said, self.log)
            time.sleep(0.1)

    def _ready(self, pid: int) -> bool:
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


@contextlib.contextmanager
def throwaway() -> Iterator[Addresses]:
    """A server for one test session: new, hasty, gone afterwards."""
    # Not below pytest's directories: a socket's path has to be short, and the server's user has to get through.
    with (
        tempfile.TemporaryDirectory(prefix="portal-", ignore_cleanup_errors=True) as made,
        Embedded(Path(made), durable=False) as addresses,
    ):
        yield addresses
