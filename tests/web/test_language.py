"""Pages speak the reader's language: the catalogue is complete, says the same with the same values, and is chosen and kept as asked."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import jinja2
import pytest
from markupsafe import Markup

from portal import clock, language, retelling
from portal.language import ENGLISH, catalogue, gettext, ngettext, preferred, speak
from portal.marketplaces.registry import MARKETPLACES
from portal.retelling import VALUE, retold
from portal.web import filters
from portal.web.assets import Assets
from portal.web.pages import environment
from tests import words
from tests.words import ROOT, TEMPLATES, Sentence

HINDI = words.translations("hi")
GAPS = re.compile(r"%\(\w+\)s|%%|\{n\}")
TAG = re.compile(r"""<[!/a-z](?:"[^"]*"|'[^']*'|[^"'>])*>""", re.DOTALL | re.IGNORECASE)
JINJA = re.compile(r"\{% block width %\}[\w ]+|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
SPOKEN_ATTRIBUTES = re.compile(r"""\b(?:aria-label|title|placeholder|alt|data-(?:offline|failed|lost|copied|selected|hide))="([^"]*)\"""")
NAMES = {"HTTP", "UTC", "AWB", "SKU", "Meesho", "PDF"}
"""What stands outside `_()` because it is the same in every language."""


@pytest.fixture
def hindi() -> Iterator[None]:
    token = language._spoken.set(language.LANGUAGES["hi"])
    yield
    language._spoken.reset(token)


def forms(one: Sentence) -> tuple[str, ...]:
    return (one,) if isinstance(one, str) else tuple(one)


def test_every_sentence_of_a_template_has_a_translation() -> None:
    assert [one for one in words.of_templates() if not HINDI.get(one)] == []


def test_everything_the_wizard_asks_for_has_a_translation() -> None:
    """All of a marketplace, once somebody has begun; a folder made today is in English until then, and marked as such."""
    for place in MARKETPLACES:
        asked = {one for one in words.of_manifest(place) if one}
        missing = sorted(one for one in asked if not HINDI.get(one))
        assert missing == [] or len(missing) > len(asked) / 2, f"{place.name}: {missing}"


def test_no_translation_outlives_its_sentence() -> None:
    """A sentence that was reworded in the code would silently come out in English."""
    assert [one for one in HINDI if not words.said_somewhere(one)] == []


MAY_DROP = {"what", "they"}
"""Values that carry English grammar, which a translation need not repeat."""


def carries_its_values(one: Sentence) -> bool:
    wanted = set(GAPS.findall(forms(one)[-1]))
    may_go = wanted if isinstance(one, tuple) else {f"%({name})s" for name in MAY_DROP}
    return all(wanted - may_go <= set(GAPS.findall(said)) <= wanted for said in forms(HINDI[one]))


def test_a_translation_carries_the_same_values() -> None:
    assert [one for one in HINDI if not carries_its_values(one)] == []


def outside(source: str) -> list[str]:
    """What a template says without passing through gettext: text between tags and attributes that are read out."""
    # Jinja first: an expression may hold quotes and angle brackets that would confuse the search for tags.
    plain = JINJA.sub("\N{OBJECT REPLACEMENT CHARACTER}", source)
    said = TAG.sub("\N{OBJECT REPLACEMENT CHARACTER}", plain)
    # Macros that answer attributes stand in no tag of their own.
    said = re.sub(r'[\w:-]+="[^"]*"', "", said)
    found = re.findall(r"[A-Za-z][A-Za-z]+(?: [A-Za-z]+)*", said)
    found += [word for value in SPOKEN_ATTRIBUTES.findall(plain) for word in re.findall(r"[A-Za-z]{2,}", value)]
    return [one for one in found if one not in NAMES]


def test_no_template_says_anything_outside_gettext() -> None:
    found = {path.relative_to(TEMPLATES).as_posix(): outside(path.read_text(encoding="utf-8")) for path in TEMPLATES.rglob("*.html")}
    assert {name: words for name, words in found.items() if words} == {}


def test_what_stands_outside_gettext_is_found() -> None:
    assert outside('<p>{{ _("In") }} Left out</p>') == ["Left out"]
    assert outside('<a aria-label="Left out" href="/x">{{ x }}</a>') == ["Left", "out"]
    assert outside('{% if a > b %}<p class="c">{{ _("In") }}</p>{% endif %}') == []


def render(text: str, **values: object) -> str:
    jinja = environment(TEMPLATES, Assets(ROOT / "static"))
    assert isinstance(jinja, jinja2.Environment)
    return jinja.from_string(text).render(**values)


@pytest.mark.usefixtures("hindi")
def test_a_template_speaks_the_language_of_the_moment() -> None:
    assert render('{{ _("Sign in") }}') == "साइन इन करें"
    assert render('{{ _("Order %(id)s", id="<1>") }}') == "ऑर्डर &lt;1&gt;"


def test_without_a_choice_everything_is_english() -> None:
    assert render('{{ _("Sign in") }}') == gettext("Sign in") == "Sign in"
    assert retold("Sign in") == "Sign in"


@pytest.mark.usefixtures("hindi")
def test_plurals_follow_the_language() -> None:
    one, many = "%(n)s muted problem", "%(n)s muted problems"
    assert ngettext(one, many, 1) == "1 चुप की गई समस्या"
    assert ngettext(one, many, 3) == "3 चुप की गई समस्याएँ"


@pytest.mark.usefixtures("hindi")
@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("Done with problems", "समस्याओं के साथ पूरा हुआ"),
        ("Expires in 12 days", "12 दिन में खत्म"),
        ("Checked 22 Nov 2026, 3:05 am", "22 नव॰ 2026, 3:05 am को जाँचा गया"),
        ("Every 30 minutes between 7:00 am and 11:00 pm IST, every day.", "7:00 am और 11:00 pm IST के बीच हर 30 मिनट, हर दिन।"),
        ("orders, returns", "ऑर्डर, रिटर्न"),
        ("Paused. Nothing syncs until you resume.", "रोका गया। आपके चालू करने तक कुछ सिंक नहीं होगा।"),
        ("2 planned syncs were left out since 22 नव॰, 3:05 am.", "22 नव॰, 3:05 am से छोड़े गए: 2 तय सिंक।"),
        ("3 approved quantities", "3 मंज़ूर मात्राएँ"),
    ],
)
def test_a_sentence_written_in_english_before_is_said_again(english: str, said: str) -> None:
    """Rows and errors hold finished sentences; the values in them come along, words among them translated."""
    assert retold(english) == said
    assert filters.told(english) == said


