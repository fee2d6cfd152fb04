"""Papers as the panel prints them: one PDF of many orders, told apart by a number that each page shows."""

import re
from collections.abc import Mapping
from io import BytesIO

from pypdf import PageObject, PdfReader

from portal.errors import BadInput
from portal.marketplaces.ajio.paperwork.papers import Paper, Sorted
from portal.marketplaces.bound_pages import UNREADABLE, bound
from portal.marketplaces.indian import good_gstin

MOST_PAGES = 2_000
NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_-]*")
GSTIN = re.compile(r"(?<![A-Za-z0-9])\d{2}[A-Z]{5}\d{4}[A-Z]\d[A-Z][A-Z0-9](?![A-Za-z0-9])")


def told_apart(content: bytes, owners: Mapping[str, str]) -> Sorted:
    """Each owner's pages in their order. `owners` maps every number that a page may show to whose it is.

    Raises BadInput for what is no PDF, locked, damaged or longer than any.
    """
    held: dict[str, list[tuple[PageObject, str]]] = {}
    problems: list[str] = []
    for number, (page, text) in enumerate(_read(content), start=1):
        named = sorted({owners[shown] for shown in NUMBER.findall(text) if shown in owners})
        if len(named) == 1:
            held.setdefault(named[0], []).append((page, text))
        elif named:
            problems.append(f"Page {number} names more than one: {named[0]} and {named[1]}.")
        else:
            problems.append(f"Page {number} names nothing that this batch waits for.")
    papers = {} if problems else {owner: _paper(pages) for owner, pages in held.items()}
    return Sorted(papers=papers, problems=tuple(problems))


def _read(content: bytes) -> list[tuple[PageObject, str]]:
    if not content.startswith(b"%PDF-"):
        raise BadInput("This is no PDF. Upload the file that the seller panel gave, as it is.")
    try:
        pages = list(PdfReader(BytesIO(content)).pages)
        if len(pages) > MOST_PAGES:
            raise BadInput(f"This PDF has more than {MOST_PAGES} pages. Upload it in parts.")
        return [(page, page.extract_text()) for page in pages]
    except UNREADABLE:
        raise BadInput("This PDF is damaged or has a password. Download it from the seller panel again.") from None


def _paper(pages: list[tuple[PageObject, str]]) -> Paper:
    text = "\n".join(shown for _, shown in pages)
    return Paper(
        content=bound(page for page, _ in pages),
        numbers=frozenset(NUMBER.findall(text)),
        gstins=frozenset(found for found in GSTIN.findall(text) if good_gstin(found)),
    )
