"""What sellers are told about their accounts without asking: a refusal, an end in sight, a change of a credential.

The account's row and its credential events are the cause. A sweep finds what nobody was told about yet, so no feature has to think
of it, and a repeated refusal is one occasion.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import msgspec
from piccolo.custom_types import Combinable

from portal import clock, db, language
from portal.notices import wording
from portal.notices.wording import Words
from portal.outbox import service as outbox
from portal.people.permissions import BY_ROLE, Permission
from portal.tables.accounts import CredentialEvent, MarketplaceAccount
from portal.tables.notices import Notice, NoticeKind
from portal.tables.people import SellerUser


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Something about one account that nobody was told yet. `stage`: hours since the first refusal, or days before the end."""

    account_id: UUID
    seller_id: UUID
    kind: NoticeKind
    occasion: datetime
    stage: int


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
    words: Callable[[], Words],
    needs: Permission = Permission.CONNECT,
    lasts: timedelta = outbox.LASTS,
) -> None:
    """A mail to everybody of a business who may act on it, in the present transaction. Once for what it is `about`.

    `words` is asked once for each reader, while everything is said in the reader's language. After `lasts` the mail means nothing any
    more and is not sent.
    """
    roles = [role.value for role, granted in BY_ROLE.items() if needs in granted]
    await _post(seller_id, SellerUser.role.is_in(roles), about, words, lasts)


async def tell_person(seller_id: UUID, user_id: UUID, *, about: str, words: Callable[[], Words]) -> None:
    """A mail to one person of a business, in the present transaction. Once for what it is `about`; nobody, if they have left the team."""
    await _post(seller_id, SellerUser.id == user_id, about, words, outbox.LASTS)


async def _post(seller_id: UUID, whom: Combinable, about: str, words: Callable[[], Words], lasts: timedelta) -> None:
    async with db.transaction(seller_id):
        for reader in await SellerUser.select(SellerUser.email, SellerUser.language).where(whom).order_by(SellerUser.email):
            with language.speaking(reader["language"] or language.ENGLISH.code):
                said = words()
            await outbox.post(seller_id, to=reader["email"], subject=said.subject, body=said.body, link=said.link, about=about, lasts=lasts)


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
        await tell(due.seller_id, about=about, words=words)
    return True


async def _words(due: Due, account: MarketplaceAccount) -> Callable[[], Words]:
    if due.kind is NoticeKind.RECONNECT:
        return partial(wording.reconnect, account, since=due.occasion, hours=due.stage)
    if due.kind is NoticeKind.EXPIRY:
        return partial(wording.expiry, account, end=due.occasion, days=due.stage)
    return partial(wording.change, account, await _changes(due, account))


async def _changes(due: Due, account: MarketplaceAccount) -> list[CredentialEvent]:
    """All changes since the last mail about changes, for one mail."""
    before = (
        await Notice.select(Notice.occasion)
        .where((Notice.marketplace_account_id == account.id) & (Notice.kind == NoticeKind.CHANGE) & (Notice.occasion < due.occasion))
        .order_by(Notice.occasion, ascending=False)
        .first()
    )
    changed = (CredentialEvent.marketplace_account_id == account.id) & CredentialEvent.kind.is_in(list(wording.CHANGES))
    changed = changed & (CredentialEvent.occurred_at <= due.occasion)
    if before:
        changed = changed & (CredentialEvent.occurred_at > before["occasion"])
    return await CredentialEvent.objects().where(changed).order_by(CredentialEvent.occurred_at)
