"""The connect wizard: what a seller has chosen and typed, sealed for its final place from the first moment.

The web writes here and enqueues; testing and confirming happen in the marketplace's worker (`job`), which alone can open a secret.
"""

from portal.connecting.service.beginning import begin, methods
from portal.connecting.service.changing import locked
from portal.connecting.service.ending import SECRETS_FOR, confirm, discard, test_again, wipe_stale
from portal.connecting.service.entering import NAME_LIMIT, choose, enter, fill, prepared, replace_secret
from portal.connecting.service.reading import (
    CHOOSE,
    CONFIRM,
    ENTER,
    FIRST_READS,
    OPEN_FOR,
    PREPARE,
    TEST,
    KeptSecret,
    Swap,
    checks_of,
    expired,
    first_proof_of,
    get,
    notes_of,
    permissions_of,
    reminded,
    saved_secrets,
    secrets_of,
    swaps_of,
    topic,
    unfinished,
    values_of,
)
from portal.connecting.service.reconnecting import account, begin_reconnect, comes_back, connect_as_new, reconnect_the_other
from portal.connecting.service.swapping import swap
from portal.connecting.service.waiting import Reminder, due_reminders, mark_mailed, remind_in, reminders_of, request_text, wait

__all__ = [
    "CHOOSE",
    "CONFIRM",
    "ENTER",
    "FIRST_READS",
    "NAME_LIMIT",
    "OPEN_FOR",
    "PREPARE",
    "SECRETS_FOR",
    "TEST",
    "KeptSecret",
    "Reminder",
    "Swap",
    "account",
    "begin",
    "begin_reconnect",
    "checks_of",
    "choose",
    "comes_back",
    "confirm",
    "connect_as_new",
    "discard",
    "due_reminders",
    "enter",
    "expired",
    "fill",
    "first_proof_of",
    "get",
    "locked",
    "mark_mailed",
    "methods",
    "notes_of",
    "permissions_of",
    "prepared",
    "reconnect_the_other",
    "remind_in",
    "reminded",
    "reminders_of",
    "replace_secret",
    "request_text",
    "saved_secrets",
    "secrets_of",
    "swap",
    "swaps_of",
    "test_again",
    "topic",
    "unfinished",
    "values_of",
    "wait",
    "wipe_stale",
]
