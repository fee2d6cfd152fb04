"""The embedded server, for real: first start, second start, crash, refusal."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import asyncpg
import psycopg
import pytest

from portal.errors import Misconfigured
from portal.postgres import Addresses, Embedded, Passwords, create_database, drop_database, let_in, throwaway
from portal.postgres.logins import WEB, WORKER
from portal.postgres.machine import writing

pytestmark = pytest.mark.anyio


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Short enough for a socket, open enough for the server's own user; pytest's directories are neither."""
    with tempfile.TemporaryDirectory(prefix="portal-", ignore_cleanup_errors=True) as made:
        yield Path(made) / "data"


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data directory whose server has run once."""
    with tempfile.TemporaryDirectory(prefix="portal-", ignore_cleanup_errors=True) as place:
        with hasty(Path(place) / "made"):
            pass
        yield Path(place) / "made"


@pytest.fixture
def used(made: Path) -> Path:
    """A copy of it, for tests that are not about the first start: it is made in a tenth of the time. It lies where its server may go."""
    there = Path(tempfile.mkdtemp(dir=made.parent)) / "data"
    subprocess.run(["cp", "-a", str(made), str(there)], check=True)
    there.parent.chmod(made.parent.stat().st_mode)
    return there


def hasty(data_dir: Path) -> Embedded:
    return Embedded(data_dir, durable=False)


def rows(url: str, query: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def execute(url: str, statement: LiteralString) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def make_logins(addresses: Addresses) -> None:
    with psycopg.connect(addresses.owner) as connection:
        connection.execute(f"CREATE ROLE {WEB} LOGIN NOBYPASSRLS")
        connection.execute(f"CREATE ROLE {WORKER} LOGIN NOBYPASSRLS")
    let_in(addresses)


async def test_both_drivers_enter_as_each_login(used: Path) -> None:
    with hasty(used) as addresses:
        make_logins(addresses)
        for url, login in ((addresses.owner, "postgres"), (addresses.web, WEB), (addresses.worker, WORKER)):
            assert rows(url, "SELECT current_user, current_database()") == [(login, "portal")]
            connection = await asyncpg.connect(url)
            assert await connection.fetchval("SELECT current_user") == login
            await connection.close()


async def test_nobody_enters_without_the_password(used: Path) -> None:
    with hasty(used) as addresses:
        password = psycopg.conninfo.conninfo_to_dict(addresses.owner)["password"]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(addresses.owner.replace(str(password), "guess"))
        assert rows(addresses.owner, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [("scram-sha-256",)]
        assert rows(addresses.owner, "SHOW listen_addresses") == [("",)]


async def test_passwords_stay_in_one_private_file(data_dir: Path) -> None:
    with hasty(data_dir) as addresses:
        make_logins(addresses)
        kept = data_dir / "database-passwords"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        words = [line.split()[1] for line in kept.read_text().splitlines()]
        assert len(set(words)) == 3
        for word in words:
            assert word not in repr(addresses)
            assert word not in (data_dir / "logs" / "postgres.log").read_text()
        assert not list(data_dir.glob("*.password"))


async def test_rows_outlive_a_restart(data_dir: Path) -> None:
    with hasty(data_dir) as addresses:
        execute(addresses.owner, "CREATE TABLE kept (n) AS VALUES (7)")
    with hasty(data_dir) as again:
        assert again == addresses
        assert rows(again.owner, "SELECT n FROM kept") == [(7,)]


async def test_nothing_runs_after_stop(used: Path) -> None:
    server = hasty(used)
    addresses = server.start()
    pid = int((used / "postgres" / "postmaster.pid").read_text().split("\n")[0])
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(addresses.owner)
    server.stop()  # stopping twice is fine


KILLED = """
import os, signal, sys
from pathlib import Path
from portal.postgres import Embedded
Embedded(Path(sys.argv[1]), durable=False).start()
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_a_server_that_outlived_its_portal_is_replaced(data_dir: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(data_dir)], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = int((data_dir / "postgres" / "postmaster.pid").read_text().split("\n")[0])
    os.kill(left, 0)
    with hasty(data_dir) as addresses:
        assert rows(addresses.owner, "SELECT 1") == [(1,)]
        with pytest.raises(ProcessLookupError):
            os.kill(left, 0)


