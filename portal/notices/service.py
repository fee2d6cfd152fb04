"""What sellers are told about their accounts without asking: a refusal, an end in sight, a change of a credential.

The account's row and its credential events are the cause. A sweep finds what nobody was told about yet, so no feature has to think
of it, and a repeated refusal is one occasion.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.marketplaces.registry import marketplace
from portal.outbox import service as outbox
from portal.people.permissions import BY_ROLE, Permission
from portal.tables.accounts import CredentialEvent, EventKind, MarketplaceAccount
from portal.tables.notices import Notice, NoticeKind
from portal.tables.people import SellerUser

CHANGES = {
    EventKind.SAVED: "Keys were saved",
    EventKind.REPLACED: "The keys were replaced",
    EventKind.RECONNECTED: "The account was connected again with new keys",
    EventKind.DISCONNECTED: "The account was disconnected and its keys were deleted",
}
SECURE = "/secure-account"


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Something about one account that nobody was told yet. `stage`: hours since the first refusal, or days before the end."""

    account_id: UUID
    seller_id: UUID
    kind: NoticeKind
    occasion: datetime
    stage: int


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The mail about one occasion."""

    subject: str
    body: Sequence[str]
    link: str


async def tell_due() -> int:
    """Write the mails about everything nobody was told yet. Answers for how many occasions. May run in several workers at once."""
    told = 0
    for row in await db.door("door_notices_due", clock.now()):
        told += await _tell(msgspec.convert(dict(row), Due))
    return told


async def tell(
    seller_id: UUID,
    *,
    about: str,
    subject: str,
    body: Sequence[str],
    link: str,
    needs: Permission = Permission.CONNECT,
    lasts: timedelta = outbox.LASTS,
) -> None:
    """A mail to everybody of a business who may act on it, in the present transaction. Once for what it is `about`.

    After `lasts` it means nothing any more and is not sent.
    """
    for email in await _readers(seller_id, needs):
        await outbox.post(seller_id, to=email, subject=subject, body=body, link=link, about=about, lasts=lasts)


async def tell_person(seller_id: UUID, user_id: UUID, *, about: str, subject: str, body: Sequence[str], link: str) -> None:
    """A mail to one person of a business, in the present transaction. Once for what it is `about`; nobody, if they have left the team."""
    async with db.transaction(seller_id):
        email = await SellerUser.select(SellerUser.email).where(SellerUser.id == user_id).first()
        if email is not None:
            await outbox.post(seller_id, to=email["email"], subject=subject, body=body, link=link, about=about)


async def _tell(due: Due) -> bool:
    async with db.transaction(due.seller_id) as held:
        first = await held.fetchval(
            """INSERT INTO notices (id, seller_id, marketplace_account_id, kind, occasion, stage, told_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (marketplace_account_id, kind, occasion, stage) DO NOTHING RETURNING id""",
            uuid4(),
            due.seller_id,
            due.account_id,
            due.kind.value,
            due.occasion,
            due.stage,
            clock.now(),
        )
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == due.account_id).first() if first else None
        if account is None:
            return False
        words = await _words(due, account)
        about = f"{due.kind} {due.account_id} {due.occasion.isoformat()} {due.stage}"
        await tell(due.seller_id, about=about, subject=words.subject, body=words.body, link=words.link)
    return True


async def _words(due: Due, account: MarketplaceAccount) -> Words:
    if due.kind is NoticeKind.RECONNECT:
        return _reconnect(due, account)
    if due.kind is NoticeKind.EXPIRY:
        return _expiry(due, account)
    return await _change(due, account)


def _reconnect(due: Due, account: MarketplaceAccount) -> Words:
    name = marketplace(account.marketplace_code).name
    waiting = {0: "", 24: " It has waited for a day.", 72: " It has waited for three days. This is our last mail about it."}[due.stage]
    return Words(
        subject=f"{account.name} needs to be reconnected",
        body=(
            f"{name} does not accept the saved keys of {account.name} any more, since {_moment(due.occasion)}.",
            f"{account.reconnect_reason} Nothing syncs for this account until you reconnect it. Your data is safe.{waiting}".strip(),
            "Reconnect here:",
        ),
        link=f"/accounts/{account.id}/reconnect",
    )


def _expiry(due: Due, account: MarketplaceAccount) -> Words:
    name = marketplace(account.marketplace_code).name
    left = "tomorrow" if due.stage == 1 else f"in {due.stage} days"
    return Words(
        subject=f"The keys of {account.name} end {left}",
        body=(
            f"{name} will stop accepting the saved keys of {account.name} on {_moment(due.occasion)}.",
            "Renew them before then, and no sync is missed.",
            "Reconnect here:",
        ),
        link=f"/accounts/{account.id}/reconnect",
    )


async def _change(due: Due, account: MarketplaceAccount) -> Words:
    """All changes since the last mail about changes, in one."""
    before = (
        await Notice.select(Notice.occasion)
        .where((Notice.marketplace_account_id == account.id) & (Notice.kind == NoticeKind.CHANGE) & (Notice.occasion < due.occasion))
        .order_by(Notice.occasion, ascending=False)
        .first()
    )
    changed = (CredentialEvent.marketplace_account_id == account.id) & CredentialEvent.kind.is_in(list(CHANGES))
    changed = changed & (CredentialEvent.occurred_at <= due.occasion)
    if before:
        changed = changed & (CredentialEvent.occurred_at > before["occasion"])
    events = await CredentialEvent.objects().where(changed).order_by(CredentialEvent.occurred_at)
    name = marketplace(account.marketplace_code).name
    return Words(
        subject=f"Keys of {account.name} changed",
        body=(
            f"Something changed about how we reach {account.name} on {name}:",
            "\n".join(_line(event) for event in events),
            "Was it you, or somebody in your team? Then all is well. If not, secure your account now:",
        ),
        link=SECURE,
    )


def _line(event: CredentialEvent) -> str:
    by = f" by {event.actor}" if event.actor not in {"", "worker"} else ""
    return f"{CHANGES[EventKind(event.kind)]}{by}, {_moment(event.occurred_at)}."


def _moment(moment: datetime) -> str:
    local = clock.in_ist(moment)
    return f"{local.day} {local:%b %Y}, {local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'} IST"


async def _readers(seller_id: UUID, needs: Permission) -> list[str]:
    roles = [role.value for role, granted in BY_ROLE.items() if needs in granted]
    async with db.transaction(seller_id):
        return await SellerUser.select(SellerUser.email).where(SellerUser.role.is_in(roles)).order_by(SellerUser.email).output(as_list=True)
