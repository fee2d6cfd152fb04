"""One edition put together, in the process that calls."""

from collections.abc import Iterator
from pathlib import Path

from portal.documents.merging import Merged, Sheaf, merged
from portal.documents.press import Edition, Progress
from portal.documents.slips import packing_slips, pick_list


def bound(edition: Edition, to: Path) -> Iterator[Progress]:
    """Make the file at `to`; after each part, how far it has come. Raises ValueError for an edition without anything in it, Unprintable."""
    sheaves, slips = list[Sheaf](), to.with_suffix(".slips")
    if edition.picks is not None:
        listed = to.with_suffix(".picks")
        listed.write_bytes(pick_list(edition.picks, heading=edition.heading))
        sheaves.append(Sheaf(file=listed, about="the pick list"))
    made = [parcel.slip for parcel in edition.parcels if parcel.slip is not None]
    lengths: Iterator[int] = iter(())
    if made:
        content, pages = packing_slips(made)
        slips.write_bytes(content)
        lengths = iter(pages)
    first = 0
    for parcel in edition.parcels:
        about = f"order {parcel.order_number}"
        if parcel.slip is not None:
            length = next(lengths)
            sheaves.append(Sheaf(file=slips, about=about, first=first, pages=length))
            first += length
        sheaves += [Sheaf(file=paper, about=about) for paper in parcel.papers]
    sheaves += [Sheaf(file=paper, about="the whole batch") for paper in edition.closing]
    for parts, so_far in enumerate(merged(sheaves, to), start=1):
        yield _progress(parts, so_far)


def _progress(parts: int, so_far: Merged) -> Progress:
    return Progress(parts=parts, pages=so_far.pages, unreadable=so_far.unreadable)
