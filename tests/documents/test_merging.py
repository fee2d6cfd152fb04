"""The print file has every page, in the order it was asked for, and says so where a paper could not be read."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from portal.documents.merging import Merged, Sheaf, merged
from portal.documents.parcels import Slip
from portal.documents.slips import packing_slips
from tests.documents.making import slip
from tests.documents.seeing import read, texts

SLIPS = [slip(number) for number in range(8)]


def label(one: Slip, folder: Path) -> Sheaf:
    """A paper of one page in a file of its own, as a marketplace hands it out."""
    path = folder / f"{one.order_number}.pdf"
    path.write_bytes(packing_slips([one])[0])
    return Sheaf(file=path, about=f"order {one.order_number}")


def whole(sheaves: Sequence[Sheaf], folder: Path) -> tuple[bytes, Merged]:
    *_, last = merged(sheaves, folder / "print.pdf")
    return (folder / "print.pdf").read_bytes(), last


def test_papers_come_in_the_order_asked_for(tmp_path: Path) -> None:
    wanted = SLIPS.copy()
    random.Random(7).shuffle(wanted)
    made, last = whole([label(one, tmp_path) for one in wanted], tmp_path)
    assert [page["Code128"] for page in read(made)] == [one.awb for one in wanted]
    assert last == Merged(pages=8, unreadable=())


def test_pages_of_one_file_can_stand_apart_and_share_its_fonts(tmp_path: Path) -> None:
    path = tmp_path / "slips.pdf"
    path.write_bytes(packing_slips(SLIPS)[0])
    between = label(slip(99), tmp_path)
    parts = [Sheaf(file=path, about="", first=number, pages=1) for number in range(8)]
    made, _ = whole([part for one in parts for part in (one, between)], tmp_path)
    assert [page["Code128"] for page in read(made)] == [awb for one in SLIPS for awb in (one.awb, slip(99).awb)]
    assert len(made) < path.stat().st_size + 8 * between.file.stat().st_size


@pytest.mark.parametrize("damaged", [b"", b"<html>Sorry</html>", b"%PDF-1.4\n%%EOF", packing_slips(SLIPS[:1])[0][:900]])
def test_a_damaged_paper_is_said_in_its_place_and_takes_nobody_along(damaged: bytes, tmp_path: Path) -> None:
    bad = Sheaf(file=tmp_path / "bad.pdf", about="order OD-99")
    bad.file.write_bytes(damaged)
    made, last = whole([label(SLIPS[0], tmp_path), bad, label(SLIPS[1], tmp_path)], tmp_path)
    assert [page.get("Code128") for page in read(made)] == [SLIPS[0].awb, None, SLIPS[1].awb]
    assert "order OD-99" in texts(made)[1]
    assert last == Merged(pages=3, unreadable=("order OD-99",))


def test_nothing_is_no_print_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing"):
        whole([], tmp_path)
