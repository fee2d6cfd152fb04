"""What a run came to, in the words of whoever reads it: for a mail, for a page, and on paper. A run without news is one line."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from portal import clock
from portal.language import gettext
from portal.web import filters

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
    """`number` is what support asks for. `trouble` is why the run ended early, empty when it did not; with `waits` it is what a person has to do. `held_more` counts what `held` left out.

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
    waits: bool = False

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to read: nothing changed, nothing held, no trouble. Deadlines, and what earlier reports said, make no noise."""
        return not self.trouble and not self.held and not self.held_more and not self.left and not any(one.many for one in self.counts)

    @property
    def headline(self) -> str:
        """The report in one line; all there is to say of a quiet run."""
        whose = gettext("%(what)s of %(name)s (%(place)s)", what=gettext(self.what), name=self.account, place=self.place)
        if self.quiet:
            return gettext("%(whose)s: nothing new at %(when)s.", whose=whose, when=at(self.ended_at)) + self._next()
        facts = [", ".join(counted(one) for one in self.counts if one.many) or gettext("nothing done")]
        if self.held or self.held_more:
            facts.append(gettext("%(n)s held", n=len(self.held) + self.held_more))
        if self.left:
            facts.append(gettext("%(n)s left", n=len(self.left)))
        if self.waits:
            facts.append(gettext("waiting for you"))
        return gettext("%(whose)s: %(facts)s.", whose=whose, facts="; ".join(facts))

    def _next(self) -> str:
        return " " + gettext("Next: %(what)s", what=said(min(self.ahead, key=lambda one: one.at))) if self.ahead else ""


def counted(one: Counted) -> str:
    """ "40 new" """
    return f"{one.many} {gettext(one.what)}"


def at(moment: datetime) -> str:
    """A moment as the report says it: the time alone on the same day."""
    return filters.clock_time(moment) if clock.in_ist(moment).date() == clock.ist_today() else filters.words_of(moment)


def said(ahead: Ahead) -> str:
    """ "12 orders to dispatch by 5:30 pm." """
    return gettext("%(n)s %(what)s by %(when)s.", n=ahead.many, what=gettext(ahead.what), when=at(ahead.at))


def paragraphs(report: RunReport) -> tuple[str, ...]:
    """The report as a mail has it: a quiet run in one line, else what was done, what is held and why, and what comes."""
    if report.quiet:
        return (report.headline,)
    found = [report.headline]
    if report.trouble:
        found.append(filters.said(report.trouble))
    if report.held or report.held_more:
        found.append("\n".join((gettext("Held:"), *held_lines(report, most=MOST_IN_A_MAIL))))
    if report.waiting:
        found.append(waiting(report))
    if report.left:
        found.append("\n".join((gettext("Left the batch:"), *left_lines(report, most=MOST_IN_A_MAIL))))
    if report.ahead:
        found.append("\n".join((gettext("Coming up:"), *(f"- {said(one)}" for one in in_time(report.ahead)))))
    return (*found, gettext("Run %(id)s, ended %(when)s.", id=report.number, when=at(report.ended_at)))


def waiting(report: RunReport) -> str:
    """How many orders of earlier runs nobody has decided about."""
    return gettext("Held by earlier runs and not decided yet: %(count)s.", count=report.waiting)


def held_lines(report: RunReport, *, most: int) -> list[str]:
    """Held orders with their reasons, at most so many, and how many more there are."""
    shown = [_held(one) for one in report.held[:most]]
    more = len(report.held) - len(shown) + report.held_more
    return [*shown, _more(more)] if more else shown


def left_lines(report: RunReport, *, most: int) -> list[str]:
    """Orders that went away with their reasons, at most so many, and how many more there are."""
    shown = [_held(one) for one in report.left[:most]]
    return [*shown, _more(len(report.left) - most)] if len(report.left) > most else shown


def _held(one: Held) -> str:
    return f"- {filters.said(one.number)}: {filters.said(one.reason)}"


def _more(many: int) -> str:
    return "- " + gettext("and %(n)s more", n=many)


def in_time(ahead: Sequence[Ahead]) -> list[Ahead]:
    return sorted(ahead, key=lambda one: one.at)
