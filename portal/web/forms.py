"""What people type and paste: cleaned before it is judged, with a word about what was taken away."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from portal.errors import BadInput

FORM_TOKEN = "form_token"  # the name of the hidden field
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}
_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A value as it will be used. `removed` tells the person what we took away; it never quotes the value."""

    value: str = field(repr=False)
    removed: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """The sentences for under the field; empty when nothing was removed."""
        return " ".join(self.removed)


def clean(text: str, *, names: Iterable[str] = (), multiline: bool = False) -> Cleaned:
    """The value without what copying adds: outer spaces, invisible characters, quotes around it, "Label:" before it.

    `names` are the labels and aliases this field is known by. Without `multiline`, line breaks inside go as well: a key wrapped by a
    mail program is one key. Upper and lower case and spaces inside stay as typed.
    """
    removed: list[str] = []
    value = text.translate(dict.fromkeys(map(ord, INVISIBLE)))
    if gone := len(text) - len(value):
        removed.append(f"We removed {_many(gone, 'invisible character')}.")
    value = _strip(value, removed)
    while True:
        shorter = _without_quotes(_without_label(value, names, removed), removed)
        if shorter == value:
            break
        value = shorter.strip()
    if not multiline:
        joined = re.sub(r"[ \t]*[\r\n\u2028\u2029]+[ \t]*", "", value)
        if joined != value:
            removed.append(f"We removed {_many(len(value.splitlines()) - 1, 'line break')} from the middle.")
        value = joined
    return Cleaned(value, tuple(removed))


def _strip(value: str, removed: list[str]) -> str:
    start, end = len(value) - len(value.lstrip()), len(value) - len(value.rstrip())
    if start and start < len(value):
        removed.append(f"We removed {_many(start, 'space')} from the start.")
    if end and end < len(value):
        removed.append(f"We removed {_many(end, 'space')} from the end.")
    return value.strip()


def _without_label(value: str, names: Iterable[str], removed: list[str]) -> str:
    for name in names:
        found = re.match(rf"{re.escape(name)}\s*[:=]\s*(?=\S)", value, re.IGNORECASE)
        if found:
            removed.append(f'We removed "{name}" from the start.')
            return value[found.end() :]
    return value


def _without_quotes(value: str, removed: list[str]) -> str:
    if len(value) > 2 and QUOTES.get(value[0]) == value[-1]:
        removed.append("We removed the quotes around it.")
        return value[1:-1]
    return value


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


class Mistakes:
    """The mistakes of one form, in the order of its fields: collect them all, then refuse once."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}

    def add(self, name: str, sentence: str) -> None:
        """One sentence per field: the first one found is the one to correct first."""
        self.fields.setdefault(name, sentence)

    def __bool__(self) -> bool:
        return bool(self.fields)

    def refuse(self, sentence: str = "Some of these details need another look.") -> None:
        """Raises BadInput when there is any mistake."""
        if self.fields:
            raise BadInput(sentence, fields=self.fields)


def in_order(errors: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The same mistakes in the order of the form's fields, for the summary above it; mistakes of no field come last."""
    known = {name: errors[name] for name in names if name in errors}
    return known | {name: sentence for name, sentence in errors.items() if name not in known}


def fresh_form_token() -> str:
    """A new value for the hidden `form_token`, one per rendering: whoever acts on a form remembers it and acts once."""
    return secrets.token_hex(16)


def form_token(form: Mapping[str, object]) -> str:
    """The token a form was sent with. BadInput when it is missing or no token of ours."""
    sent = form.get(FORM_TOKEN)
    if not isinstance(sent, str) or not _TOKEN.fullmatch(sent):
        raise BadInput("This form came without its number. Load the page again, then repeat your last step.")
    return sent
