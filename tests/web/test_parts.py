"""The parts pages are made of, drawn alone."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from portal.web.assets import Assets
from portal.web.pages import Banner, environment

ROOT = Path(__file__).parent.parent.parent
JINJA = environment(ROOT / "templates", Assets(ROOT / "static"))


def draw(source: str, **context: object) -> str:
    """What a template with this body shows, with single spaces."""
    template = JINJA.from_string('{% import "_parts.html" as ui with context %}' + source)
    return re.sub(r"\s+", " ", template.render(csrf="t0ken", **context)).strip()


def attributes(html: str, tag: str) -> dict[str, str]:
    """The attributes of the first such tag."""
    found = re.search(rf"<{tag}\b(.*?)>", html)
    assert found, html
    return dict(re.findall(r'([\w:-]+)="([^"]*)"', found[1]))


def test_an_unknown_name_is_an_error_and_not_an_empty_place() -> None:
    with pytest.raises(Exception, match="undefined"):
        draw("{{ nobody }}")


def test_what_is_shown_is_escaped() -> None:
    assert "<q>" not in draw('{{ ui.badge("<q>", "ok") }}{{ ui.problem("<q>", "<q>", "<q>", "<q>", diagnostic_id="<q>") }}')
    assert "<q>" not in draw("{{ ui.banner(it) }}", it=Banner(text="<q>", detail="<q>", href="/x", action="<q>"))


def test_a_state_is_never_told_by_colour_alone() -> None:
    """Icon and words; the earlier state stays in brackets for screen readers while a check runs."""
    html = draw('{{ ui.badge("Checking", "info", was="Valid") }}')

    assert "<svg" in html
    assert 'aria-hidden="true"' in html
    assert html.endswith('Checking<span class="vh"> (Valid)</span></span>')


def test_a_posting_button_is_a_form_that_works_without_htmx() -> None:
    html = draw('{{ ui.action("/accounts/1/syncs", "Sync now", target="#acc-1", to="/p/x", id="b", hidden={"n": 1}, about="Surat") }}')
    form = attributes(html, "form")

    assert (form["method"], form["action"]) == ("post", "/accounts/1/syncs")
    assert (form["hx-post"], form["hx-target"], form["hx-sync"]) == ("/p/x", "#acc-1", "this:drop")
    assert '<input type="hidden" name="_csrf_token" value="t0ken">' in html
    assert '<input type="hidden" name="n" value="1">' in html
    assert '<button type="submit" class="plain" id="b"' in html
    assert 'Sync now<span class="vh"> Surat</span>' in html


def test_without_a_target_nothing_of_htmx_is_there() -> None:
    assert "hx-" not in draw('{{ ui.action("/x", "Go") }}')


def test_a_field_is_tied_to_its_words() -> None:
    html = draw(
        '{{ ui.field("k", "API key", "v", hint="Where", error="Wrong", note="We removed 1 space from the end.", credential=true) }}'
    )
    box = attributes(html, "input")

    assert '<label for="k">API key</label>' in html
    assert box["aria-describedby"] == "k-hint k-note k-error"
    assert box["aria-invalid"] == "true"
    assert all(f'id="k-{one}"' in html for one in ("hint", "note", "error"))
    assert (box["autocomplete"], box["autocapitalize"], box["spellcheck"]) == ("off", "off", "false")
    assert "placeholder" not in html
    assert "maxlength" not in html


def test_a_password_never_comes_back() -> None:
    """Whoever passes one by mistake."""
    html = draw('{{ ui.field("p", "Password", "hunter2", type="password", credential=true) }}')

    assert "hunter2" not in html
    assert 'data-show="p"' in html


def test_a_kept_secret_shows_length_and_fingerprint_only() -> None:
    html = draw('{{ ui.kept_secret("api_secret", "API secret", 212, "9C1E-4B7A") }}')

    assert "212 characters" in html
    assert "9C1E-4B7A" in html
    assert "<input" not in html


def test_the_summary_leads_to_each_field_and_takes_the_focus() -> None:
    html = draw(
        '{{ ui.error_summary(errors, "") }}{{ ui.choices("m", "Method", [("a", "A", ""), ("b", "B", "")]) }}', errors={"m": "Choose one"}
    )

    assert "There is a problem" in html
    assert "autofocus" in html
    assert '<a href="#m">Choose one</a>' in html
    assert html.count('id="m"') == 1
    assert draw("{{ ui.error_summary({}) }}") == ""


def test_a_table_keeps_its_roles_as_cards() -> None:
    """Styled as blocks, some browsers forget what a table is."""
    html = draw(
        '{% call ui.table("Orders", ["Order", ("Amount", "num")], pick="id") %}'
        '<tr role="row">{{ ui.pick("id", 1, "order 1") }}{{ ui.row_head("1", "/orders/1") }}{{ ui.cell("Amount", "₹5.00", "num") }}</tr>{% endcall %}'
    )

    for role in ("table", "rowgroup", "row", "columnheader", "rowheader", "cell"):
        assert f'role="{role}"' in html
    assert html.count('scope="col"') == 3
    assert 'data-all="id"' in html
    assert 'name="id" value="1"' in html
    assert "Select order 1" in html
    assert '<td role="cell" data-l="Amount" class="num">₹5.00</td>' in html


def test_filters_leave_a_usable_address() -> None:
    form = attributes(draw('{% call ui.filters("/orders") %}{% endcall %}'), "form")

    assert (form["method"], form["action"], form["hx-get"]) == ("get", "/orders", "/orders")
    assert (form["hx-push-url"], form["hx-sync"], form["autocomplete"]) == ("true", "this:replace", "off")


def test_a_stream_reopens_and_keeps_its_errors_to_itself() -> None:
    conn = attributes(draw('{{ ui.conn("/syncs/1/events?after=5", poll="/p/runs/1/panel?mode=poll", panel="#run-1") }}'), "div")

    assert conn["hx-sse:connect"] == "/syncs/1/events?after=5"
    assert conn["hx-trigger"] == "load, every 10s"
    assert (conn["hx-sync"], conn["hx-swap"]) == ("this:drop", "none")
    assert (conn["hx-status:4xx"], conn["hx-status:5xx"]) == ("swap:none", "swap:none")
    assert (conn["data-poll"], conn["data-panel"]) == ("/p/runs/1/panel?mode=poll", "#run-1")
    assert draw("{{ ui.conn() }}") == '<div id="conn"></div>'


def test_how_far_is_unknown_or_a_number() -> None:
    known = draw('{{ ui.progress("pg", "Overall progress", "Stage 3 of 11", 2.5, 11) }}')

    assert attributes(known, "progress") == {"id": "pg", "max": "11", "value": "2.5", "aria-labelledby": "pgl", "aria-describedby": "pgt"}
    assert 'id="pgt">Stage 3 of 11</p>' in known
    assert "value" not in attributes(draw('{{ ui.bar("pg") }}'), "progress")


def test_a_log_is_quiet_unless_asked() -> None:
    quiet = attributes(draw('{% call ui.log("Log") %}<li id="l-1">x</li>{% endcall %}'), "div")

    assert (quiet["role"], quiet["aria-live"], quiet["tabindex"]) == ("log", "off", "0")
    assert 'aria-live="polite"' in draw('{% call ui.log("Log", aloud=true) %}{% endcall %}')


def test_the_navigation_keeps_four_places_at_hand() -> None:
    links = [SimpleNamespace(href=f"/{n}", label=f"Place {n}", current=n == 5, icon="") for n in range(7)]
    html = re.sub(
        r"\s+",
        " ",
        JINJA.get_template("base.html").render(
            viewer=SimpleNamespace(name="Asha", email="a@b.in", role="OWNER", seller_name="S"),
            nav=links,
            banner=None,
            worker_silent_since=None,
            outages=[],
            csrf="t",
            settings=SimpleNamespace(demo=False),
            version="1",
            help_href="/help",
            here="/home",
            languages=(),
            lang="en-IN",
            secure=False,
            notice=None,
            path="/5",
        ),
    )
    before, _, after = html.partition("<summary")

    assert all(f"Place {n}" in before for n in range(4))
    assert all(f"Place {n}" in after for n in range(4, 7))
    assert 'data-current="1"' in before
