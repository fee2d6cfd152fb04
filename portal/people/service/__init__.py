"""People: signing up and in, their sessions, and the proof that it is still them."""

from portal.people.service.entering import Doorman, SignedUp, TooManyTries, WrongPassword, add_seller, sign_in, sign_up
from portal.people.service.proving import Intended, keep_intended, reauthenticate, take_intended
from portal.people.service.sessions import (
    ABSOLUTE,
    IDLE,
    PROVEN_FOR,
    SEEN_EVERY,
    Known,
    Viewer,
    current,
    open_session,
    owner_of,
    prove,
    revoke,
    rotate,
    sessions,
    sign_out,
)

__all__ = [
    "ABSOLUTE",
    "IDLE",
    "PROVEN_FOR",
    "SEEN_EVERY",
    "Doorman",
    "Intended",
    "Known",
    "SignedUp",
    "TooManyTries",
    "Viewer",
    "WrongPassword",
    "add_seller",
    "current",
    "keep_intended",
    "open_session",
    "owner_of",
    "prove",
    "reauthenticate",
    "revoke",
    "rotate",
    "sessions",
    "sign_in",
    "sign_out",
    "sign_up",
    "take_intended",
]