@pytest.mark.usefixtures("hindi")
def test_names_in_a_sentence_stay_as_they_are() -> None:
    """A shop may be called like one of our words."""
    assert retold("Orders needs reconnecting.") == "Orders को फिर से जोड़ना है।"


@pytest.mark.usefixtures("hindi")
def test_what_has_no_translation_is_marked_as_english() -> None:
    told = filters.told("<Nobody> has written this yet, at all")
    assert told == Markup('<span lang="en-IN">&lt;Nobody&gt; has written this yet, at all</span>')
    assert filters.said("Nobody has written this yet") == "Nobody has written this yet"


@pytest.mark.usefixtures("hindi")
def test_nothing_said_again_is_nothing() -> None:
    """And not the notes of the catalogue, which stand there as the translation of nothing."""
    assert retold("") == ""
    assert filters.said("") == filters.told("") == ""


@pytest.mark.usefixtures("hindi")
def test_what_is_said_already_is_not_said_twice() -> None:
    assert filters.told("खाता जोड़ें") == "खाता जोड़ें"
    assert filters.told(Markup("<b>x</b>")) == Markup("<b>x</b>")


def test_a_pattern_of_few_words_takes_no_piece_of_another_sentence() -> None:
    patterns = {english: pattern for pattern, english in retelling.patterns("hi")}
    short = [one for one in patterns if len(VALUE.sub("", one)) < retelling.ENOUGH_WORDS]
    assert "%(day)s at %(time)s" in short
    assert retelling._retold("hi", "Somebody waits for somebody else at the station") is None


@pytest.mark.usefixtures("hindi")
def test_minutes_ago_are_said_in_the_language() -> None:
    with clock.stopped_at(datetime(2026, 8, 21, 13, 35, tzinfo=UTC)):
        assert filters.ago(clock.now() - timedelta(minutes=4)).startswith("4 मिनट पहले (")


@pytest.mark.usefixtures("hindi")
def test_numbers_and_dates_are_indian_in_both() -> None:
    assert filters.count(10_000_000) == "1,00,00,000"
    assert filters.money(123_456) == "₹1,23,456.00"
    assert filters.in_words(650_000) == "6.5 लाख"


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("hi-IN,hi;q=0.9,en;q=0.5", "hi"),
        ("en-IN,en;q=0.9,hi;q=0.8", "en"),
        ("ta,hi;q=0.4", "hi"),
        ("hi;q=0", "en"),
        ("de-DE;q=nonsense", "en"),
    ],
)
def test_a_browser_is_taken_at_its_word(accepted: str, code: str) -> None:
    assert preferred(accepted) == code


def test_an_unknown_language_changes_nothing() -> None:
    speak("tlh")
    assert language.spoken() is ENGLISH
    assert catalogue("en").gettext("Sign in") == "Sign in"
