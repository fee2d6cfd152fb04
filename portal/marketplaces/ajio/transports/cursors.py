"""Where a run stands, as small JSON that another process can go on from."""

from datetime import date
from typing import TypeVar

import msgspec

Place = TypeVar("Place", bound=msgspec.Struct)

SAME_PAGE = "AJIO sent the same page again, so we stopped here. What came before it is kept; the next run reads on."


class ListPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """In the partner API's lists. `last` marks the page before, `after` the last known order that was read again."""

    stage: str = "list"
    page: int = 0
    last: str = ""
    after: str = ""
    began: str = ""


class ReportPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """In the panel's reports. `first` begins the window to read next, `end` is the last day of all; `after` is the last id kept."""

    first: date
    end: date
    after: str = ""
    began: str = ""


class PushPlace(msgspec.Struct, frozen=True, kw_only=True):
    """In a stock push: the task of the last line that has its outcome."""

    after: str


def written(place: msgspec.Struct) -> str:
    return msgspec.json.encode(place).decode()


def read(cursor: str | None, shape: type[Place]) -> Place | None:
    """The place a cursor names; None without one, and for one of an older release, which means: from the start."""
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(cursor, type=shape)
    except msgspec.DecodeError:
        return None
