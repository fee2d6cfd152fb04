"""What goes to the process that reads PDFs, and what comes back."""

import msgspec


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A PDF, whose page texts are asked for; or, with `groups`, a PDF of each group's pages (counted from 0) under its name.

    `memory` is in bytes, of the whole process; `seconds` are of the processor. `answer` is the most bytes that may come back.
    """

    content: bytes
    groups: dict[str, list[int]] | None
    most_pages: int
    memory: int
    seconds: int
    answer: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A text is None for a page that cannot be read. `fault` is empty where it went well. `why` is for the log and never holds what a page says."""

    texts: list[str | None] = []
    bound: dict[str, bytes] = {}
    fault: str = ""
    why: str = ""
