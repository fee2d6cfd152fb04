"""A run's report on paper."""

from collections.abc import Sequence

from portal import clock
from portal.documents.paper import Paper
from portal.documents.reports import RunReport, held_lines, in_time, left_lines, said


def sheet(report: RunReport) -> bytes:
    """The report as a PDF on A4, as many pages as it takes."""
    paper = Paper(title=report.headline, margin=15)
    paper.add_page()
    paper.say(f"{report.what}: {report.account}", y=15, size=16, bold=True, lines=2)
    paper.say(f"{report.place}. Run {report.number}, ended {clock.in_ist(report.ended_at):%-d %b %Y, %-I:%M %p} IST.", size=9, lines=2)
    _part(paper, "Done", [f"{one.many} {one.what}" for one in report.counts if one.many] or ["Nothing new."])
    if report.trouble:
        _part(paper, "Why it ended early", [report.trouble])
    if report.held or report.held_more:
        _part(paper, "Held", held_lines(report, most=len(report.held)))
    if report.waiting:
        _part(paper, "Still waiting", [f"Held by earlier runs and not decided yet: {report.waiting}."])
    if report.left:
        _part(paper, "Left the batch", left_lines(report, most=len(report.left)))
    if report.ahead:
        _part(paper, "Coming up", [said(one) for one in in_time(report.ahead)])
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
