"""Who hears what about an account, when, and how often."""

import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from portal import clock, db
from portal.accounts import service as accounts
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import KeysRejected
from portal.notices import service
from portal.notices.wording import Words
from portal.postgres import Addresses
from portal.retelling import DEVANAGARI
from portal.tables.accounts import CredentialEvent, EventKind, MarketplaceAccount
from portal.tables.outbox import Mail
from portal.tables.people import Role, SellerUser
from tests.factories import make_account, make_seller, make_user

pytestmark = pytest.mark.anyio

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def account(connected: Addresses) -> AccountRef:
    seller = await make_seller()
    await make_user(seller)
    return await make_account(seller)


async def mails(seller: UUID) -> list[Mail]:
    async with db.transaction(seller):
        return await Mail.objects().order_by(Mail.created_at)


async def told_at(moment: datetime) -> int:
    with clock.stopped_at(moment):
        return await service.tell_due()


async def refuse(account: AccountRef) -> datetime:
    await accounts.refused(account, KeysRejected("AMAZON_IN", "The key was refused."), version=1)
    return clock.now()


async def test_a_refusal_is_told_at_once_after_a_day_after_three_and_then_no_more(account: AccountRef) -> None:
    start = await refuse(account)
    told = [hours for hours in (0, 1, 23, 25, 26, 71, 73, 100, 24 * 30) if await told_at(start + hours * HOUR)]
    assert told == [0, 25, 73]
    first, second, last = await mails(account.seller_id)
    assert first.subject == "Surat store needs to be reconnected"
    assert first.link == f"/accounts/{account.id}/reconnect"
    assert "waited for a day" in second.body
    assert "our last mail" in last.body


async def test_a_refusal_that_repeats_is_one_mail(account: AccountRef) -> None:
    for _ in range(5):
        await refuse(account)
        await service.tell_due()
    assert len(await mails(account.seller_id)) == 1


async def test_after_a_recovery_the_next_refusal_is_news(account: AccountRef) -> None:
    start = await refuse(account)
    await told_at(start)
    async with db.transaction(account.seller_id):
        await MarketplaceAccount.update({MarketplaceAccount.needs_reconnect: False, MarketplaceAccount.refused_at: None}).where(
            MarketplaceAccount.id == account.id
        )
    assert await told_at(start + 25 * HOUR) == 0
    with clock.stopped_at(start + 26 * HOUR):
        await refuse(account)
    assert await told_at(start + 26 * HOUR) == 1


async def test_a_worker_that_slept_tells_only_the_latest(account: AccountRef) -> None:
    start = await refuse(account)
    assert await told_at(start + 80 * HOUR) == 1
    assert await told_at(start + 81 * HOUR) == 0


async def test_only_those_who_may_reconnect_are_told_and_no_other_business(account: AccountRef) -> None:
    await make_user(account.seller_id, "admin@example.in", role=Role.ADMIN)
    for role in (Role.OPERATOR, Role.FINANCE, Role.VIEWER):
        await make_user(account.seller_id, f"{role.lower()}@example.in", role=role)
    chitra = await make_seller("Chitra Crafts")
    await make_user(chitra, "chitra@example.in")
    await told_at(await refuse(account))
    assert [row.recipient for row in await mails(account.seller_id)] == ["admin@example.in", "asha@example.in"]
    assert await mails(chitra) == []


async def set_end(account: AccountRef, end: datetime, *, given: datetime) -> None:
    async with db.transaction(account.seller_id):
        await MarketplaceAccount.update({MarketplaceAccount.credential_expires_at: end, MarketplaceAccount.created_at: given}).where(
            MarketplaceAccount.id == account.id
        )


async def test_an_end_in_sight_is_told_two_weeks_one_week_and_one_day_before(account: AccountRef) -> None:
    now = clock.now()
    await set_end(account, now + 60 * DAY, given=now)
    told = [days for days in (40, 15, 13, 12, 6, 5, 2, 0.9, 0.5, -1) if await told_at(now + 60 * DAY - days * DAY)]
    assert told == [13, 6, 0.9]
    assert [row.subject.rpartition(" end ")[2] for row in await mails(account.seller_id)] == ["in 14 days", "in 7 days", "tomorrow"]


