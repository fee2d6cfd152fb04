"""Sentences that were written in English before, said again in the language of whoever reads them.

Rows, errors and logs hold finished English sentences, and the catalogues their patterns. What is found in neither stays as it is.
"""

import re
from functools import cache, lru_cache

from babel.dates import get_day_names, get_month_names

from portal.language import ENGLISH, LANGUAGES, catalogue, messages, spoken, written

VALUE = re.compile(r"%\((\w+)\)s")
DEVANAGARI = re.compile("[\u0900-\u097f]")
NUMBER_OF = re.compile(r"([\d,.]+) (\D.*)")
NUMBER = re.compile(r"[-₹\d,.:]+( [A-Z]{3})?")
LABEL = re.compile(r"([Rr]ow \d+|[A-Z_]{4,}|[\w-]*\d[\w-]*): ")
"""What a sentence is about, where that is a row, a name from a list of ours or an id."""

MARKED = re.compile(r"(.+) ([0-9A-F]{4}(?:-[0-9A-F]{4})*)")
"""A secret by its label and fingerprint."""

DATE = re.compile(r"\b(?:[A-Z][a-z]{2} )?\d{1,2} [A-Z][a-z]{2,8}\b")
NAMES = {"name", "by", "who", "place", "marketplace", "email", "business", "id"}
"""Values that are names of people, shops and marketplaces: carried over as they are, whatever words they are made of."""

LONGEST = 600
"""Letters of the longest text that is searched for patterns: some of it is a marketplace's own, of any shape."""

LEAST_WORDS, ENOUGH_WORDS, LONGEST_VALUE = 3, 9, 40
"""Letters a pattern must bring of its own, at all, and to stand between values of any kind."""


def retold(sentence: str) -> str | None:
    """A sentence written in English before, in the reader's language; None where the catalogue does not know it.

    Rows, errors and logs hold finished English sentences. One with values in it is found by its pattern, its values are carried over
    (and translated themselves where they are words we know: "Orders").
    """
    # A catalogue keeps notes about itself as the translation of the empty sentence.
    if spoken() is ENGLISH or not sentence:
        return sentence
    said = _retold(spoken().code, sentence)
    # An English sentence may hold a date that is in Hindi already; one that fits no pattern and has Hindi in it was said before.
    return sentence if said is None and DEVANAGARI.search(sentence) else said


@lru_cache(maxsize=8192)
def _retold(code: str, sentence: str) -> str | None:
    words = catalogue(code)
    if (said := words.gettext(sentence)) != sentence or sentence in _same(code):
        return said
    if len(sentence) > LONGEST:
        return None
    for way in (_number, _lined, _all_facts, _of_one, _patterned, _counted, _in_turn, _listed, _labelled, _marked, _ended):
        if (told := way(code, sentence)) is not None:
            return told
    return None


def _number(_: str, sentence: str) -> str | None:
    return sentence if NUMBER.fullmatch(sentence) else None


def _counted(code: str, sentence: str) -> str | None:
    """`3 orders`: a number and a word we know."""
    found = NUMBER_OF.fullmatch(sentence)
    said = _retold(code, found[2]) if found else None
    return f"{found[1]} {said}" if found and said else None


def _patterned(code: str, sentence: str) -> str | None:
    for pattern, english in patterns(code):
        found = pattern.fullmatch(sentence)
        if found is not None and (len(VALUE.sub("", english)) >= ENOUGH_WORDS or _fits(code, found.groupdict())):
            values = {name: value if name in NAMES else _value(code, value) for name, value in found.groupdict().items()}
            return catalogue(code).gettext(english) % values
    return None


def _fits(code: str, values: dict[str, str]) -> bool:
    """Whether these may stand in a pattern of few words: its names are anybody's, so another value has to be what it looks like."""
    others = [value for name, value in values.items() if name not in NAMES]
    return all(_short(code, one) for one in others or values.values())


def _short(code: str, value: str) -> bool:
    """A value that may stand in a pattern with hardly a word of its own, such as "%(day)s at %(time)s": no piece of another sentence."""
    return len(value) <= LONGEST_VALUE and ": " not in value and (any(map(str.isdigit, value)) or _known(code, value) is not None)


def _in_turn(code: str, text: str) -> str | None:
    """Several sentences in a row, where each is known; the catalogue may have some of them as one."""
    parts = re.split(r"(?<=[.!?]) ", text)
    for at in range(len(parts) - 1, 0, -1):
        first = _retold(code, " ".join(parts[:at]))
        rest = _retold(code, " ".join(parts[at:])) if first is not None else None
        if rest is not None:
            return f"{first} {rest}"
    return None


