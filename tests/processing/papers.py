"""The documents that are kept, counted against those that were issued: none is missing, none is there twice, and each is whole."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from portal.files import sharded
from tests.processing.floor import Floor


class Paper(NamedTuple):
    """A document as its marketplace issued it: of which order (empty: of many), what it is, and its number."""

    order_id: str
    kind: str
    number: str


class Copy(NamedTuple):
    """A document as it is kept here."""

    row: Any
    content: bytes

    @property
    def paper(self) -> Paper:
        return Paper(self.row["external_order_id"], self.row["kind"], self.row["number"])


async def copies(works: Floor) -> list[Copy]:
    """Every document that a row tells of. Each is on the disk as it was kept, and nothing is there that no row tells of."""
    rows = await works.rows("SELECT batch_id, external_order_id, kind, number, key, size, sha256 FROM documents ORDER BY key")
    found = [Copy(row, await works.files.read(row["key"])) for row in rows]
    for row, content in found:
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["size"], row["sha256"]), row["key"]
    folder = works.settings.data_dir / "documents"
    # A worker that was killed while it wrote leaves a nameless file, which nobody takes for a document.
    on_disk = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".")]
    ours = f"/{works.seller}/{works.account.id}/"
    # What a seller was handed to take to a panel is his, and no document.
    assert sorted(name for name in on_disk if ours in name and "/errands/" not in name) == sorted(sharded(row["key"]) for row in rows)
    return found


def counted(found: Iterable[Copy], issued: Collection[Paper], *, besides: Collection[str] = ()) -> None:
    """As many of each as were issued: one. Orders that are not through, `besides`, may have some of theirs, and none twice."""
    there = Counter(copy.paper for copy in found)
    assert {paper: times for paper, times in there.items() if paper.order_id not in besides} == Counter(issued)
    assert {times for paper, times in there.items() if paper.order_id in besides} <= {1}
