"""What a stage needs of the seller's own hands: a file he takes to the marketplace's panel, and what he brings back from there."""

import msgspec

SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What only the seller can do for a stage: `words` say what, in sentences that end.

    `file` is what he takes along, empty where he takes nothing; the same contents have the same `file_name`, others another one.
    `returns` names what he brings back ("The labels, as PDF"), in a file that ends in one of `endings`; `done` is what the button says
    with which he reports that there is nothing to bring. One of the two is there at least. `problems` say why what he brought last did
    not do, a sentence each.
    """

    words: str
    file_name: str = ""
    file: bytes = b""
    mime: str = SPREADSHEET
    returns: str = ""
    endings: tuple[str, ...] = ()
    done: str = ""
    problems: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Errand({self.file_name or self.returns or self.done}, {len(self.problems)} problems)"


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What the seller brought back from an errand: a file, or without `content` only his word that it is done."""

    file_name: str = ""
    content: bytes = b""

    def __repr__(self) -> str:
        return f"Brought({self.file_name}, {len(self.content)} bytes)"
