"""A run's report on paper, in the language of whoever asks for it."""

from collections.abc import Sequence

from portal.documents.paper import Paper
from portal.documents.reports import RunReport, counted, held_lines, in_time, left_lines, said, waiting
from portal.language import gettext
from portal.web import filters


def sheet(report: RunReport) -> bytes:
    """The report as a PDF on A4, as many pages as it takes."""
    paper = Paper(title=report.headline, margin=15)
    paper.add_page()
    paper.say(f"{gettext(report.what)}: {report.account}", y=15, size=16, bold=True, lines=2)
    ended = f"{filters.words_of(report.ended_at)} IST"
    paper.say(f"{report.place}. " + gettext("Run %(id)s, ended %(when)s.", id=report.number, when=ended), size=9, lines=2)
    _part(paper, gettext("Done"), [counted(one) for one in report.counts if one.many] or [gettext("Nothing new.")])
    if report.trouble:
        _part(paper, gettext("Waiting for you") if report.waits else gettext("Why it ended early"), [filters.said(report.trouble)])
    if report.held or report.held_more:
        _part(paper, gettext("Held"), held_lines(report, most=len(report.held)))
    if report.waiting:
        _part(paper, gettext("Still waiting"), [waiting(report)])
    if report.left:
        _part(paper, gettext("Left the batch"), left_lines(report, most=len(report.left)))
    if report.ahead:
        _part(paper, gettext("Coming up"), [said(one) for one in in_time(report.ahead)])
    return paper.finished()


def _part(paper: Paper, heading: str, lines: Sequence[str]) -> None:
    _room(paper, 20)
    paper.say(heading, y=paper.get_y() + 4, size=12, bold=True)
    for line in lines:
        _room(paper, 12)
        paper.say(line, size=10, lines=3)


def _room(paper: Paper, needed: float) -> None:
    if paper.get_y() + needed > paper.bottom:
        paper.add_page()
