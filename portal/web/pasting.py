"""Everything at once: finds the values of a form in a pasted mail, a list of `name: value` lines, or JSON."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from portal.errors import BadInput
from portal.web.forms import clean

LARGEST = 256 * 1024
DEEPEST = 6
_QUOTED = re.compile(r"^(?:>\s?)+")  # the mark of a quoted mail
_QUOTED_VALUE = re.compile(r"""(?P<mark>["'])(?P<value>.*)(?P=mark)[,;]?""")
_SIGN = re.compile(r"\s*(?::|=|\t|\s[–—-]\s|\bis\b)\s*")


@dataclass(frozen=True, slots=True)
class Pasted:
    """What a block held: field name to value. `missing` are the fields it did not mention, in the form's order."""

    found: Mapping[str, str] = field(repr=False)
    missing: tuple[str, ...] = ()


def paste_block(text: str, names: Mapping[str, Sequence[str]]) -> Pasted:
    """The values in a pasted block. `names` maps each field to its label and every other name it goes by.

    Names match without regard to case, spaces and punctuation. The first value of a field counts; a JSON value that is a list or an
    object comes back as JSON. BadInput when the block is too large or holds nothing we know.
    """
    if len(text.encode()) > LARGEST:
        raise BadInput("This is more than 256 KB. Paste only the part with the details.")
    known = {_key(name): one for one, aliases in names.items() for name in (one, *aliases)}
    pairs = _from_json(text, known) if text.lstrip().startswith(("{", "[")) else _from_lines(text, known)
    found: dict[str, str] = {}
    for name, value in pairs:
        kept = clean(value, names=names[name]).value
        if kept:
            found.setdefault(name, kept)
    if not found:
        raise BadInput("We found none of the details in this text. Paste each one into its own box instead.")
    return Pasted(found, tuple(name for name in names if name not in found))


def _from_json(text: str, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    try:
        block = msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        # A mail may begin with a bracket too.
        yield from _from_lines(text, known)
        return
    yield from _named(block, known, DEEPEST)


def _named(block: object, known: Mapping[str, str], depth: int) -> Iterator[tuple[str, str]]:
    if depth == 0:
        return
    if isinstance(block, list):
        for one in block:
            yield from _named(one, known, depth - 1)
    elif isinstance(block, dict):
        # Chrome and Postman write {"name": …, "value": …} rows.
        if isinstance(block.get("name"), str) and _key(block["name"]) in known and "value" in block:
            yield known[_key(block["name"])], _text(block["value"])
        for name, value in block.items():
            if _key(name) in known:
                yield known[_key(name)], _text(value)
            else:
                yield from _named(value, known, depth - 1)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _from_lines(text: str, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    waiting: str | None = None
    for raw in text.splitlines():
        line = _QUOTED.sub("", raw).strip()
        if not line:
            continue
        name, value = _split(line, known)
        if name is not None:
            waiting = None if value else name
            if value:
                yield name, value
        elif waiting is not None:
            # "API key:" alone on a line, its value on the next.
            yield waiting, line
            waiting = None


def _split(line: str, known: Mapping[str, str]) -> tuple[str | None, str]:
    """The field a line names and what follows; None where it names no field."""
    for sign in _SIGN.finditer(line):
        name = known.get(_key(line[: sign.start()]))
        if name is not None:
            # The second pair of stars of a bold label, and the comma of a line out of JSON; nothing else may go, keys end in anything.
            value = line[sign.end() :].removeprefix("**").strip()
            quoted = _QUOTED_VALUE.fullmatch(value)
            return name, quoted["value"] if quoted else value
    return known.get(_key(line)), ""


def _key(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
