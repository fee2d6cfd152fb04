"""Who may enter the database, and under which address: the same for our own server and for an external one."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from portal.errors import Misconfigured
from portal.postgres.machine import write_secret, writing

OWNER, WEB, WORKER = "postgres", "portal_web", "portal_worker"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Connection addresses that asyncpg and psycopg both understand. They contain passwords, so they stay out of every repr."""

    owner: str = field(repr=False)
    web: str = field(repr=False)
    worker: str = field(repr=False)

    def of(self, database: str) -> Self:
        """The same logins on another database of the same server."""
        return type(self)(*(_replaced(one, database=database) for one in (self.owner, self.web, self.worker)))


@dataclass(frozen=True, slots=True)
class Passwords:
    """One password per login, made once and kept in a file that only its owner can read."""

    owner: str = field(repr=False)
    web: str = field(repr=False)
    worker: str = field(repr=False)

    @classmethod
    def kept_in(cls, data_dir: Path) -> Self:
        """Those of `<data_dir>/database-passwords`, which is written if it is missing. Raises Misconfigured if that cannot be."""
        path = data_dir / "database-passwords"
        with writing(data_dir):
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                write_secret(path, "".join(f"{login} {secrets.token_urlsafe(24)}\n" for login in (OWNER, WEB, WORKER)))
            lines = {login: word for login, _, word in (line.partition(" ") for line in path.read_text().splitlines())}
        try:
            return cls(lines[OWNER], lines[WEB], lines[WORKER])
        except KeyError as missing:
            raise Misconfigured(
                f"{path} has no line for the login {missing}.",
                hint="Restore the file from a backup; the database keeps the old passwords.",
            ) from None

    def at(self, cluster: Path, database: str) -> Addresses:
        """The addresses of a database of the server whose socket lies in `cluster`."""
        socket = urlencode({"host": str(cluster)}, quote_via=quote)
        return self.addresses(f"postgresql://{OWNER}:{quote(self.owner, safe='')}@/{database}?{socket}")

    def addresses(self, owner_url: str) -> Addresses:
        """The addresses of a server whose owner's address is known: another user and password, all else the same."""
        web, worker = (_replaced(owner_url, user=user, password=word) for user, word in ((WEB, self.web), (WORKER, self.worker)))
        return Addresses(owner_url, web, worker)


def create_database(owner_url: str, name: str, *, template: str = "template1") -> str:
    """The owner's address of the database `name`, made from `template` unless it exists."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    return _replaced(owner_url, database=name)


def drop_database(owner_url: str, name: str) -> None:
    """Drop `name` and end whoever is connected to it. `owner_url` names another database of the server."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def let_in(addresses: Addresses) -> None:
    """Give the logins of web and worker the passwords in their addresses. After `migrate`, which makes the logins.

    What travels and what a server might log is the SCRAM verifier, never the password.
    """
    with psycopg.connect(addresses.owner, autocommit=True) as connection:
        for url in (addresses.web, addresses.worker):
            parts = psycopg.conninfo.conninfo_to_dict(url)
            login, password = str(parts["user"]), str(parts["password"])
            verifier = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(login), sql.Literal(verifier)))


def _replaced(url: str, *, database: str | None = None, user: str | None = None, password: str = "") -> str:
    """The address with another database, or another login; host, port and options stay."""
    parts = urlsplit(url)
    netloc, path, query = parts.netloc, parts.path, parts.query
    if database is not None:
        path = f"/{quote(database, safe='')}"
    if user is not None:
        netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{netloc.rpartition('@')[2]}"
        kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in {"user", "password"}]
        query = urlencode(kept, quote_via=quote)
    # Spelt out because urlunsplit would drop the two slashes of an address without a host.
    return f"{parts.scheme}://{netloc}{urlunsplit(('', '', path, query, ''))}"
