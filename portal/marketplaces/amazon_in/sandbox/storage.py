"""The storage beside the sandbox: documents at addresses that are their own pass and end after five minutes."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portal import clock

LIFE = timedelta(minutes=5)


@dataclass
class Laid:
    """One document: what it holds, or (`awaited`) the content type of what may be uploaded there."""

    ends: datetime
    content: bytes = b""
    awaited: str = ""


@dataclass
class Documents:
    laid: dict[str, Laid] = field(default_factory=dict)

    def lay_down(self, base: str, content: bytes) -> str:
        """The address of new content, below the sandbox's own base address."""
        return self._address(base, Laid(clock.now() + LIFE, content))[1]

    def await_upload(self, base: str, content_type: str) -> tuple[str, str]:
        """Id and address of a place to upload to."""
        return self._address(base, Laid(clock.now() + LIFE, awaited=content_type))

    def _address(self, base: str, laid: Laid) -> tuple[str, str]:
        name = secrets.token_hex(12)
        self.laid[name] = laid
        return name, f"{base.rstrip('/')}/_documents/{name}?X-Amz-Expires=300&X-Amz-Signature={secrets.token_hex(16)}"
