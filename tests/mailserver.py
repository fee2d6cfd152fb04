"""A mail server of our own, on a port of this machine, that does as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass
class Server:
    """`kept` are the letters it took, as they came over the wire; `answers` what it says to the next recipients instead of taking them."""

    url: str = ""
    kept: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.kept.append(message_from_bytes(envelope.content, policy=policy.default))
        self.arrived.set()
        return "250 OK"


@asynccontextmanager
async def listening() -> AsyncIterator[Server]:
    """It listens inside the block."""
    server = Server()
    opened = await asyncio.get_running_loop().create_server(lambda: SMTP(server, hostname="mail.test"), "127.0.0.1", 0)
    server.url = f"smtp://127.0.0.1:{opened.sockets[0].getsockname()[1]}"
    yield server
    opened.close()
    await opened.wait_closed()
