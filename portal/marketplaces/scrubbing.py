"""The last net before something a marketplace said is kept where people read it: no secret, no buyer.

Adapters take both out where they know the wire. This knows no wire, only what secrets and buyers look like, and rather hides too much.
"""

import re
from collections.abc import Iterable
from typing import Any

HIDDEN = "[hidden]"

_PRIVATE_NAMES = re.compile(
    r"phone|mobile|e-?mail|address|buyer|customer|recipient|consignee|contact"
    r"|password|secret|token|cookie|authori[sz]ation|api_?key|credential|signature",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w-])(?:\+?91[ -]?|0)?[6-9]\d{4}[ -]?\d{5}(?![\w-])")
_PASS = re.compile(r"[A-Za-z0-9_|.=+~-]{40,}")
"""Words this long are passes or keys; ids of orders, parcels and requests are shorter."""


def scrub(text: str, hush: Iterable[str] = ()) -> str:
    """The text without `hush`, e-mail addresses, Indian telephone numbers and words as long as a pass."""
    for secret in hush:
        text = text.replace(secret, HIDDEN)
    for pattern in (_EMAIL, _PHONE, _PASS):
        text = pattern.sub(HIDDEN, text)
    return text


def scrubbed(raw: Any, hush: Iterable[str] = ()) -> Any:
    """A row of a marketplace, without members whose names are private and with every text scrubbed."""
    if isinstance(raw, dict):
        return {name: scrubbed(value, hush) for name, value in raw.items() if not _PRIVATE_NAMES.search(str(name))}
    if isinstance(raw, list | tuple):
        return [scrubbed(value, hush) for value in raw]
    if isinstance(raw, str):
        return scrub(raw, hush)
    if isinstance(raw, int) and not isinstance(raw, bool) and _PHONE.fullmatch(str(raw)):
        return HIDDEN
    return raw