def _listed(code: str, sentence: str) -> str | None:
    """Words with commas or semicolons between them, where each is known; of facts set apart by dots, those that are."""
    for joint in ("; ", ", "):
        parts = sentence.split(joint)
        told = [_retold(code, part) for part in parts] if len(parts) > 1 else [None]
        if all(told):
            return joint.join(one for one in told if one)
    facts = sentence.split(" · ")
    known = [_retold(code, fact) for fact in facts] if len(facts) > 1 else [None]
    return " · ".join(said or fact for said, fact in zip(known, facts, strict=True)) if any(known) else None


def _lined(code: str, text: str) -> str | None:
    """A paragraph of several lines, a dash before those of a list: known where its lines are. A line alone is no paragraph."""
    if "\n" not in text:
        return None
    told = [_retold(code, line.removeprefix("- ")) for line in text.split("\n")]
    dashes = ["- " if line.startswith("- ") else "" for line in text.split("\n")]
    return "\n".join(dash + line for dash, line in zip(dashes, told, strict=True) if line is not None) if None not in told else None


def _all_facts(code: str, sentence: str) -> str | None:
    """Facts set apart by dots, all known: before any pattern, whose value would swallow the others."""
    known = [_retold(code, fact) for fact in sentence.split(" · ")] if " · " in sentence else [None]
    return " · ".join(one for one in known if one) if all(known) else None


def _of_one(code: str, sentence: str) -> str | None:
    """What is wrong with a row, or was done to one kind of thing: before any pattern, whose value would swallow the label."""
    return _labelled(code, sentence) if LABEL.match(sentence) else None


def _labelled(code: str, sentence: str) -> str | None:
    """`403-7: Its label is missing.`: what it is about, by a name or a number, and a sentence that we know."""
    about, _, rest = sentence.partition(": ")
    if not rest or len(about) > LONGEST_VALUE or about.endswith((".", "!", "?")):
        return None
    said = _known(code, rest)
    return f"{_value(code, about)}: {said}" if said is not None else None


def _marked(code: str, words: str) -> str | None:
    """`API secret 9F3A11C0`: what is saved under a label that we know."""
    found = MARKED.fullmatch(words)
    said = _retold(code, found[1]) if found else None
    return f"{said} {found[2]}" if found and said else None


def _ended(code: str, sentence: str) -> str | None:
    """Words that we know, with a full stop after them."""
    said = _retold(code, sentence[:-1]) if sentence.endswith(".") else None
    return None if said is None else f"{said}।"


def _value(code: str, value: str) -> str:
    """A value of a sentence: translated where it is words of ours, a date with its month in the reader's language."""
    said = _known(code, value)
    return said or DATE.sub(lambda found: " ".join(_calendar(code).get(part, part) for part in found[0].split()), value)


def _known(code: str, value: str) -> str | None:
    """A value that is words of ours: as it stands, with another first letter, or a name from a list of ours (`FULL_PROCESSING`)."""
    ways = (value, value[:1].upper() + value[1:], value[:1].lower() + value[1:], value.replace("_", " ").capitalize())
    return next((told for one in ways if (told := _retold(code, one)) is not None), None)


@cache
def _calendar(code: str) -> dict[str, str]:
    """English names of months and days, short and long, as the reader's language has them."""
    found: dict[str, str] = {}
    for names in (get_month_names, get_day_names):
        for width in ("abbreviated", "wide"):
            theirs = names(width, locale=LANGUAGES[code].locale)
            found |= {name: theirs[number] for number, name in names(width, locale=ENGLISH.locale).items()}
    return found


@cache
def _same(code: str) -> frozenset[str]:
    """What reads the same in both languages: names that a marketplace uses on its own pages."""
    return frozenset(one.id for one in written(code) if isinstance(one.id, str) and one.string == one.id)


@cache
def patterns(code: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The sentences of a catalogue that carry values, as patterns. The more words of its own a pattern has, the earlier it is tried."""
    carrying = [one for one in messages(code) if VALUE.search(one)]
    carrying.sort(key=lambda one: len(VALUE.sub("", one)), reverse=True)
    return tuple((_pattern(one), one) for one in carrying if len(VALUE.sub("", one)) >= LEAST_WORDS)


def _pattern(english: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def group(name: str) -> str:
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>.+?)"

    parts = VALUE.split(english)
    # Odd places hold the names of the values, even ones the words between them.
    return re.compile(
        "".join(group(part) if place % 2 else re.escape(part.replace("%%", "%")) for place, part in enumerate(parts)), re.DOTALL
    )