async def test_keys_that_never_lasted_two_weeks_are_not_warned_about_the_moment_they_are_saved(account: AccountRef) -> None:
    now = clock.now()
    await set_end(account, now + 3 * DAY, given=now)
    assert [days for days in (3, 2, 0.9) if await told_at(now + 3 * DAY - days * DAY)] == [0.9]


async def change(account: AccountRef, kind: EventKind, actor: str = "Bala") -> None:
    async with db.transaction(account.seller_id):
        await CredentialEvent.insert(
            CredentialEvent(seller_id=account.seller_id, marketplace_account_id=account.id, kind=kind, actor=actor, message="x")
        )


async def test_every_change_of_a_credential_is_told_with_a_way_out(account: AccountRef) -> None:
    await change(account, EventKind.REPLACED)
    assert await service.tell_due() == 1
    assert await service.tell_due() == 0
    await change(account, EventKind.RECONNECTED)
    await change(account, EventKind.DISCONNECTED)
    assert await service.tell_due() == 1
    first, second = await mails(account.seller_id)
    assert "The keys were replaced by Bala" in first.body
    assert "The keys were replaced" not in second.body
    assert "connected again" in second.body
    assert "disconnected" in second.body
    assert (first.link, second.link) == ("/secure-account", "/secure-account")


@pytest.mark.parametrize("kind", [EventKind.OPENED, EventKind.VALIDATED, EventKind.REFRESHED, EventKind.PAUSED, EventKind.REJECTED])
async def test_what_changes_no_credential_is_not_told(account: AccountRef, kind: EventKind) -> None:
    await change(account, kind)
    assert await service.tell_due() == 0


async def test_one_person_is_told_once_and_nobody_who_has_left(account: AccountRef) -> None:
    bala = await make_user(account.seller_id, "bala@example.in", role=Role.VIEWER)
    for reader in (bala, bala, account.id):
        await service.tell_person(
            account.seller_id, reader, about="setup 1", words=lambda: Words(subject="x", body=["x"], link="/connect/1")
        )
    assert [row.recipient for row in await mails(account.seller_id)] == ["bala@example.in"]


NOT_INDIAN = "These keys belong to a shop that does not sell on Amazon.in. Use the keys of your Indian seller account."
LATIN = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2,}")
"""Three words in a row: no name, no "7:05 pm IST", but a piece of a sentence."""


async def reads_hindi(account: AccountRef, email: str) -> None:
    async with db.transaction(account.seller_id):
        await SellerUser.update({SellerUser.language: "hi"}).where(SellerUser.email == email)


async def test_each_reader_is_written_in_her_own_language(account: AccountRef) -> None:
    """Every kind of mail about an account, with the marketplace's refusal in it, beside one in English."""
    await make_user(account.seller_id, "chitra@example.in")
    await reads_hindi(account, "chitra@example.in")
    await accounts.refused(account, KeysRejected("Amazon", NOT_INDIAN), version=1)
    now = clock.now()
    for hours in (0, 25, 73):
        await told_at(now + hours * HOUR)
    async with db.transaction(account.seller_id):
        await MarketplaceAccount.update({MarketplaceAccount.needs_reconnect: False}).where(MarketplaceAccount.id == account.id)
    await set_end(account, now + 60 * DAY, given=now)
    for days in (13, 6, 0.9):
        await told_at(now + 60 * DAY - days * DAY)
    for kind in (EventKind.SAVED, EventKind.REPLACED, EventKind.RECONNECTED, EventKind.DISCONNECTED):
        await change(account, kind)
        await service.tell_due()
    written = await mails(account.seller_id)
    by_reader = {email: [row for row in written if row.recipient == email] for email in ("asha@example.in", "chitra@example.in")}
    assert [len(rows) for rows in by_reader.values()] == [10, 10]
    for row in by_reader["chitra@example.in"]:
        plain = f"{row.subject}\n{row.body}".replace("Surat store", "")
        assert DEVANAGARI.search(row.subject)
        assert all(DEVANAGARI.search(paragraph) for paragraph in row.body.split("\n\n"))
        assert LATIN.findall(plain) == []
    assert not any(DEVANAGARI.search(f"{row.subject} {row.body}") for row in by_reader["asha@example.in"])
