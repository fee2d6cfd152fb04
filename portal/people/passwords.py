"""Passwords: what we ask of a new one, and Argon2id away from the event loop."""

import unicodedata

import anyio
import argon2

LEAST = 10
MOST = 1024
"""Nobody types more; hashing a megabyte would be work for nothing."""

_hasher = argon2.PasswordHasher()
# Each hash takes 64 MiB and four threads' worth of work for a moment: a crowd at the door waits in line instead of exhausting the machine.
_in_line = anyio.CapacityLimiter(4)


def mistake(password: str, email: str) -> str:
    """The sentence for a new password we cannot take; empty when it is fine. Length is what counts, not its ingredients."""
    if not password:
        return "Enter a password."
    if len(_folded(password)) < LEAST:
        return f"Use {LEAST} characters or more. A sentence works well."
    if len(password) > MOST:
        return f"Use {MOST} characters or fewer."
    if _folded(password).casefold() == email.casefold():
        return "Your e-mail address is easy to guess. Choose a different password."
    return ""


async def hashed(password: str) -> str:
    """The Argon2id hash to keep, parameters and salt included."""
    return await anyio.to_thread.run_sync(_hasher.hash, _folded(password), limiter=_in_line)


async def fits(password: str, kept: str | None) -> bool:
    """Whether a password is the one behind `kept`. None (nobody has that address) takes as long, and is never right."""
    right = await anyio.to_thread.run_sync(_verify, kept or _nobodys(), _folded(password[:MOST]), limiter=_in_line)
    return right and kept is not None


def outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's, and should be made anew while we know the password."""
    return _hasher.check_needs_rehash(kept)


def _nobodys() -> str:
    # A hash that no password has, with today's parameters: an unknown address takes as long as a wrong password. Written down rather
    # than worked out, which would take every process 64 MiB.
    return f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}${'A' * 22}${'A' * 43}"


def _verify(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _folded(password: str) -> str:
    """The same characters however a keyboard composed them (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
