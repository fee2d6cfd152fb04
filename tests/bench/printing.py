"""A thousand parcels on paper: slips rendered, and a thousand separate labels merged into one print file. In a process of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from time import perf_counter

import msgspec
import pypdfium2

from portal.documents.merging import in_packing_order
from portal.documents.slips import packing_slips
from tests.bench.figures import Figure, figure, peak_mb
from tests.documents.making import slip

PARCELS = 1000


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, pages and megabytes of one process."""

    rendered_s: float
    merged_s: float
    pages: int
    size_mb: float
    peak_mb: float


async def measure(parcels: int = PARCELS) -> AsyncIterator[Figure]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.printing", str(parcels), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    said, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"The printing process ended with {child.returncode}")
    found = msgspec.json.decode(said, type=Printed)
    yield figure("printing.slips", found.rendered_s, "s", note=f"{parcels} packing slips with Code 128, QR and a Hindi name, one file")
    yield figure("printing.merged", found.merged_s, "s", note=f"{parcels} labels of one page each, one file of {found.size_mb:.1f} MB")
    yield figure("printing.peak", found.peak_mb, "MB", note="the whole process, fonts and both files held")


def work(parcels: int) -> Printed:
    """Render and merge in this process."""
    slips = [slip(number) for number in range(parcels)]
    begun = perf_counter()
    rendered = packing_slips(slips)
    rendered_s = perf_counter() - begun
    labels = _split(rendered)
    order = [one.order_number for one in reversed(slips)]
    papers = {one.order_number: [label] for one, label in zip(slips, labels, strict=True)}
    begun = perf_counter()
    merged = in_packing_order(papers, order)
    merged_s = perf_counter() - begun
    return Printed(rendered_s=rendered_s, merged_s=merged_s, pages=len(order), size_mb=len(merged) / 1e6, peak_mb=peak_mb(os.getpid()))


def _split(pdf: bytes) -> list[bytes]:
    """Each page as a file of its own, as a marketplace hands out labels."""
    whole = pypdfium2.PdfDocument(pdf)
    found = []
    for number in range(len(whole)):
        one = pypdfium2.PdfDocument.new()
        one.import_pages(whole, [number])
        held = BytesIO()
        one.save(held)
        one.close()
        found.append(held.getvalue())
    whole.close()
    return found


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(work(int(sys.argv[1]))).decode())
