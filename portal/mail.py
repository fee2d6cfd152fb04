"""Letters: plain text with one link, handed to a mail server. And the signature that makes a link work for its reader alone."""

import base64
import hmac
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib

from portal import clock
from portal.errors import PortalError
from portal.settings import Settings, is_loopback

NAME = "Seller portal"
LINKS = "links in mails"
"""What the vault derives the secret of signed links for."""

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`body` is paragraphs with an empty line between them; `link` a whole address that stands below them, or empty."""

    id: UUID
    to: str
    subject: str
    body: str
    link: str = field(default="", repr=False)


class NotDelivered(PortalError):
    """The mail server did not take a letter. `final` when it never will; `reason` is a word or a reply code, never its text."""

    code = "mail_not_delivered"
    status = 503

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__("The mail could not be sent.", detail=reason)
        self.reason = reason
        self.final = final


def signed(secret: str, path: str) -> str:
    """The path with what makes it work: nothing of it is kept, it follows from `secret`. Raises ValueError without a secret."""
    if not secret:
        raise ValueError("Links need a secret that others do not have.")
    return f"{path}?t={_signature(secret, path)}"


def fits(secret: str, path: str, given: str) -> bool:
    """Whether `given` is the signature of a path. Never, where there is no secret."""
    return bool(secret) and hmac.compare_digest(_signature(secret, path).encode(), given.encode())


def _signature(secret: str, path: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(secret.encode(), path.encode(), "sha256")).decode().rstrip("=")


def sender(settings: Settings) -> str:
    """Who the letters are from: the operator's choice, or nobody at the portal's own host."""
    return settings.mail_from or f"no-reply@{urlsplit(settings.public_url).hostname or 'localhost'}"


async def send(url: str, letter: Letter, *, sent_from: str) -> None:
    """Hand one letter to the server at `url` (`smtp://user:password@host:port`, `smtps://` for TLS from the first byte).

    A password travels under TLS only, except to this very machine. Raises NotDelivered.
    """
    parts = urlsplit(url)
    host, user, password = parts.hostname or "localhost", unquote(parts.username or ""), unquote(parts.password or "")
    tls = parts.scheme == "smtps"
    try:
        await aiosmtplib.send(
            message(letter, sent_from=sent_from),
            hostname=host,
            port=parts.port,
            username=user or None,
            password=password or None,
            use_tls=tls,
            start_tls=True if user and not tls and not is_loopback(host) else None,
            timeout=PATIENCE_S,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [refused.code for refused in error.recipients]
        raise NotDelivered(f"smtp_{min(codes)}", final=all(code >= 500 for code in codes)) from None
    except aiosmtplib.SMTPResponseException as error:
        # A server that does not know us, or is not ready, is the operator's matter, and mended without writing the letter again.
        known = not isinstance(error, aiosmtplib.SMTPAuthenticationError | aiosmtplib.SMTPConnectError | aiosmtplib.SMTPHeloError)
        raise NotDelivered(f"smtp_{error.code}", final=known and error.code >= 500) from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise NotDelivered(type(error).__name__) from None


def message(letter: Letter, *, sent_from: str) -> EmailMessage:
    """The letter as it travels. Its id makes the Message-ID, so a server that gets it twice can tell."""
    made = EmailMessage()
    made["From"] = formataddr((NAME, sent_from))
    made["To"] = letter.to
    made["Subject"] = " ".join(letter.subject.split())
    made["Date"] = format_datetime(clock.now())
    made["Message-ID"] = f"<{letter.id}@{sent_from.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text(letter))
    return made


def text(letter: Letter) -> str:
    """What the reader reads."""
    return "\n\n".join(part for part in (letter.body.strip(), letter.link, f"-- \n{NAME}") if part) + "\n"
