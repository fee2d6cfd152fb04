"""What travels on an open stream."""

import pytest
from markupsafe import Markup

from portal.web import stream


def test_a_message_is_one_unnamed_line_with_its_number() -> None:
    """htmx paints only messages without a name, and a cut between two lines must not make two messages."""
    sent = stream.message(stream.partial("pg", Markup("<p>\r\n  5\n</p>")), seq=118).encode()

    assert sent == b'id: 118\ndata: <hx-partial id="pg" hx-swap="outerHTML"><p>   5 </p></hx-partial>\n\n'


def test_text_from_outside_is_escaped() -> None:
    """A log line may hold anything a marketplace says."""
    assert "&lt;script&gt;" in stream.partial("ll", "<script>", swap="beforeend")
    assert "&lt;b&gt;" in stream.announce("<b>")
    assert b"&lt;/title&gt;" in stream.message(stream.title("</title>")).encode()


@pytest.mark.parametrize(("target", "swap"), [("", "outerHTML"), ('x" hx-swap="none', "outerHTML"), ("#pg", "outerHTML"), ("pg", "outer")])
def test_a_piece_that_would_land_nowhere_is_refused(target: str, swap: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        stream.partial(target, "x", swap=swap)


def test_a_heartbeat_is_only_a_comment() -> None:
    assert stream.heartbeat().encode() == b": k\n\n"


@pytest.mark.parametrize(
    ("header", "query", "after"),
    [
        (None, None, 0),
        ("5", None, 5),
        ("5", 118, 118),
        ("200", 118, 200),
        ("-3", None, 0),
        ("x", 7, 7),
        ("9" * 40, 7, 7),
        ("²", 1, 1),
        (None, -4, 0),
    ],
)
def test_a_stream_goes_on_after_the_later_of_both_marks(header: str | None, query: int | None, after: int) -> None:
    assert stream.resume_after(header, query) == after
