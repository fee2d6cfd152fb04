"""What an address narrows a table to: values read from the query, links that change one of them, chips that remove one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from portal import clock
from portal.web.filters import day as day_words

LONGEST = 120
AFTER = "after"


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in force, and the address without it."""

    label: str
    value: str
    href: str


class Query:
    """The filters of one address. What cannot be meant (an unknown status, half a date) counts as not given.

    Only what was asked for by name is kept in links, so a stray parameter does not travel on.
    """

    def __init__(self, path: str, sent: Mapping[str, str]) -> None:
        self.path = path
        self._sent = sent
        self.kept: dict[str, str] = {}

    def text(self, name: str) -> str:
        """What was typed, without outer spaces; cut at 120 characters, without the NUL the database refuses."""
        value = self._sent.get(name, "").replace("\0", "").strip()[:LONGEST]
        return self._keep(name, value)

    def choice(self, name: str, among: Collection[str]) -> str:
        value = self._sent.get(name, "")
        return self._keep(name, value) if value in among else ""

    def first_moment(self, name: str) -> datetime | None:
        """The beginning of the Indian day that was asked for."""
        found = self._day(name)
        return clock.ist_day(found)[0] if found else None

    def last_moment(self, name: str) -> datetime | None:
        """The end of the Indian day that was asked for: the first moment that no longer counts."""
        found = self._day(name)
        return clock.ist_day(found)[1] if found else None

    def cursor(self) -> str:
        return self._sent.get(AFTER, "")

    def link(self, **changes: str) -> str:
        """This address with some filters changed; an empty text removes one. Without `after` it leads to the first page."""
        kept = {name: value for name, value in {**self.kept, **changes}.items() if value}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def page(self, cursor: str) -> str:
        """The neighbour page at this cursor; empty for none."""
        return self.link(**{AFTER: cursor}) if cursor else ""

    def chips(self, labels: Mapping[str, tuple[str, Mapping[str, str]]]) -> list[Chip]:
        """The filters in force, in the order of `labels`: query name to its label and what its values are called."""
        return [
            Chip(label, words.get(self.kept[name], self.kept[name]), self.link(**{name: ""}))
            for name, (label, words) in labels.items()
            if name in self.kept
        ]

    def day_chips(self) -> dict[str, tuple[str, Mapping[str, str]]]:
        """The labels of the date filters `from` and `to`, for `chips`."""
        words = {self.kept[name]: day_words(date.fromisoformat(self.kept[name])) for name in ("from", "to") if name in self.kept}
        return {"from": ("From", words), "to": ("To", words)}

    def _day(self, name: str) -> date | None:
        try:
            found = date.fromisoformat(self._sent.get(name, ""))
            clock.ist_day(found)
        except (ValueError, OverflowError):
            return None
        self._keep(name, found.isoformat())
        return found

    def _keep(self, name: str, value: str) -> str:
        if value:
            self.kept[name] = value
        return value
