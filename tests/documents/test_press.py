"""The press makes a print file in a process of its own: everything in packing order, and gone when nobody wants it any more."""

from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from portal.documents.parcels import picks
from portal.documents.press import Edition, Parcel, PressFailed, Progress, pressed
from portal.documents.slips import packing_slips
from tests.documents.making import slip
from tests.documents.seeing import read, texts

pytestmark = pytest.mark.anyio

SLIPS = [slip(number) for number in range(3)]


def edition(folder: Path) -> Edition:
    """A pick list; a parcel with our slip, one with its own label, one with both; a paper of all of them."""
    label, manifest = folder / "label.pdf", folder / "manifest.pdf"
    label.write_bytes(packing_slips([slip(7)])[0])
    manifest.write_bytes(packing_slips([slip(9)])[0])
    parcels = (
        Parcel(order_number="OD-0000000", slip=SLIPS[0]),
        Parcel(order_number="OD-0000001", papers=(label,)),
        Parcel(order_number="OD-0000002", slip=SLIPS[2], papers=(label,)),
    )
    return Edition(heading="Pick list, batch 1, Surat store", picks=picks(SLIPS), parcels=parcels, closing=(manifest,))


async def test_everything_is_there_in_packing_order(tmp_path: Path) -> None:
    told = [progress async for progress in pressed(edition(tmp_path), tmp_path / "print.pdf")]
    made = (tmp_path / "print.pdf").read_bytes()
    assert "Pick list, batch 1, Surat store" in texts(made)[0]
    assert [page.get("Code128") for page in read(made)] == [None, *(slip(number).awb for number in (0, 7, 2, 7, 9))]
    assert [progress.parts for progress in told] == list(range(1, edition(tmp_path).parts + 1))
    assert told[-1] == Progress(parts=6, pages=6)


async def test_a_paper_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"")
    bad = Edition(heading="", parcels=(Parcel(order_number="OD-5", papers=(tmp_path / "bad.pdf",)),))
    told = [progress async for progress in pressed(bad, tmp_path / "print.pdf")]
    assert told[-1].unreadable == ("order OD-5",)


async def test_an_edition_without_anything_in_it_fails(tmp_path: Path) -> None:
    with pytest.raises(PressFailed):
        [progress async for progress in pressed(Edition(heading=""), tmp_path / "print.pdf")]
    assert not (tmp_path / "print.pdf").exists()


async def test_a_print_that_takes_more_memory_than_it_may_fails(tmp_path: Path) -> None:
    little = msgspec.structs.replace(edition(tmp_path), memory=64 * 1024 * 1024)
    with pytest.raises(PressFailed):
        [progress async for progress in pressed(little, tmp_path / "print.pdf")]


async def test_the_press_ends_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    many = Edition(heading="", parcels=tuple(Parcel(order_number=one.order_number, slip=one) for one in map(slip, range(500))))
    async with aclosing(pressed(many, tmp_path / "print.pdf")) as told:
        await anext(told)
    assert not (tmp_path / "print.pdf").exists()
