"""The database: one engine, transactions that belong to one seller, and the named doors past row security.

Every seller-scoped table has a forced row policy. Inside `transaction(seller)` the connection acts as `portal_tenant` and sees that
seller's rows; outside there are none, save through `door(...)`, a short list of functions that answer ids.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cache
from types import MappingProxyType
from typing import Any, LiteralString
from uuid import UUID

import asyncpg
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

from portal.errors import PortalError

LOST_CONNECTION = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    # Another backend died, and the server threw everybody out to recover.
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # How asyncpg 0.32 names it when a pooled connection turns out to have been ended while it was idle.
    asyncpg.InternalClientError,
)
"""What asyncpg raises when the server went away or lets nobody in; plain OSErrors come besides."""

TENANT_ROLE = "portal_tenant"

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class _Transaction(PostgresTransaction):
    """Piccolo's own keeps its connection for ever when its first or last statement fails or is cancelled: a few of those empty the pool."""

    async def __aenter__(self) -> PostgresTransaction:
        if self._parent is not None:
            return self._parent
        self.connection = await self.get_connection()  # type: ignore[no-untyped-call]  # Piccolo's
        self.transaction = self.connection.transaction()
        try:
            await self.begin()  # type: ignore[no-untyped-call]  # Piccolo's
        except BaseException:
            await self._let_go()
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> bool:
        try:
            return await super().__aexit__(kind, error, trace)
        except BaseException:
            self.engine.current_transaction.reset(self.context)
            if not (self._committed or self._rolled_back):
                await self._let_go()
            raise  # after its end the pool has it already, which nobody's cancellation stops

    async def _let_go(self) -> None:
        # Whether its statement was done nobody knows, so nobody gets this connection again.
        self.connection.terminate()
        if self.engine.pool:
            await self.engine.pool.release(self.connection)
        else:
            await self.connection.close()


class _Engine(PostgresEngine):
    async def check_version(self) -> None:
        """Piccolo would connect while it is being imported, before anybody has said where to. `migrate` checks instead."""

    def transaction(self, allow_nested: bool = True) -> PostgresTransaction:
        return _Transaction(self, allow_nested)


engine = _Engine(config={})

_seller: ContextVar[UUID | None] = ContextVar("transaction_seller", default=None)


class DatabaseUnavailable(PortalError):
    """No connection to PostgreSQL. Whoever called may try again."""

    code = "database_unavailable"
    status = 503
    retryable = True


async def _as_it_is(_: Any) -> None:
    """What a connection is cleaned of before the next one gets it: nothing, which saves each transaction a round trip.

    Whatever is set here belongs to a transaction and ends with it. An open transaction is rolled back by asyncpg all the same.
    """


async def connect(url: str, *, min_size: int = 1, max_size: int = 10, name: str = "portal") -> None:
    """Open the pool of this process. `name` shows in pg_stat_activity."""
    engine.config = {"dsn": url}
    try:
        await engine.start_connection_pool(
            min_size=min_size,
            max_size=max_size,
            server_settings={"application_name": name, "timezone": "UTC"},
            command_timeout=60,
            reset=_as_it_is,
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise DatabaseUnavailable(
            "The database does not answer.", detail=type(error).__name__, hint="Check PORTAL_DATABASE_URL."
        ) from error


async def disconnect() -> None:
    if engine.pool is not None:
        await engine.close_connection_pool()


def is_open() -> bool:
    return engine.pool is not None


def connection() -> Any:
    """The asyncpg connection of the transaction we are in; for statements Piccolo has no words for."""
    current = engine.current_transaction.get()
    if current is None:
        raise RuntimeError("Outside a transaction there is no connection, and there would be no rows.")
    return current.connection


@asynccontextmanager
async def transaction(seller: UUID, settings: Mapping[str, str] = NO_SETTINGS) -> AsyncIterator[Any]:
    """One transaction in which this seller's rows exist, and nobody else's. Yields the asyncpg connection.

    Inside another transaction of the same seller it is part of that one. Another seller's is a programming error. `settings` are
    PostgreSQL's own, for this transaction alone.
    """
    inside = _seller.get()
    if engine.current_transaction.get() is not None and inside is not None:
        if inside != seller:
            raise RuntimeError("A transaction of one seller cannot turn into another's.")
        yield connection()
        return
    async with engine.transaction() as current:
        await current.connection.execute(_begin(tuple(settings)), TENANT_ROLE, str(seller), *settings.values())
        token = _seller.set(seller)
        try:
            yield current.connection
        finally:
            _seller.reset(token)


@cache
def _begin(names: tuple[str, ...]) -> str:
    """Who acts, for whom, and how: all in one statement, because every page of every sync begins with it."""
    parts = ["set_config('role', $1, true)", "set_config('app.current_seller_id', $2, true)"]
    parts += [f"set_config('{name}', ${place}, true)" for place, name in enumerate(names, start=3)]
    return "SELECT " + ", ".join(parts)


@asynccontextmanager
async def acting_as(role: str) -> AsyncIterator[Any]:
    """Within a seller's transaction, do a few statements as another role (a satellite's reader), then be the tenant again.

    After an error the role is not given back: the transaction is lost anyway, and its end resets the role.
    """
    held = connection()
    await held.execute("SELECT set_config('role', $1, true)", role)
    yield held
    await held.execute("SELECT set_config('role', $1, true)", TENANT_ROLE)


async def door(function: LiteralString, *arguments: object) -> Sequence[Any]:
    """Rows of one of the SECURITY DEFINER functions: ids by something only the right caller knows (a token's hash, an id, a due time)."""
    marks = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
    query = f"SELECT * FROM {function}({marks})"  # noqa: S608 (the name is a literal of ours, the arguments are bound)
    async with pool().acquire() as held:
        return list(await held.fetch(query, *arguments))


async def seller_of(function: LiteralString, identifier: UUID) -> UUID | None:
    """Whose it is, by one of the `seller_of_*` doors; None when there is no such thing."""
    rows = await door(function, identifier)
    return rows[0][0] if rows and rows[0][0] is not None else None


def pool() -> Any:
    if engine.pool is None:
        raise RuntimeError("The database pool is not open.")
    return engine.pool
