"""The language somebody reads in: chosen per request, spoken by every sentence that is painted for it.

Sentences stand in the code in English. `mark` only shows one to the catalogues and leaves it as it is, for tables of words and whatever is
kept; `gettext` and `ngettext` say it in the language of the moment. Outside a request (worker, command line) that is English, so what
goes into rows and logs is English as well. A mail is the exception: it is written `speaking` its reader's language.

The catalogues are `locale/<code>/LC_MESSAGES/portal.po`; they are compiled in memory when first needed, so no built file can be stale.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

CATALOGUES = Path(__file__).parent / "locale"


class Language(NamedTuple):
    """`tag` goes into `<html lang>`, `locale` to Babel; `name` is what its own speakers call it."""

    code: str
    name: str
    tag: str
    locale: str


ENGLISH = Language("en", "English", "en-IN", "en_IN")
LANGUAGES = {one.code: one for one in (ENGLISH, Language("hi", "हिन्दी", "hi-IN", "hi_IN"))}

_spoken: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def spoken() -> Language:
    """The language of this request; English where there is none."""
    return _spoken.get()


def speak(code: str) -> None:
    """From here on this request is answered in the language `code`; an unknown one changes nothing."""
    if code in LANGUAGES:
        _spoken.set(LANGUAGES[code])


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Inside, everything is said in the language `code`; an empty or unknown one changes nothing. For what somebody else will read."""
    token = _spoken.set(LANGUAGES.get(code, spoken()))
    try:
        yield
    finally:
        _spoken.reset(token)


def preferred(accepted: str) -> str:
    """The code a browser likes best of those we have, by its `Accept-Language` header; English for a header that names none."""
    wishes = [(_weight(wish), wish.strip()[:2].lower()) for wish in accepted.split(",")]
    known = [(weight, code) for weight, code in wishes if weight > 0 and code in LANGUAGES]
    return max(known, key=lambda one: one[0])[1] if known else ENGLISH.code


def _weight(wish: str) -> float:
    said = re.search(r";\s*q=(\d(?:\.\d{1,3})?)\s*$", wish)
    return float(said[1]) if said else 1.0


def mark(sentence: str) -> str:
    """The sentence itself: seen by the catalogues here, said by `gettext` where it is painted."""
    return sentence


def gettext(sentence: str, **values: object) -> str:
    """The sentence in the language of the moment, with its `%(named)s` values filled in; English where it has no translation."""
    said = catalogue(spoken().code).gettext(sentence) if sentence else ""
    return said % values if values else said


def ngettext(one: str, many: str, n: int, **values: object) -> str:
    """`one` or `many` by the plural rule of the language. `%(n)s` is the number as people write it, unless `values` says otherwise."""
    return plural(one, many, n) % {"n": n, **values}


def plural(one: str, many: str, n: int) -> str:
    """`one` or `many` by the plural rule of the language, its places still empty: templates fill them, and escape what they fill in."""
    return catalogue(spoken().code).ngettext(one, many, n)


@cache
def catalogue(code: str) -> NullTranslations:
    """The sentences of one language, compiled from its .po file."""
    if code == ENGLISH.code:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, written(code))
    compiled.seek(0)
    return GNUTranslations(compiled)


def written(code: str) -> Catalog:
    """The catalogue as its translators keep it."""
    with path_of(code).open("rb") as file:
        return read_po(file, locale=LANGUAGES[code].locale, domain="portal")


def path_of(code: str) -> Path:
    return CATALOGUES / code / "LC_MESSAGES" / "portal.po"


def messages(code: str) -> list[str]:
    """The English sentences that a catalogue translates; of plurals the form for many."""
    return [one.id if isinstance(one.id, str) else one.id[1] for one in written(code) if one.id and one.string]
