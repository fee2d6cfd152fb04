"""The one place where typed keys become sealed columns and sealed columns become typed keys."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

from portal import clock, db
from portal.errors import NotFound, SecretUnreadable
from portal.marketplaces.contract import AccountRef, Marketplace
from portal.marketplaces.methods import Method
from portal.tables.accounts import CredentialEvent, EventKind
from portal.tables.audit import Action, AuditEntry
from portal.vault import Place, Vault


def place_of(marketplace: Marketplace, column: str, account_id: UUID) -> Place:
    """Where one sealed column of one account lives: what its ciphertext is bound to."""
    return Place(table_of(marketplace), column, str(account_id))


def table_of(marketplace: Marketplace) -> str:
    if marketplace.details is None:
        raise NotFound("marketplace")
    return str(marketplace.details._meta.tablename)


def sealed_columns(marketplace: Marketplace) -> tuple[str, ...]:
    """The satellite's secret columns, as its table declares them."""
    if marketplace.details is None:
        return ()
    columns: Iterable[Any] = marketplace.details._meta.columns
    return tuple(column._meta.db_column_name for column in columns if column._meta.secret)


@dataclass(slots=True)
class Opened:
    """An account's open keys, as its method's dataclass, and which version of its credential they are.

    Whatever the marketplace says of these keys concerns this version only: see `MarketplaceAccount.credential_version`.
    """

    keys: Any = field(repr=False)
    version: int


async def fetch(
    marketplace: Marketplace, account: AccountRef, vault: Vault, *, purpose: str, actor: str, run_id: UUID | None = None
) -> Opened:
    """The account's keys, opened. Runs in a transaction of the seller; each opening is put on record in it.

    Raises SecretUnreadable (also on record, by whoever catches it) and NotFound when nothing is saved, or not any more.
    """
    # Held until the keys are read, so that a credential being replaced is seen whole: the old one or the new one.
    version = await db.connection().fetchval(
        "SELECT credential_version FROM marketplace_accounts WHERE id = $1 AND state <> 'disconnected' FOR SHARE", account.id
    )
    async with db.acting_as(marketplace.role) as held:
        row = await held.fetchrow(f"SELECT * FROM {table_of(marketplace)} WHERE marketplace_account_id = $1", account.id)  # noqa: S608 (our own table's name)
    if row is None or version is None:
        raise NotFound("saved connection")
    keys = open_row(marketplace, marketplace.method(row[marketplace.method_column]), account.id, row, vault)
    await CredentialEvent.insert(
        CredentialEvent(
            seller_id=account.seller_id,
            marketplace_account_id=account.id,
            kind=EventKind.OPENED,
            message=purpose,
            actor=actor,
            run_id=run_id,
        )
    )
    return Opened(keys, version)


def open_row(marketplace: Marketplace, method: Method, account_id: UUID, row: Mapping[str, Any], vault: Vault) -> Any:
    """A method's keys from a satellite's (or a wizard's) columns."""
    sealed = sealed_columns(marketplace)
    values: dict[str, str] = {}
    for one in fields(method.keys):
        kept = row[one.name]
        if kept is None:
            values[one.name] = ""
        elif one.name in sealed:
            values[one.name] = vault.open(marketplace.code, place_of(marketplace, one.name, account_id), kept)
        else:
            values[one.name] = kept
    return method.keys(**values)


def ending_columns(marketplace: Marketplace) -> tuple[str, ...]:
    """The sealed columns beside which the satellite can keep the day on which they end."""
    if marketplace.details is None:
        return ()
    columns: Iterable[Any] = marketplace.details._meta.columns
    names = {column._meta.db_column_name for column in columns}
    return tuple(column for column in sealed_columns(marketplace) if f"{column}_expires_at" in names)


def expiries(marketplace: Marketplace, method: Method, *, saved: Collection[str], keep: Collection[str]) -> dict[str, object]:
    """When the parts saved just now end, by column; parts that are kept keep their day."""
    lives = {one.column: one.life for one in method.deadlines}
    found: dict[str, object] = {}
    for column in ending_columns(marketplace):
        life = lives.get(column)
        if column not in keep:
            found[f"{column}_expires_at"] = clock.now() + life if life is not None and column in saved else None
    return found


def secret_values(keys: Any) -> list[str]:
    """The secrets among opened keys, for whoever has to see that nothing repeats them."""
    return [value for one in fields(keys) if not one.repr and (value := getattr(keys, one.name))]


async def put_on_record_unreadable(account: AccountRef, error: SecretUnreadable, *, actor: str, run_id: UUID | None = None) -> None:
    """A secret did not open: that is an event of its own, in a transaction of its own.

    Of the account, or of the seller's audit trail where there is none yet (a half-done setup) or it is nobody's (a data key).
    """
    async with db.transaction(account.seller_id) as held:
        if not await held.fetchval("SELECT 1 FROM marketplace_accounts WHERE id = $1", account.id):
            entry = AuditEntry(
                seller_id=account.seller_id,
                actor=actor,
                action=Action.SECRET_UNREADABLE,
                after=f"{error.seller_message} ({error.detail})",
            )
            await AuditEntry.insert(entry)
            return
        await CredentialEvent.insert(
            CredentialEvent(
                seller_id=account.seller_id,
                marketplace_account_id=account.id,
                kind=EventKind.OPEN_FAILED,
                code=error.code,
                message=error.seller_message,
                actor=actor,
                run_id=run_id,
            )
        )


async def mark_accepted(marketplace: Marketplace, account_id: UUID) -> None:
    """Note on every sealed column that the marketplace took it just now. In the caller's transaction."""
    columns = sealed_columns(marketplace)
    if not columns:
        return
    marks = ", ".join(f"{column}_last_accepted_at = CASE WHEN {column}_fingerprint = '' THEN NULL ELSE now() END" for column in columns)
    await db.connection().execute(
        f"UPDATE {table_of(marketplace)} SET {marks} WHERE marketplace_account_id = $1",  # noqa: S608 (our own tables and columns)
        account_id,
    )


async def move_in(
    marketplace: Marketplace,
    account: AccountRef,
    method: Method,
    plain: Mapping[str, str],
    sealed: Mapping[str, tuple[str, str]],
    *,
    by: str,
    keep: Collection[str] = (),
) -> None:
    """Write the satellite: plain values and already sealed ones (ciphertext, fingerprint) by column. In the caller's transaction.

    Replaces what was there, save the columns of `keep`; columns the method does not use become empty.
    """
    secrets = sealed_columns(marketplace)
    values: dict[str, object] = {marketplace.method_column: method.code}
    values |= {name: plain.get(name, "") for name in method.fields() if name not in secrets}
    values |= expiries(marketplace, method, saved={column for column in sealed if column not in keep}, keep=keep)
    for column in secrets:
        if column in keep:
            continue
        ciphertext, mark = sealed.get(column, (None, ""))
        values |= {
            column: ciphertext,
            f"{column}_fingerprint": mark,
            f"{column}_saved_by": by if ciphertext else "",
            f"{column}_saved_at": clock.now(),
        }
    # An upsert would have to read the sealed columns it replaces, and this role may not.
    held, table = db.connection(), table_of(marketplace)
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(values, 2))
    done = await held.fetchval(
        f"UPDATE {table} SET {changes} WHERE marketplace_account_id = $1 RETURNING 1",  # noqa: S608 (our own tables and columns)
        account.id,
        *values.values(),
    )
    if not done:
        row = {"marketplace_account_id": account.id, "seller_id": account.seller_id, "marketplace_code": marketplace.code, **values}
        marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await held.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())  # noqa: S608
