"""Accounts as pages and workers find them."""

from datetime import datetime
from uuid import UUID

import msgspec

from portal import db
from portal.errors import NotFound
from portal.marketplaces.contract import AccountRef
from portal.tables.accounts import AccountState, EventKind, MarketplaceAccount

TIMELINE_PAGE = 50


def topic(account_id: UUID) -> str:
    return f"account:{account_id}"


async def all_of(seller_id: UUID) -> list[MarketplaceAccount]:
    """The seller's connected accounts, those in trouble first."""
    async with db.transaction(seller_id):
        return (
            await MarketplaceAccount.objects()
            .where(MarketplaceAccount.state != AccountState.DISCONNECTED)
            .order_by(MarketplaceAccount.needs_reconnect, ascending=False)
            .order_by(MarketplaceAccount.created_at)
        )


async def disconnected(seller_id: UUID) -> list[MarketplaceAccount]:
    """Accounts whose history is still here, the last one to go first."""
    async with db.transaction(seller_id):
        return (
            await MarketplaceAccount.objects()
            .where(MarketplaceAccount.state == AccountState.DISCONNECTED)
            .order_by(MarketplaceAccount.disconnected_at, ascending=False)
            .limit(50)
        )


async def get(seller_id: UUID, account_id: UUID) -> MarketplaceAccount:
    """NotFound when it is not this seller's."""
    async with db.transaction(seller_id):
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).first()
    if account is None:
        raise NotFound("account")
    return account


async def locked(account_id: UUID) -> MarketplaceAccount:
    """The account for a change, in the caller's transaction. NotFound when it is not this seller's."""
    account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).lock_rows("UPDATE").first()
    if account is None:
        raise NotFound("account")
    return account


def ref(account: MarketplaceAccount) -> AccountRef:
    return AccountRef(
        id=account.id,
        seller_id=account.seller_id,
        code=account.marketplace_code,
        external_account_id=account.external_account_id,
        name=account.name,
        ships_from=account.ships_from,
    )


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a connection's story. `by` is a person's name, `worker` or `marketplace`; `words` are the marketplace's own."""

    id: UUID
    occurred_at: datetime
    kind: str
    code: str
    message: str
    words: str
    http_status: int | None
    request_id: str
    by: str
    run_id: UUID | None


async def timeline(seller_id: UUID, account_id: UUID, *, before: UUID | None = None, limit: int = TIMELINE_PAGE) -> list[Happening]:
    """What happened to the account's credential, newest first; routine openings left out. `before` is the last line of the page above."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT e.id, e.occurred_at, e.kind, e.code, e.message, e.words, e.http_status, e.request_id, e.run_id,
                      coalesce(nullif(u.name, ''), u.email, e.actor) AS by
               FROM marketplace_credential_events e LEFT JOIN seller_users u ON u.id::text = e.actor
               WHERE e.marketplace_account_id = $1 AND e.kind <> $2
                 AND ($3::uuid IS NULL
                      OR (e.occurred_at, e.id) < (SELECT p.occurred_at, p.id FROM marketplace_credential_events p WHERE p.id = $3))
               ORDER BY e.occurred_at DESC, e.id DESC LIMIT $4""",
            account_id,
            EventKind.OPENED,
            before,
            limit,
        )
    return [msgspec.convert(dict(row), Happening) for row in rows]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A time without access, and the run that made up for it. `recovered` counts the orders that were new."""

    run_id: UUID
    since: datetime
    until: datetime
    recovered: int
    state: str


async def last_gap(seller_id: UUID, account_id: UUID) -> Gap | None:
    """The account's newest gap that was filled or is being filled."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT id AS run_id, gap_from AS since, created_at AS until, new_count AS recovered, state FROM sync_runs
               WHERE marketplace_account_id = $1 AND target = 'ORDERS' AND gap_from IS NOT NULL ORDER BY created_at DESC LIMIT 1""",
            account_id,
        )
    return msgspec.convert(dict(row), Gap) if row else None
