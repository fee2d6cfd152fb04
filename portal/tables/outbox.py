"""Mails on their way: written with what caused them, sent by a worker."""

from enum import StrEnum

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class MailState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    """The mail server will never take it: no such address."""
    LAPSED = "lapsed"
    """It could not be sent while it still meant something."""


class Mail(Table, tablename="mails"):
    """One mail to one person. `link` is a path; where it is `signed`, what makes it work is added on sending and kept nowhere.

    `about` names the occasion: the same occasion writes to the same person once. `due_at` is also the claim of whoever is sending it.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    about = Varchar(length=120, default=None)
    recipient = Varchar(length=254, default=None)
    subject = Varchar(length=200, default=None)
    body = Text(default=None)
    link = Text(default="")
    signed = Boolean(default=False)
    state = Varchar(length=20, default=MailState.WAITING)
    attempts = Integer(default=0)
    problem = Varchar(length=60, default="")
    created_at = Timestamptz(default=TimestamptzNow())
    due_at = Timestamptz(default=TimestamptzNow())
    lapses_at = Timestamptz(default=None)
    sent_at = Timestamptz(null=True, default=None)

    mails_about = Unique(["seller_id", "about", "recipient"])
