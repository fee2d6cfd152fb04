"""PDFs that were made to do harm do it to a process of their own, and whoever brought one hears a sentence."""

import asyncio
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from portal.marketplaces.sandbox_papers import Sheet, printed
from portal.pdfs import Fault, UnreadablePdf, bound, reading, texts

pytestmark = pytest.mark.anyio

GOOD = printed([Sheet(lines=(f"Order {number}",)) for number in range(3)])
FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def written(objects: Sequence[str | bytes]) -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalogue."""
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, one in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n" % number + (one if isinstance(one, bytes) else one.encode()) + b"\nendobj\n"
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(made)


def stream(content: bytes) -> bytes:
    """An object that is this packed content."""
    return b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % len(content) + content + b"\nendstream"


def paged(content: bytes, *, pages: int = 1, font: str = FONT, more: Sequence[bytes] = ()) -> bytes:
    """So many pages that all show this packed content, and objects from number 6 on."""
    kids = " ".join(["4 0 R"] * pages)
    return written(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
            font,
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 5 0 R /Resources << /Font << /F 3 0 R >> >> >>",
            stream(content),
            *more,
        ]
    )


def packed(unpacked: int) -> bytes:
    """A stream that unpacks to so many bytes of nothing."""
    press = zlib.compressobj(9)
    return b"".join(press.compress(b" " * (1 << 20)) for _ in range(unpacked >> 20)) + press.flush()


def deep(levels: int) -> bytes:
    """One page so many levels down the tree of pages."""
    nodes = [f"<< /Type /Pages /Kids [{number + 1} 0 R] /Count 1 >>" for number in range(2, levels + 2)]
    return written(["<< /Type /Catalog /Pages 2 0 R >>", *nodes, f"<< /Type /Page /Parent {levels + 1} 0 R /MediaBox [0 0 9 9] >>"])


CYCLE = written(
    [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>",
    ]
)
FORM_IN_ITSELF = written(
    [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>",
        "<< /Length 5 >>\nstream\n/X Do\nendstream",
        "<< /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >> /Length 11 >>\nstream\n/X Do /X Do\nendstream",
    ]
)


HALF = b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfchar <61> <D83D> endbfchar endcmap"
"""A font's table of letters in which an `a` is the first half of one."""
OF_HALVES = paged(
    zlib.compress(b"BT /F 9 Tf (a Order 7) Tj ET"),
    font="<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>",
    more=[stream(zlib.compress(HALF))],
)


def locked_otherwise() -> bytes:
    """By a handler that only its maker knows."""
    return GOOD.replace(b"trailer<<", b"trailer<</Encrypt<</Filter/Theirs/V 1>>/ID[<00><00>]", 1)


def locked() -> bytes:
    writer, made = PdfWriter(clone_from=BytesIO(GOOD)), BytesIO()
    writer.encrypt("a word nobody told us", algorithm="RC4-128")
    writer.write(made)
    return made.getvalue()


async def fault_of(content: bytes) -> Fault:
    with pytest.raises(UnreadablePdf) as refused:
        await texts(content)
    assert "PDF" in refused.value.seller_message
    return refused.value.fault


async def test_pages_are_read_and_bound_in_their_order() -> None:
    assert [text and text.strip() for text in await texts(GOOD)] == ["Order 0", "Order 1", "Order 2"]

    made = await bound(GOOD, {"a": [2, 0], "b": [1]})

    shown = {name: [page.extract_text().strip() for page in PdfReader(BytesIO(content)).pages] for name, content in made.items()}
    assert shown == {"a": ["Order 2", "Order 0"], "b": ["Order 1"]}


async def test_a_letter_that_is_none_costs_no_page() -> None:
    (text,) = await texts(OF_HALVES)
    assert text is not None
    assert "Order 7" in text


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", Fault.OTHER),
        (b"PK\x03\x04", Fault.OTHER),
        (b"%PDF-1.4\nnonsense", Fault.DAMAGED),
        (GOOD[: len(GOOD) // 2], Fault.DAMAGED),
        (locked(), Fault.DAMAGED),
        (locked_otherwise(), Fault.DAMAGED),
        (paged(packed(200 << 20)), Fault.TOO_MUCH),
        (paged(zlib.compress(b" "), pages=reading.MOST_PAGES + 1), Fault.TOO_LONG),
        (deep(3_000), Fault.TOO_MUCH),
    ],
    ids=["empty", "archive", "nonsense", "cut off", "locked", "locked otherwise", "bomb", "too many pages", "deep"],
)
async def test_what_cannot_be_read_is_refused(content: bytes, fault: Fault) -> None:
    assert await fault_of(content) == fault


@pytest.mark.parametrize("content", [CYCLE, FORM_IN_ITSELF], ids=["pages", "forms"])
async def test_what_names_itself_comes_to_an_end(content: bytes) -> None:
    try:
        assert len(await texts(content)) <= 1
    except UnreadablePdf as refused:
        assert refused.fault in {Fault.DAMAGED, Fault.TOO_MUCH}  # noqa: PT017 (both outcomes are right)


async def test_no_page_takes_more_memory_than_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below every limit of the library: 70 MB of nothing on one page."""
    monkeypatch.setattr(reading, "MEMORY", 160 << 20)

    assert len(await texts(GOOD)) == 3
    assert await fault_of(paged(packed(70 << 20))) == Fault.TOO_MUCH


async def test_pages_say_no_more_than_somebody_can_look_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they say goes back to a process with other work."""
    monkeypatch.setattr(reading, "MOST_TEXT", 1_000)

    assert len(await texts(GOOD)) == 3
    assert await fault_of(paged(zlib.compress(b"BT /F 9 Tf (ab ab ab ab) Tj ET " * 200))) == Fault.TOO_MUCH


async def test_no_page_takes_more_seconds_than_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SECONDS", 1)
    busy = zlib.compress(b"BT /F 9 Tf (a) Tj ET " * 20_000)

    assert await fault_of(paged(busy, pages=1_000)) == Fault.TOO_MUCH


async def test_the_clock_ends_it_too_and_nothing_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WITHIN_S", 0.2)

    assert await fault_of(paged(zlib.compress(b"BT /F 9 Tf (a) Tj ET " * 20_000), pages=1_000)) == Fault.TOO_MUCH
    assert readers() == []


async def test_a_call_that_is_cancelled_ends_its_process() -> None:
    call = asyncio.create_task(texts(paged(zlib.compress(b"BT /F 9 Tf (a) Tj ET " * 20_000), pages=1_000)))
    while not readers():
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert readers() == []


def readers() -> list[int]:
    """The processes that read PDFs for this one."""
    children = Path("/proc/self/task").glob("*/children")
    numbers = [number for one in children for number in one.read_text().split()]
    return [int(number) for number in numbers if b"portal.pdfs.reader" in Path(f"/proc/{number}/cmdline").read_bytes()]
