"""The sentences people read, as the catalogues need them. `python -m tests.words` brings every catalogue up to date.

Three sources. Templates say theirs through `_()` and `ngettext()`. Manifests hold what the wizard asks for. All other code writes plain
English, which pages put into the reader's language when they show it; those sentences are found by their shape, `{}` for each value.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from portal import language, retelling
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.methods import Method
from portal.marketplaces.registry import MARKETPLACES
from tests.syntax import parsed

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
Sentence = str | tuple[str, ...]
"""Of a plural both English forms."""


@cache
def of_templates() -> dict[Sentence, list[str]]:
    """What templates say, with the templates that say it."""
    found: dict[Sentence, list[str]] = {}
    options = {"**.html": {"trimmed": "true", "silent": "false"}}
    for name, _line, sentence, _comments, _context in extract_from_dir(TEMPLATES, [("**.html", "jinja2")], options_map=options):
        found.setdefault(sentence, []).append(name)
    return found


def of_manifest(place: Marketplace) -> Iterator[str]:
    """What a marketplace's folder says in the wizard and on an account's page."""
    yield from (place.identity_name, *place.prepare, place.payout_file_hint, place.listing_file_hint, place.invoicing_hint)
    for method in place.methods:
        yield from _of_method(method)


def _of_method(method: Method) -> Iterator[str]:
    yield from (method.name, method.explanation, method.warning, *method.prepare, *method.removal)
    for one in method.fields().values():
        yield from (one.label, one.where, one.mistake)
    for deadline in method.deadlines:
        yield from (deadline.what, deadline.advice)
    if method.capturing:
        yield from (*method.capturing.reads, *method.capturing.never)


def of_manifests() -> set[str]:
    return {sentence for place in MARKETPLACES for sentence in of_manifest(place) if sentence}


@cache
def of_code() -> frozenset[str]:
    """The shape of every text in the portal's code, in lower case, because a few begin a sentence elsewhere."""
    trees = (parsed(path) for path in (ROOT / "portal").rglob("*.py"))
    return frozenset(shape.lower() for tree in trees for node in ast.walk(tree) if (shape := _shape(node)) is not None)


def _shape(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return shape_of(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def shape_of(sentence: str) -> str:
    """A sentence of the catalogue as the code has it: `{}` in place of each value."""
    return retelling.VALUE.sub("{}", sentence).replace("%%", "%")


COMPOSED = frozenset(
    {
        *("spaces", "line breaks", "invisible characters", "minute", "minutes", "hour", "hours"),
        *("on hold", "Picked up", "In transit"),
        *("Page %(page)s: %(counts)s. %(read)s read so far.", "Page %(page)s: %(counts)s. %(read)s of about %(total)s."),
        *("%(new)s new, %(changed)s changed, %(same)s same."),
        *("%(new)s new, %(changed)s changed, %(same)s same, %(n)s set aside",),
        *("We would set it to %(number)s, at %(where)s. Nothing was sent.", "We would set it to %(number)s. Nothing was sent."),
        *("%(often)s, day and night, %(days)s.", "%(often)s, day and night%(begins)s, %(days)s."),
        *("today at %(time)s", "tomorrow at %(time)s", "Today at %(time)s", "Tomorrow at %(time)s"),
    }
)
"""What the code puts together of smaller parts, so that it stands nowhere whole."""


def places_of(sentence: Sentence) -> list[tuple[str, int]]:
    return [(f"templates/{name}", 0) for name in sorted(set(of_templates().get(sentence, ())))]


def up_to_date(code: str) -> Catalog:
    """The catalogue with every sentence of the templates and manifests, kept translations, and none that nobody says any more."""
    old = language.written(code)
    dates: Any = {"creation_date": old.creation_date, "revision_date": old.creation_date}
    new = Catalog(locale=language.LANGUAGES[code].locale, domain="portal", header_comment=HEADER, **dates, **ABOUT)
    wanted: list[Sentence] = sorted(of_templates(), key=lambda one: (places_of(one), one if isinstance(one, str) else one[0]))
    wanted += sorted(of_manifests() - set(of_templates()))
    wanted += [one for one in translations(code) if one not in wanted and said_somewhere(one)]
    for sentence in wanted:
        kept = old.get(sentence if isinstance(sentence, str) else sentence[0])
        new.add(sentence, kept.string if kept else "", locations=places_of(sentence))
    return new


def translations(code: str) -> dict[Sentence, Sentence]:
    """Every sentence of a catalogue with what it says; empty where a translation is still to come."""
    return {_whole(one.id): _whole(one.string) for one in language.written(code) if one.id}


def _whole(one: str | Sequence[str] | None) -> Sentence:
    return one if isinstance(one, str) else tuple(one or ())


def said_somewhere(sentence: Sentence) -> bool:
    """Whether a page can come to say this."""
    one = sentence if isinstance(sentence, str) else sentence[0]
    return sentence in of_templates() or one in of_manifests() or shape_of(one).lower() in of_code() or one in COMPOSED


ABOUT: Any = {
    "project": "Seller portal",
    "version": "1",
    "fuzzy": False,
    "msgid_bugs_address": "see README",
    "last_translator": "Seller portal",
    "language_team": "Hindi",
}
HEADER = """# Hindi of the seller portal. Written by us, to be read by a native speaker before a release. The words we chose: locale/README.md.
# Names that marketplaces use on their own pages stay in Latin letters: SKU, POB ID, API key, Settings."""


def main() -> None:
    for code in set(language.LANGUAGES) - {language.ENGLISH.code}:
        # Made before the file is opened, because opening empties what it is made of.
        catalogue = up_to_date(code)
        with language.path_of(code).open("wb") as file:
            write_po(file, catalogue, width=140, include_lineno=False, sort_output=False)


if __name__ == "__main__":
    main()