async def test_a_killed_server_recovers(used: Path) -> None:
    server = Embedded(used)
    addresses = server.start()
    execute(addresses.owner, "CREATE TABLE kept (n) AS VALUES (7)")
    os.kill(int((used / "postgres" / "postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
    server.stop()
    with Embedded(used) as again:
        assert rows(again.owner, "SELECT n FROM kept") == [(7,)]


async def test_a_process_id_that_now_means_somebody_else_is_forgotten(used: Path) -> None:
    with hasty(used):
        remembered = (used / "postgres" / "postmaster.pid").read_text()
    (used / "postgres" / "postmaster.pid").write_text(remembered.replace(remembered.split("\n")[0], str(os.getpid()), 1))
    with hasty(used) as addresses:
        assert rows(addresses.owner, "SELECT 1") == [(1,)]


async def test_half_a_cluster_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgres.new").mkdir(parents=True)
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    with hasty(data_dir) as addresses:
        assert rows(addresses.owner, "SELECT 1") == [(1,)]


async def test_a_second_portal_is_refused(used: Path) -> None:
    with hasty(used) as addresses:
        with pytest.raises(Misconfigured, match="Another portal is running") as refused:
            hasty(used).start()
        assert "PORTAL_DATA_DIR" in refused.value.hint
        assert rows(addresses.owner, "SELECT 1") == [(1,)]


async def test_a_directory_below_a_file_is_refused() -> None:
    # A short path, because a long one is refused as such.
    with (
        tempfile.NamedTemporaryFile(prefix="portal-") as file,
        pytest.raises(Misconfigured, match="cannot be used: not a directory") as refused,
    ):
        hasty(Path(file.name) / "data").start()
    assert "PORTAL_DATA_DIR" in refused.value.hint


async def test_a_long_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="too long"):
        hasty(tmp_path / ("long" * 30)).start()


async def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no space left"), writing(tmp_path), Path("/dev/full").open("w") as full:
        full.write("x")


async def test_another_edition_is_refused(used: Path) -> None:
    (used / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(Misconfigured, match="made by PostgreSQL 15"):
        hasty(used).start()


async def test_lost_passwords_are_said(used: Path) -> None:
    (used / "database-passwords").unlink()
    server = hasty(used)
    with pytest.raises(Misconfigured, match="does not accept the password"):
        server.start()
    assert not server.running


async def test_a_refusing_server_is_quoted(used: Path) -> None:
    (used / "postgres" / "postgresql.auto.conf").write_text("work_mem = 'nonsense'\n")
    with pytest.raises(Misconfigured, match=r"did not start: .*(work_mem|configuration file)") as refused:
        hasty(used).start()
    assert "postgres.log" in refused.value.hint


ORDINARY = """
import os, sys
from pathlib import Path
from portal.postgres import Embedded
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
with Embedded(Path(sys.argv[1]), durable=False):
    print("up")
"""


async def test_an_ordinary_user_starts_it_too(data_dir: Path) -> None:
    with hasty(data_dir / "first"):
        pass  # as root this opens the way to the binaries, which an ordinary user's own installation does not need
    data_dir.chmod(0o777)
    ran = subprocess.run([sys.executable, "-c", ORDINARY, str(data_dir / "own")], capture_output=True, text=True, check=False)
    assert ran.stdout == "up\n", ran.stderr
    assert (data_dir / "own" / "postgres").stat().st_uid == (os.geteuid() or 65534)


async def test_databases_come_and_go() -> None:
    with throwaway() as addresses:
        make_logins(addresses)
        other = create_database(addresses.owner, "a name/with ?")
        assert rows(other, "SELECT current_database()") == [("a name/with ?",)]
        assert create_database(addresses.owner, "a name/with ?") == other == addresses.of("a name/with ?").owner
        assert rows(addresses.of("a name/with ?").web, "SELECT current_database()") == [("a name/with ?",)]
        held = psycopg.connect(other)
        drop_database(addresses.owner, "a name/with ?")
        held.close()
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(other)


async def test_an_external_server_keeps_host_port_and_options(tmp_path: Path) -> None:
    passwords = Passwords.kept_in(tmp_path)
    assert Passwords.kept_in(tmp_path) == passwords
    made = passwords.addresses("postgresql://boss:s%40crt@db.example:6432/shop?sslmode=require")
    assert made.owner == "postgresql://boss:s%40crt@db.example:6432/shop?sslmode=require"
    assert made.web == f"postgresql://portal_web:{passwords.web}@db.example:6432/shop?sslmode=require"
    assert made.worker == f"postgresql://portal_worker:{passwords.worker}@db.example:6432/shop?sslmode=require"
