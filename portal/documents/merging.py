"""Papers of many makers in one file for the printer, in the order in which parcels are packed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError

from portal.documents.paper import Paper


class Sheaf(msgspec.Struct, frozen=True, kw_only=True):
    """Some pages of one file: all of it, or `pages` pages from `first` (counted from 0). `about` names what it is for, in words."""

    file: Path
    about: str
    first: int = 0
    pages: int | None = None


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """Pages of the whole, and the sheaves that could not be read: a page that says so stands in the place of each."""

    pages: int
    unreadable: tuple[str, ...]


def merged(sheaves: Sequence[Sheaf], to: Path) -> Iterator[Merged]:
    """Write one PDF of all these pages in their order; after each sheaf, how far it has come. The file is whole when this ends.

    A damaged paper takes nobody else's along: what could be lost in silence is said on a page in its place. Raises ValueError for no
    sheaves at all.
    """
    if not sheaves:
        raise ValueError("nothing to print")
    writer, readers, unreadable = PdfWriter(), dict[Path, PdfReader](), []
    for sheaf in sheaves:
        if not _append(writer, readers, sheaf):
            unreadable.append(sheaf.about)
            writer.append(_stand_in(sheaf, to.with_suffix(".instead")), import_outline=False)
        yield Merged(pages=len(writer.pages), unreadable=tuple(unreadable))
    writer.write(to)
    writer.close()


def _append(writer: PdfWriter, readers: dict[Path, PdfReader], sheaf: Sheaf) -> bool:
    """Whether the pages could be read. Nothing of a sheaf that cannot be is in the whole."""
    before = len(writer.pages)
    try:
        # Pages of one file share what they share there, its fonts above all, as long as they come from one reader.
        reader = readers.get(sheaf.file) or PdfReader(sheaf.file)
        end = len(reader.pages) if sheaf.pages is None else sheaf.first + sheaf.pages
        if end == sheaf.first:
            return False
        writer.append(reader, pages=(sheaf.first, end), import_outline=False)
        if sheaf.pages is None:
            writer.reset_translation(reader)  # it is done with, and need not be held until the end
        else:
            readers[sheaf.file] = reader
    except (PyPdfError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # A damaged file fails wherever the reader first stumbles over it.
        while len(writer.pages) > before:
            writer.remove_page(len(writer.pages) - 1)
        return False
    return True


def _stand_in(sheaf: Sheaf, to: Path) -> Path:
    paper = Paper(title="Missing", margin=15)
    paper.add_page()
    paper.say("This paper cannot be printed", y=40, size=18, bold=True, lines=2)
    paper.say(f"The file of {sheaf.about} is damaged or no PDF. Open it from the page of its batch.", size=12, lines=4)
    to.write_bytes(paper.finished())
    return to
