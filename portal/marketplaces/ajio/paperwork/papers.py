"""Papers that were brought from the panel, told apart by whose they are."""

import asyncio
from collections.abc import Mapping

import msgspec


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
    """Each owner's pages of a PDF, found in a thread; see `pages`. Raises BadInput for what is no PDF that can be read."""
    from portal.marketplaces.ajio.paperwork import pages

    return await asyncio.to_thread(pages.told_apart, content, owners)
