"""What a run came to, in words: for a mail, for a page, and on paper. A run without news is one line."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from portal import clock

MOST_IN_A_MAIL = 20
"""Held orders named in a mail; a person reads no more on a phone, and the page has them all."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """So many of something: "orders changed"."""

    what: str
    many: int


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What was not done, and why in a sentence. `decided`: a person has dealt with it since."""

    number: str
    reason: str
    decided: bool = False


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """A deadline that comes: when, for what, and how many orders."""

    at: datetime
    what: str
    many: int


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """`number` is what support asks for. `trouble` is why the run ended early, empty when it did not. `held_more` counts what `held` left out.

    `left` are orders that went away for good during the run; `waiting` counts those held by earlier runs that nobody has decided about. `of_batch`: held are
    orders that wait for a decision, not rows that could not be read.
    """

    number: str
    what: str
    account: str
    place: str
    ended_at: datetime
    counts: tuple[Counted, ...] = ()
    held: tuple[Held, ...] = ()
    held_more: int = 0
    left: tuple[Held, ...] = ()
    waiting: int = 0
    of_batch: bool = False
    ahead: tuple[Ahead, ...] = ()
    trouble: str = ""

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to read: nothing changed, nothing held, no trouble. Deadlines, and what earlier reports said, make no noise."""
        return not self.trouble and not self.held and not self.held_more and not self.left and not any(one.many for one in self.counts)

    @property
    def headline(self) -> str:
        """The report in one line; all there is to say of a quiet run."""
        whose = f"{self.what} of {self.account} ({self.place})"
        if self.quiet:
            return f"{whose}: nothing new at {clock.said(self.ended_at)}.{self._next()}"
        done = ", ".join(f"{one.many} {one.what}" for one in self.counts if one.many) or "nothing done"
        held = f"; {len(self.held) + self.held_more} held" if self.held or self.held_more else ""
        return f"{whose}: {done}{held}{f'; {len(self.left)} left' if self.left else ''}."

    def _next(self) -> str:
        return f" Next: {said(min(self.ahead, key=lambda one: one.at))}" if self.ahead else ""


def said(ahead: Ahead) -> str:
    """ "12 orders to dispatch by 5:30 pm." """
    return f"{ahead.many} {ahead.what} by {clock.said(ahead.at)}."


def paragraphs(report: RunReport) -> tuple[str, ...]:
    """The report as a mail has it: a quiet run in one line, else what was done, what is held and why, and what comes."""
    if report.quiet:
        return (report.headline,)
    found = [report.headline]
    if report.trouble:
        found.append(report.trouble)
    if report.held or report.held_more:
        found.append("\n".join(("Held:", *held_lines(report, most=MOST_IN_A_MAIL))))
    if report.waiting:
        found.append(f"Held by earlier runs and not decided yet: {report.waiting}.")
    if report.left:
        found.append("\n".join(("Left the batch:", *left_lines(report, most=MOST_IN_A_MAIL))))
    if report.ahead:
        found.append("\n".join(("Coming up:", *(f"- {said(one)}" for one in in_time(report.ahead)))))
    return (*found, f"Run {report.number}, ended {clock.said(report.ended_at)}.")


def held_lines(report: RunReport, *, most: int) -> list[str]:
    """Held orders with their reasons, at most so many, and how many more there are."""
    shown = [f"- {one.number}: {one.reason}" for one in report.held[:most]]
    more = len(report.held) - len(shown) + report.held_more
    return [*shown, f"- and {more} more"] if more else shown


def left_lines(report: RunReport, *, most: int) -> list[str]:
    """Orders that went away with their reasons, at most so many, and how many more there are."""
    shown = [f"- {one.number}: {one.reason}" for one in report.left[:most]]
    return [*shown, f"- and {len(report.left) - most} more"] if len(report.left) > most else shown


def in_time(ahead: Sequence[Ahead]) -> list[Ahead]:
    return sorted(ahead, key=lambda one: one.at)
