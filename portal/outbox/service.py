"""Mails between what caused them and the mail server: written in the cause's transaction, sent by a worker, once as far as SMTP allows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import structlog

from portal import clock, db, mail
from portal.mail import Letter, NotDelivered
from portal.settings import Settings
from portal.tables.outbox import Mail, MailState

log = structlog.get_logger(__name__)

LASTS = timedelta(days=3)
"""News that could not be delivered for three days is no news any more."""

KEPT = timedelta(days=90)
"""How long a mail that is done with stays: enough to answer "did you write to me?"."""

CLAIM = timedelta(minutes=5)
"""For how long whoever sends a mail has it alone. Longer than a mail server may take."""

PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6))


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as the demo's page shows it; `link` works."""

    id: UUID
    to: str
    subject: str
    paragraphs: list[str]
    link: str
    created_at: datetime


async def post(
    seller_id: UUID,
    *,
    to: str,
    subject: str,
    body: Sequence[str],
    link: str = "",
    signed: bool = False,
    about: str = "",
    lasts: timedelta = LASTS,
) -> None:
    """Put a mail on its way, when and only if the present transaction commits; alone, in one of its own.

    `link` is a path of ours; `signed` where only the reader of the mail may follow it. A second mail `about` the same occasion to the
    same person is not written. After `lasts` it means nothing any more and is not sent.
    """
    mail_id, now = uuid4(), clock.now()
    async with db.transaction(seller_id) as held:
        await held.execute("DELETE FROM mails WHERE created_at < $1 AND state <> 'waiting'", now - KEPT)
        await held.execute(
            """INSERT INTO mails (id, seller_id, about, recipient, subject, body, link, signed, state, attempts, problem,
                                  created_at, due_at, lapses_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '', $10, $10, $11) ON CONFLICT (seller_id, about, recipient) DO NOTHING""",
            mail_id,
            seller_id,
            about or str(mail_id),
            to,
            subject[:200],
            "\n\n".join(body),
            link,
            signed,
            MailState.WAITING.value,
            now,
            now + lasts,
        )


async def deliver(settings: Settings, secret: str) -> int:
    """Send what is due. Answers how many went. Without a mail server they wait, and lapse.

    `secret` makes signed links work. Several workers may do this at once: each mail is claimed first.
    """
    sent = 0
    for found in await db.door("door_mails_due", clock.now()):
        claimed = await _claim(found["seller_id"], found["mail_id"], sending=settings.smtp_url is not None)
        if claimed is None or settings.smtp_url is None:
            continue
        try:
            await mail.send(settings.smtp_url, _letter(claimed, settings.public_url, secret), sent_from=mail.sender(settings))
        except NotDelivered as error:
            await _postpone(claimed, error)
            continue
        await _settle(claimed, MailState.SENT)
        sent += 1
    return sent


async def latest(settings: Settings, secret: str) -> list[Listed]:
    """The newest mails of everybody, for the page that a demo shows instead of sending them."""
    listed = []
    for found in await db.door("door_mails_latest"):
        async with db.transaction(found["seller_id"]):
            row = await Mail.objects().where(Mail.id == found["mail_id"]).first()
        if row is not None:
            letter = _letter(row, settings.public_url, secret)
            listed.append(
                Listed(
                    id=row.id,
                    to=row.recipient,
                    subject=row.subject,
                    paragraphs=row.body.split("\n\n"),
                    link=letter.link.removeprefix(settings.public_url),
                    created_at=row.created_at,
                )
            )
    return listed


async def _claim(seller_id: UUID, mail_id: UUID, *, sending: bool) -> Mail | None:
    """The mail, for `CLAIM` ours alone; None when somebody was quicker, or when it has lapsed."""
    now = clock.now()
    async with db.transaction(seller_id):
        row = (
            await Mail.objects()
            .where((Mail.id == mail_id) & (Mail.state == MailState.WAITING) & (Mail.due_at <= now))
            .lock_rows("UPDATE", skip_locked=True)
            .first()
        )
        if row is None:
            return None
        if row.lapses_at <= now:
            row.state = MailState.LAPSED
            await row.save([Mail.state])
            log.warning("mail_lapsed", mail=str(row.id), attempts=row.attempts, problem=row.problem)
            return None
        if sending:
            row.attempts += 1
            row.due_at = now + CLAIM
            await row.save([Mail.attempts, Mail.due_at])
    return row


async def _postpone(row: Mail, error: NotDelivered) -> None:
    log.warning("mail_not_delivered", mail=str(row.id), attempts=row.attempts, reason=error.reason)
    if error.final:
        await _settle(row, MailState.REFUSED, problem=error.reason)
        return
    pause = PAUSES[min(row.attempts, len(PAUSES)) - 1]
    async with db.transaction(row.seller_id):
        await Mail.update({Mail.due_at: clock.now() + pause, Mail.problem: error.reason}).where(Mail.id == row.id)


async def _settle(row: Mail, state: MailState, *, problem: str = "") -> None:
    sent_at = clock.now() if state is MailState.SENT else None
    async with db.transaction(row.seller_id):
        await Mail.update({Mail.state: state, Mail.sent_at: sent_at, Mail.problem: problem}).where(Mail.id == row.id)


def _letter(row: Mail, public_url: str, secret: str) -> Letter:
    path = mail.signed(secret, row.link) if row.signed else row.link
    return Letter(id=row.id, to=row.recipient, subject=row.subject, body=row.body, link=f"{public_url}{path}" if path else "")
