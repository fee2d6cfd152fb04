"""The press: makes one print file in a process of its own, so that neither its seconds nor its megabytes are anybody else's.

What to print goes in by a pipe and is on no command line; papers lie in a folder that only this user may read. On the way it says how
far it is, one line of JSON at a time.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from portal.documents.parcels import Pick, Slip
from portal.errors import PortalError
from portal.pdfs.confining import confine

PRESS_WITHIN_S = 900
"""A press that takes longer has stuck."""

MEMORY = 2 * 1024 * 1024 * 1024
"""Bytes. A thousand labels take a seventh of it; a paper that unpacks to more than there is ends its press, and not the machine."""

TOP = Path(__file__).resolve().parents[2]


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed for one parcel: our slip where there is one, then these files."""

    order_number: str
    slip: Slip | None = None
    papers: tuple[Path, ...] = ()


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """One print file: a pick list (None: without), the parcels in packing order, and papers of all of them at the end.

    `memory` is what the press may take, in bytes.
    """

    heading: str
    picks: tuple[Pick, ...] | None = None
    parcels: tuple[Parcel, ...] = ()
    closing: tuple[Path, ...] = ()
    memory: int = MEMORY

    @property
    def parts(self) -> int:
        """How many steps it takes to put it together."""
        own = (self.picks is not None) + sum(parcel.slip is not None for parcel in self.parcels)
        return own + sum(len(parcel.papers) for parcel in self.parcels) + len(self.closing)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """`parts` of the edition are in place, with so many pages. `unreadable` are the orders whose paper is replaced by a page that says so."""

    parts: int
    pages: int
    unreadable: tuple[str, ...] = ()


class PressFailed(PortalError):
    """The press ended without a file."""

    code = "press_failed"

    def __init__(self, reason: str) -> None:
        super().__init__("The print file could not be made. Print again; if it fails once more, tell support.", detail=reason)


async def pressed(edition: Edition, to: Path) -> AsyncGenerator[Progress, None]:
    """Make the file at `to`, a path in a folder for this edition alone. Raises PressFailed; the process ends with the iteration, whatever stops it."""
    press = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(to)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a library's complaint about a paper may quote it
        cwd=TOP,
        env={},  # it needs no key and no address, so it gets none
    )
    assert press.stdin is not None
    assert press.stdout is not None
    try:
        async with asyncio.timeout(PRESS_WITHIN_S):
            press.stdin.write(msgspec.json.encode(edition, enc_hook=str))
            await press.stdin.drain()
            press.stdin.close()
            async for line in press.stdout:
                yield msgspec.json.decode(line, type=Progress)
            if await press.wait():
                raise PressFailed(f"exit code {press.returncode}")
    except (TimeoutError, ConnectionError, msgspec.DecodeError) as error:
        raise PressFailed(type(error).__name__) from error
    finally:
        if press.returncode is None:
            press.kill()
            await press.wait()


def main() -> None:
    edition = msgspec.json.decode(sys.stdin.buffer.read(), type=Edition, dec_hook=_path)
    confine(edition.memory, PRESS_WITHIN_S)
    # What draws is loaded here alone: the process that asks for a print does without its megabytes.
    from portal.documents.binding import bound

    for progress in bound(edition, Path(sys.argv[1])):
        sys.stdout.write(msgspec.json.encode(progress).decode() + "\n")
        sys.stdout.flush()


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)  # pragma: no cover - msgspec asks only for types it does not know


if __name__ == "__main__":
    main()
