"""The connect wizard: what a seller has chosen and typed, sealed for its final place from the first moment.

The web writes here and enqueues; testing and confirming happen in the marketplace's worker (`job`), which alone can open a secret.
"""

from portal.connecting.service.beginning import begin, methods
from portal.connecting.service.changing import locked
from portal.connecting.service.ending import SECRETS_FOR, confirm, discard, test_again, wipe_stale
from portal.connecting.service.entering import NAME_LIMIT, choose, enter, prepared, replace_secret
from portal.connecting.service.reading import (
    CHOOSE,
    CONFIRM,
    ENTER,
    OPEN_FOR,
    PREPARE,
    TEST,
    KeptSecret,
    checks_of,
    expired,
    get,
    permissions_of,
    secrets_of,
    topic,
    unfinished,
    values_of,
)
from portal.connecting.service.reconnecting import account, begin_reconnect

__all__ = [
    "CHOOSE",
    "CONFIRM",
    "ENTER",
    "NAME_LIMIT",
    "OPEN_FOR",
    "PREPARE",
    "SECRETS_FOR",
    "TEST",
    "KeptSecret",
    "account",
    "begin",
    "begin_reconnect",
    "checks_of",
    "choose",
    "confirm",
    "discard",
    "enter",
    "expired",
    "get",
    "locked",
    "methods",
    "permissions_of",
    "prepared",
    "replace_secret",
    "secrets_of",
    "test_again",
    "topic",
    "unfinished",
    "values_of",
    "wipe_stale",
]
