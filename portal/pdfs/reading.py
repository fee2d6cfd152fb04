"""Asks for the texts of a PDF's pages, and for some of its pages bound anew."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from portal.errors import BadInput
from portal.pdfs.asking import Answer, Asked

MOST_BYTES = 64 * 1024 * 1024
MOST_PAGES = 2_000
MEMORY = 1024 * 1024 * 1024
"""2,000 labels take a tenth of it."""
SECONDS = 120
"""Of the processor. 2,000 labels take eight."""
WITHIN_S = 600
"""By the clock, where the machine is busy with other things."""
MOST_TEXT = 16 * 1024 * 1024
"""Bytes of all pages together, eight thousand for each of the most there may be: whoever asked looks through them beside other work."""
MOST_BOUND = 256 * 1024 * 1024
"""Bytes of all PDFs that are bound anew."""

TOP = Path(__file__).resolve().parents[2]


class Fault(StrEnum):
    """Why a PDF is not read."""

    OTHER = "other"
    DAMAGED = "damaged"
    TOO_LONG = "too_long"
    TOO_MUCH = "too_much"


class UnreadablePdf(BadInput):
    """A file that is no PDF, or none that can be read safely. `fault` says why, the sentence what to do."""

    def __init__(self, fault: Fault, *, detail: str = "") -> None:
        super().__init__(SENTENCES[fault], detail=detail)
        self.fault = fault


SENTENCES = {
    Fault.OTHER: "This is no PDF. Upload the file that the seller panel gave, as it is.",
    Fault.DAMAGED: "This PDF is damaged or has a password. Download it from the seller panel again.",
    Fault.TOO_LONG: f"This PDF has more than {MOST_PAGES} pages. Upload it in parts.",
    Fault.TOO_MUCH: "This PDF holds more than can be read at once. Download it from the seller panel again, or upload it in parts.",
}


async def texts(content: bytes) -> list[str | None]:
    """What each page says, in their order: empty for a page without letters, None for one that cannot be read. Raises UnreadablePdf."""
    return (await _asked(content, None)).texts


async def bound(content: bytes, groups: Mapping[str, Sequence[int]]) -> dict[str, bytes]:
    """A PDF of each group's pages, counted from 0, in the order given. Raises UnreadablePdf."""
    return (await _asked(content, {name: list(pages) for name, pages in groups.items()})).bound


async def _asked(content: bytes, groups: dict[str, list[int]] | None) -> Answer:
    if not content.startswith(b"%PDF-"):
        raise UnreadablePdf(Fault.OTHER)
    if len(content) > MOST_BYTES:
        raise UnreadablePdf(Fault.TOO_MUCH, detail="bytes")
    answer_bytes = MOST_TEXT if groups is None else MOST_BOUND
    asked = Asked(content=content, groups=groups, most_pages=MOST_PAGES, memory=MEMORY, seconds=SECONDS, answer=answer_bytes)
    try:
        answer = msgspec.msgpack.decode(await _answered(msgspec.msgpack.encode(asked)), type=Answer)
    except (TimeoutError, msgspec.DecodeError) as error:
        # Whatever ended it, an overstepped limit or the reader's own fault, it ended alone.
        raise UnreadablePdf(Fault.TOO_MUCH, detail=type(error).__name__) from None
    if answer.fault:
        raise UnreadablePdf(Fault(answer.fault), detail=answer.why)
    return answer


async def _answered(asked: bytes) -> bytes:
    """What the process says before it ends; nothing where it was ended. It never outlives this call."""
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "portal.pdfs.reader"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a library's complaint about a page may quote it
        cwd=TOP,
        env={},  # it needs no key and no address, so it gets none
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            said, _ = await reader.communicate(asked)
            return said
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
