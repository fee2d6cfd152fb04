"""Limits of a process that was made for one file. They bind all of it and are never taken back."""

import os
import sys

NICER = 5
"""How far it stands back for the processes that somebody waits for."""


def confine(memory: int, seconds: int) -> None:
    """From here on this process ends where it takes more: bytes of address space, seconds of processor.

    Systems without such limits are left with the clock of whoever asks.
    """
    if sys.platform == "win32":
        return
    import resource

    os.nice(NICER)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
