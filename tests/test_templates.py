"""What every template keeps to, so that a page works without scripts and under a policy without exceptions."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from portal.web.assets import Assets
from portal.web.pages import environment

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / "templates"
NAMES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
TAG = re.compile(r"""<[a-z][\w:-]*(?:\{[{%].*?[}%]\}|"[^"]*"|'[^']*'|[^"'>{]|\{(?![{%]))*>""", re.DOTALL)


def each_template(rule: Callable[[str], None]) -> Callable[[], None]:
    """One test for all of them: a test for each would take longer than what it looks at. The template that broke the rule is named."""

    def test() -> None:
        for name in NAMES:
            try:
                rule(name)
            except AssertionError as broken:
                broken.add_note(f"in {name}")
                raise

    test.__doc__ = rule.__doc__
    return test


def source(name: str) -> str:
    """The template without its comments."""
    return COMMENT.sub("", (TEMPLATES / name).read_text(encoding="utf-8"))


def forms(text: str) -> list[str]:
    """Every form of a template, from its opening to its closing tag."""
    return re.findall(r"<form\b.*?</form>", text, re.DOTALL)


@each_template
def test_no_attribute_holds_code(name: str) -> None:
    """`hx-on`, `js:` and trigger filters need eval, which the policy refuses; a filter also stops htmx for what follows on the page."""
    text = source(name)
    assert not re.search(r"\bhx-on[:-]|\bon[a-z]+=[\"']", text)
    assert not re.search(r"=[\"']\s*(js|javascript):", text)
    assert not re.search(r"hx-trigger=(\"[^\"]*\[|'[^']*\[)", text)


@each_template
def test_nothing_is_inline(name: str) -> None:
    """No style attribute, no style element, no script with text: the policy blocks them and the page would look broken."""
    text = source(name)
    assert not re.search(r"\sstyle\s*=", text)
    assert "<style" not in text
    assert all(
        re.fullmatch(r" fetchpriority=\"low\" src=\"\{\{ asset\('[\w.-]+'\) \}\}\"", inside)
        for inside in re.findall(r"<script([^>]*)>", text)
    )
    assert not re.search(r"<script[^>]*>[^<]", text)


@each_template
def test_nothing_passes_unescaped(name: str) -> None:
    """Text of a marketplace or a person is escaped, always."""
    text = source(name)
    assert not re.search(r"\|\s*safe\b", text)
    assert "autoescape false" not in text


def whole(name: str) -> str:
    """The template with everything it includes."""
    return re.sub(r"\{% include \"([^\"]+)\"[^%]*%\}", lambda found: whole(found[1]), source(name))


@each_template
def test_where_a_run_comes_in_its_stream_can_open(name: str) -> None:
    """A button that brings the run's page in place of this one needs the stream's script here: no response may bring it."""
    text = source(name)
    if text.startswith('{% extends "base.html" %}') and "ui.sync_action(" in whole(name):
        assert "asset('hx-sse.min.js')" in text


@each_template
def test_every_post_carries_the_csrf_field(name: str) -> None:
    """A form without the hidden field is refused for everybody, scripts or not."""
    for form in forms(source(name)):
        if re.search(r"""method=["']post["']""", form, re.IGNORECASE):
            assert "csrf_field()" in form, form[:200]


@each_template
def test_htmx_sends_one_request_at_a_time(name: str) -> None:
    """htmx would queue a second click and send it even after the form has gone."""
    for tag in TAG.findall(source(name)):
        if "hx-post=" in tag or re.search(r"hx-trigger=\"[^\"]*\bevery\b", tag):
            assert "hx-sync=" in tag, tag
        if "hx-get=" in tag and "hx-push-url" in tag:
            assert 'hx-sync="this:replace"' in tag, tag
            assert 'autocomplete="off"' in tag, tag


@each_template
def test_htmx_only_enhances(name: str) -> None:
    """What htmx posts, a browser without it posts too: hx-post stands on forms with their own action; nothing is boosted or disabled."""
    text = source(name)
    for tag in TAG.findall(text):
        if "hx-post=" in tag:
            assert tag.startswith("<form"), tag
            assert "action=" in tag, tag
    assert "hx-boost" not in text
    assert "hx-disable" not in text


@each_template
def test_scripts_are_neither_deferred_nor_async(name: str) -> None:
    """Deferred, htmx may start before its stream extension has arrived, and the stream then never opens."""
    assert not re.search(r"<script[^>]*\b(defer|async)\b", source(name))


@each_template
def test_pictures_keep_their_room(name: str) -> None:
    """An image without a size moves the page when it arrives."""
    for tag in re.findall(r"<img\b.*?>", source(name), re.DOTALL):
        assert "width=" in tag, tag
        assert "height=" in tag, tag
        assert "alt=" in tag, tag


def test_every_template_compiles() -> None:
    """With the portal's own filters, functions and strict names."""
    jinja = environment(TEMPLATES, Assets(ROOT / "static"))
    for name in NAMES:
        jinja.get_template(name)


def test_djlint_has_no_complaint() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "djlint", "--lint", "--quiet", str(TEMPLATES)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout
