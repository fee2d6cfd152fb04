"""A thousand parcels on paper: our slips rendered, and a pick list and a thousand separate labels put together. Each by a press of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import msgspec
import pypdfium2

from portal.documents.binding import bound
from portal.documents.parcels import Slip, picks
from portal.documents.press import Edition, Parcel
from portal.documents.slips import packing_slips
from tests.bench.figures import Figure, figure, peak_mb
from tests.documents.making import slip

PARCELS = 1000


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, pages and megabytes of one press."""

    seconds: float
    pages: int
    size_mb: float
    peak_mb: float


async def measure(parcels: int = PARCELS) -> AsyncIterator[Figure]:
    slips = [slip(number) for number in range(parcels)]
    with TemporaryDirectory() as named:
        rendered = await _press(Path(named), "slips", parcels)
        yield figure(
            "printing.slips", rendered.seconds, "s", note=f"{rendered.pages} packing slips with Code 128, QR and a Hindi name, one file"
        )
        yield figure("printing.slips_peak", rendered.peak_mb, "MB", note="the press alone; web and worker hold none of it")
        await asyncio.to_thread(_labels, slips, Path(named))
        merged = await _press(Path(named), "batch", parcels)
        yield figure(
            "printing.batch", merged.seconds, "s", note=f"pick list and {parcels} labels, {merged.pages} pages, {merged.size_mb:.1f} MB"
        )
        yield figure("printing.batch_peak", merged.peak_mb, "MB", note="the press alone; web and worker hold none of it")


async def _press(folder: Path, what: str, parcels: int) -> Printed:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.printing", what, str(parcels), str(folder)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    said, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"The press ended with {child.returncode}")
    return msgspec.json.decode(said, type=Printed)


def work(what: str, parcels: int, folder: Path) -> Printed:
    """One print file in this process."""
    slips = [slip(number) for number in range(parcels)]
    edition = (
        Edition(heading="", parcels=tuple(Parcel(order_number=one.order_number, slip=one) for one in slips))
        if what == "slips"
        else Edition(
            heading="Pick list",
            picks=picks(slips),
            parcels=tuple(Parcel(order_number=one.order_number, papers=(_label(folder, one),)) for one in reversed(slips)),
        )
    )
    begun = perf_counter()
    *_, last = bound(edition, folder / "print.pdf")
    seconds = perf_counter() - begun
    return Printed(seconds=seconds, pages=last.pages, size_mb=(folder / "print.pdf").stat().st_size / 1e6, peak_mb=peak_mb(os.getpid()))


def _label(folder: Path, one: Slip) -> Path:
    return folder / f"{one.order_number}.label"


def _labels(slips: Sequence[Slip], folder: Path) -> None:
    """Each parcel's page as a file of its own, with its own fonts, as a marketplace hands out labels."""
    whole = pypdfium2.PdfDocument(packing_slips(slips)[0])
    for number, one in enumerate(slips):
        label = pypdfium2.PdfDocument.new()
        label.import_pages(whole, [number])
        held = BytesIO()
        label.save(held)
        label.close()
        _label(folder, one).write_bytes(held.getvalue())
    whole.close()


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(work(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))).decode())
