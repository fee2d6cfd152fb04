"""Papers as the panel prints them: one PDF of many orders, told apart by a number that each page shows."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from portal import pdfs
from portal.marketplaces.indian import good_gstin

NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_-]*")
GSTIN = re.compile(r"(?<![A-Za-z0-9])\d{2}[A-Z]{5}\d{4}[A-Z]\d[A-Z][A-Z0-9](?![A-Za-z0-9])")


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """The pages of one owner, and the numbers they show."""

    content: bytes
    numbers: frozenset[str]
    gstins: frozenset[str]


class Sorted(msgspec.Struct, frozen=True, kw_only=True):
    """Papers by owner. `problems` say which pages belong to nobody or to several, a sentence each."""

    papers: dict[str, Paper]
    problems: tuple[str, ...]


async def told_apart(content: bytes, owners: Mapping[str, str]) -> Sorted:
    """Each owner's pages in their order. `owners` maps every number that a page may show to whose it is.

    Raises UnreadablePdf for what is no PDF, locked, damaged or longer than any.
    """
    pages = [_readable(text) for text in await pdfs.texts(content)]
    held: dict[str, list[int]] = {}
    problems: list[str] = []
    for number, text in enumerate(pages, start=1):
        named = sorted({owners[shown[0]] for shown in NUMBER.finditer(text) if shown[0] in owners})
        if len(named) == 1:
            held.setdefault(named[0], []).append(number - 1)
        elif named:
            problems.append(f"Page {number} names more than one: {named[0]} and {named[1]}.")
        else:
            problems.append(f"Page {number} names nothing that this batch waits for.")
    if problems or not held:
        return Sorted(papers={}, problems=tuple(problems))
    bound = await pdfs.bound(content, held)
    return Sorted(papers={owner: _paper(bound[owner], [pages[place] for place in places]) for owner, places in held.items()}, problems=())


def _readable(text: str | None) -> str:
    if text is None:
        raise pdfs.UnreadablePdf(pdfs.Fault.DAMAGED)
    return text


def _paper(content: bytes, texts: Sequence[str]) -> Paper:
    text = "\n".join(texts)
    return Paper(
        content=content,
        numbers=frozenset(shown[0] for shown in NUMBER.finditer(text)),
        gstins=frozenset(found for found in GSTIN.findall(text) if good_gstin(found)),
    )
