"""Mails reach a real mail server: once, with one link, again after a pause, never after they have lapsed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from portal import clock, db, mail
from portal.outbox import service
from portal.postgres import Addresses
from portal.settings import Settings
from portal.tables.outbox import Mail, MailState
from tests.factories import make_seller
from tests.mailserver import Server, listening

pytestmark = pytest.mark.anyio

SECRET = "what signs links"
PUBLIC = "https://portal.example.in"


@pytest.fixture
async def smtp() -> AsyncIterator[Server]:
    async with listening() as server:
        yield server


@pytest.fixture
async def seller(connected: Addresses) -> UUID:
    return await make_seller()


def told(server: Server) -> Settings:
    return Settings(smtp_url=server.url, public_url=PUBLIC)


async def post(seller: UUID, *, to: str = "asha@example.in", link: str = "/accounts/1", signed: bool = False, about: str = "") -> None:
    await service.post(seller, to=to, subject="Surat store needs you", body=["First.", "Here:"], link=link, signed=signed, about=about)


async def only(seller: UUID) -> Mail:
    async with db.transaction(seller):
        rows = await Mail.objects()
    assert len(rows) == 1
    return rows[0]


async def test_a_mail_arrives_once_as_plain_text_with_one_link(seller: UUID, smtp: Server) -> None:
    await post(seller)
    assert await service.deliver(told(smtp), SECRET) == 1
    assert await service.deliver(told(smtp), SECRET) == 0
    (letter,) = smtp.kept
    assert letter.get_content_type() == "text/plain"
    assert (letter["to"], letter["from"]) == ("asha@example.in", "Seller portal <no-reply@portal.example.in>")
    assert letter.get_content().replace("\r\n", "\n") == f"First.\n\nHere:\n\n{PUBLIC}/accounts/1\n\n-- \nSeller portal\n"
    assert (await only(seller)).state == MailState.SENT


async def test_a_mail_goes_only_with_what_caused_it(seller: UUID, smtp: Server) -> None:
    class Undone(Exception):
        pass

    async def fails() -> None:
        async with db.transaction(seller):
            await post(seller)
            raise Undone

    with pytest.raises(Undone):
        await fails()
    assert await service.deliver(told(smtp), SECRET) == 0


async def test_one_occasion_writes_to_one_person_once(seller: UUID) -> None:
    await post(seller, about="reconnect 1")
    await post(seller, about="reconnect 1")
    assert (await only(seller)).about == "reconnect 1"


async def test_what_makes_a_link_work_is_in_the_mail_and_nowhere_else(seller: UUID, smtp: Server) -> None:
    await post(seller, link="/reset-password/7", signed=True)
    await service.deliver(told(smtp), SECRET)
    given = smtp.kept[0].get_content().split("?t=")[1].split()[0]
    assert mail.fits(SECRET, "/reset-password/7", given)
    assert not mail.fits(SECRET, "/reset-password/8", given)
    assert not mail.fits("another secret", "/reset-password/7", given)
    assert not mail.fits("", "/reset-password/7", given)
    async with db.transaction(seller) as held:
        assert given not in str(await held.fetch("SELECT * FROM mails"))


async def test_a_server_that_is_busy_is_asked_again_later(seller: UUID, smtp: Server) -> None:
    await post(seller)
    smtp.answers = ["451 busy"]
    assert await service.deliver(told(smtp), SECRET) == 0
    assert await service.deliver(told(smtp), SECRET) == 0, "not before the pause is over"
    row = await only(seller)
    assert (row.state, row.problem) == (MailState.WAITING, "smtp_451")
    with clock.stopped_at(clock.now() + timedelta(minutes=2)):
        assert await service.deliver(told(smtp), SECRET) == 1
    assert len(smtp.kept) == 1


async def test_an_address_that_does_not_exist_is_given_up(seller: UUID, smtp: Server) -> None:
    await post(seller)
    smtp.answers = ["550 no such person"]
    await service.deliver(told(smtp), SECRET)
    assert (await only(seller)).state == MailState.REFUSED
    with clock.stopped_at(clock.now() + timedelta(days=1)):
        assert await service.deliver(told(smtp), SECRET) == 0
    assert smtp.kept == []


async def test_one_bad_address_does_not_keep_the_others_waiting(seller: UUID, smtp: Server) -> None:
    await post(seller, to="nobody@example.in")
    await post(seller, to="asha@example.in")
    smtp.answers = ["550 no such person"]
    assert await service.deliver(told(smtp), SECRET) == 1


async def test_without_a_server_mails_wait_and_lapse(seller: UUID, smtp: Server) -> None:
    """A mail server set up next week does not send last week's news."""
    await post(seller)
    assert await service.deliver(Settings(public_url=PUBLIC), SECRET) == 0
    assert (await only(seller)).attempts == 0
    with clock.stopped_at(clock.now() + timedelta(days=4)):
        assert await service.deliver(told(smtp), SECRET) == 0
    assert (await only(seller)).state == MailState.LAPSED
    assert smtp.kept == []


