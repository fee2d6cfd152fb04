"""Who sits at the other end of what is being done: the person, the browser, roughly where it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

SYSTEM = "System"


class Asking(NamedTuple):
    """As the trail names them. Empty `device` and `masked_address` where no browser is at the other end."""

    actor: str = SYSTEM
    device: str = ""
    masked_address: str = ""


NOBODY = Asking()
_asking: ContextVar[Asking] = ContextVar("audit_asking", default=NOBODY)


def asks(*, actor: str = "", device: str = "", masked_address: str = "") -> None:
    """From here on, for this request: entries are this person's unless they name somebody else."""
    _asking.set(Asking(actor or SYSTEM, device, masked_address))


@contextmanager
def one_request() -> Iterator[None]:
    """Who asks within asks for no longer than this: a server may answer the next one in the same context."""
    token = _asking.set(NOBODY)
    try:
        yield
    finally:
        _asking.reset(token)


def who_asks() -> Asking:
    """Whoever the present request is from; the system itself in a worker and on the command line."""
    return _asking.get()
