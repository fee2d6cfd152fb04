"""How long a saved credential lasts, what of it the marketplace replaces by itself, and how it is erased."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from portal import clock, db
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Marketplace
from portal.marketplaces.methods import Deadline, Method
from portal.tables.accounts import CredentialEvent, EventKind
from portal.vault import Vault

MARKETPLACE_ACTOR = "marketplace"


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a credential that ends first: its column, the moment it ends, and the moment from which a seller hears of it."""

    column: str
    at: datetime
    warn_at: datetime


async def next_due(marketplace: Marketplace, account_id: UUID) -> Due | None:
    """What of the saved credential ends first; None when nothing of it is known to end. In the caller's transaction."""
    row = await _satellite(marketplace, account_id)
    if row is None:
        return None
    known = [
        _due(deadline, row[f"{deadline.column}_saved_at"], row[f"{deadline.column}_expires_at"])
        for deadline in marketplace.method(row[marketplace.method_column]).deadlines
        if row[f"{deadline.column}_expires_at"]
    ]
    return min(known, key=lambda due: due.at, default=None)


def _due(deadline: Deadline, saved_at: datetime, ends_at: datetime) -> Due:
    # A short life is told in its last quarter: whoever captures a session of an hour is not warned of it at once.
    warn = min(deadline.warn, max(ends_at - saved_at, timedelta()) / 4)
    return Due(column=deadline.column, at=ends_at, warn_at=ends_at - warn)


def deadline_of(marketplace: Marketplace, column: str) -> Deadline | None:
    """What the manifest says of the column that ends."""
    return next((one for method in marketplace.methods for one in method.deadlines if one.column == column), None)


async def take_note_of_end(marketplace: Marketplace, account_id: UUID, ends_at: datetime) -> None:
    """The marketplace has told when the credential ends. In the caller's transaction."""
    row = await _satellite(marketplace, account_id)
    method = marketplace.method(row[marketplace.method_column]) if row else None
    told = next((one for one in method.deadlines if one.told), None) if method else None
    if told is not None:
        await db.connection().execute(
            f"UPDATE {details.table_of(marketplace)} SET {told.column}_expires_at = $2 WHERE marketplace_account_id = $1",  # noqa: S608 (our own tables and columns)
            account_id,
            ends_at,
        )


async def method_of(marketplace: Marketplace, account_id: UUID) -> Method | None:
    """The way in which the account was connected; None when nothing is saved. In the caller's transaction."""
    row = await _satellite(marketplace, account_id)
    return marketplace.method(row[marketplace.method_column]) if row else None


async def _satellite(marketplace: Marketplace, account_id: UUID) -> Any:
    """The satellite's row without its sealed columns."""
    if marketplace.details is None:
        return None
    sealed = details.sealed_columns(marketplace)
    columns = [column._meta.db_column_name for column in marketplace.details._meta.columns]
    readable = ", ".join(column for column in columns if column not in sealed)
    return await db.connection().fetchrow(
        f"SELECT {readable} FROM {details.table_of(marketplace)} WHERE marketplace_account_id = $1",  # noqa: S608 (our own tables and columns)
        account_id,
    )


class Fingerprinted(msgspec.Struct, frozen=True, kw_only=True):
    """A saved secret as a page may show it: never the value."""

    fingerprint: str
    saved_at: datetime
    last_accepted_at: datetime | None


async def saved_secrets(marketplace: Marketplace, account_id: UUID, method: Method) -> dict[str, Fingerprinted]:
    """The method's secrets that may be kept, by column; none when the account was connected in another way. In the caller's transaction.

    What one sign-in gave out belongs together: a new session beside an older token is nobody's credential, so none of it is kept.
    """
    if method.oauth or method.capturing is not None:
        return {}
    row = await _satellite(marketplace, account_id)
    if row is None or row[marketplace.method_column] != method.code:
        return {}
    return {
        column: Fingerprinted(
            fingerprint=row[f"{column}_fingerprint"],
            saved_at=row[f"{column}_saved_at"],
            last_accepted_at=row[f"{column}_last_accepted_at"],
        )
        for column in method.fields()
        if column in details.sealed_columns(marketplace) and row[f"{column}_fingerprint"]
    }


Keep = Callable[[Mapping[str, str]], Awaitable[None]]


def keeper(marketplace: Marketplace, account: AccountRef, opened: details.Opened, vault: Vault, *, run_id: UUID | None = None) -> Keep:
    """What an adapter hands new values to before it uses them: `await keep({"refresh_token": …})`.

    They are on disk when it returns, together with the record of it, so that no crash can lose what the marketplace gave out once.
    A credential that was replaced or erased meanwhile is left as it is.
    """

    async def keep(fresh: Mapping[str, str]) -> None:
        async with db.transaction(account.seller_id) as held:
            stands = await held.fetchval(
                "UPDATE marketplace_accounts SET credential_version = credential_version + 1 WHERE id = $1 AND credential_version = $2 RETURNING 1",
                account.id,
                opened.version,
            )
            if stands is None:
                return
            await _replace(marketplace, account, fresh, vault)
            await CredentialEvent.insert(
                CredentialEvent(
                    seller_id=account.seller_id,
                    marketplace_account_id=account.id,
                    kind=EventKind.REFRESHED,
                    message=f"{marketplace.name} replaced a part of the saved details by itself; the new one is saved.",
                    actor=MARKETPLACE_ACTOR,
                    run_id=run_id,
                )
            )
        opened.version += 1

    return keep


async def _replace(marketplace: Marketplace, account: AccountRef, fresh: Mapping[str, str], vault: Vault) -> None:
    lives = {one.column: one.life for method in marketplace.methods for one in method.deadlines}
    for column, value in fresh.items():
        sealed = vault.seal(marketplace.code, details.place_of(marketplace, column, account.id), value)
        marks = [f"{column} = $2", f"{column}_fingerprint = $3", f"{column}_saved_by = $4", f"{column}_saved_at = $5"]
        values: list[object] = [sealed, vault.fingerprint(value), MARKETPLACE_ACTOR, clock.now()]
        life = lives.get(column)
        if life is not None:
            marks.append(f"{column}_expires_at = $6")
            values.append(clock.now() + life)
        await db.connection().execute(
            f"UPDATE {details.table_of(marketplace)} SET {', '.join(marks)} WHERE marketplace_account_id = $1",  # noqa: S608 (our own tables and columns)
            account.id,
            *values,
        )


async def erase(marketplace: Marketplace, account_id: UUID) -> None:
    """Empty every sealed column and its marks. What is public stays: by it the shop is known again. In the caller's transaction."""
    sealed = details.sealed_columns(marketplace)
    if not sealed:
        return
    marks = [f"{column} = NULL, {column}_fingerprint = '', {column}_saved_by = '', {column}_last_accepted_at = NULL" for column in sealed]
    marks += [f"{column}_expires_at = NULL" for column in details.ending_columns(marketplace)]
    await db.connection().execute(
        f"UPDATE {details.table_of(marketplace)} SET {', '.join(marks)} WHERE marketplace_account_id = $1",  # noqa: S608 (our own tables and columns)
        account_id,
    )