async def test_a_server_that_is_away_costs_nothing_but_time(seller: UUID, smtp: Server) -> None:
    await post(seller)
    assert await service.deliver(Settings(smtp_url="smtp://127.0.0.1:1", public_url=PUBLIC), SECRET) == 0
    assert (await only(seller)).state == MailState.WAITING
    with clock.stopped_at(clock.now() + timedelta(minutes=2)):
        assert await service.deliver(told(smtp), SECRET) == 1


async def test_two_workers_do_not_send_the_same_mail(seller: UUID, smtp: Server) -> None:
    for number in range(5):
        await post(seller, about=str(number))
    assert sum(await asyncio.gather(*(service.deliver(told(smtp), SECRET) for _ in range(2)))) == 5
    assert len({letter["message-id"] for letter in smtp.kept}) == len(smtp.kept) == 5


async def test_a_mail_whose_sender_died_is_sent_by_another_after_its_claim(seller: UUID, smtp: Server) -> None:
    await post(seller)
    row = await only(seller)
    assert await service._claim(seller, row.id, sending=True) is not None
    assert await service.deliver(told(smtp), SECRET) == 0
    with clock.stopped_at(clock.now() + service.CLAIM):
        assert await service.deliver(told(smtp), SECRET) == 1


async def test_a_password_does_not_travel_in_the_open(smtp: Server) -> None:
    """A server that is not on this machine and offers no TLS gets neither password nor letter; the error holds neither."""
    letter = mail.Letter(id=UUID(int=1), to="asha@example.in", subject="x", body="x")
    port = smtp.url.rpartition(":")[2]
    with pytest.raises(mail.NotDelivered) as caught:
        # This machine again, under a name that does not look like it.
        await mail.send(f"smtp://user:s3cret@[::ffff:127.0.0.1]:{port}", letter, sent_from="no-reply@portal.example.in")
    assert "s3cret" not in repr(caught.value) + str(caught.value.__context__)
    assert (caught.value.reason, caught.value.final, smtp.kept) == ("SMTPException", False, [])


async def test_mails_that_are_done_with_go_after_three_months(seller: UUID, smtp: Server) -> None:
    await post(seller, about="old")
    await service.deliver(told(smtp), SECRET)
    with clock.stopped_at(clock.now() + timedelta(days=91)):
        await post(seller, about="new")
    assert (await only(seller)).about == "new"


async def test_a_subject_is_one_line(seller: UUID, smtp: Server) -> None:
    await service.post(seller, to="asha@example.in", subject="Shop\r\nBcc: everybody@example.in", body=["x"], link="/")
    await service.deliver(told(smtp), SECRET)
    assert smtp.kept[0]["subject"] == "Shop Bcc: everybody@example.in"
    assert smtp.kept[0]["bcc"] is None
