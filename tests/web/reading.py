"""What somebody reads on a page: its words, and those of them that are English on a page that should be Hindi."""

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser

from tests import words

ALLOWED = {
    # Names of marketplaces, browsers and things that sellers call by these letters in any language.
    *(
        "Ajio",
        "AJIO",
        "Amazon",
        "Amazon India",
        "Flipkart",
        "Meesho",
        "API",
        "AWB",
        "CSV",
        "FBA",
        "GST",
        "GSTIN",
        "HTTP",
        "HTTPS",
        "ID",
        "INR",
        "IST",
    ),
    *("JSON", "KB", "MB", "OK", "PDF", "POB", "RTO", "SKU", "TCS", "TDS", "TXT", "TSV", "XLSX", "WhatsApp", "am", "pm", "ms", "English"),
}
"""Besides these, a page may say in Latin letters what a translation says so, word for word: `Seller Central`."""

SILENT = {"script", "style", "q", "code", "pre", "textarea", "template"}
"""Elements of which no word is ours: a marketplace's own words in quotation, codes, and what somebody typed."""

SPOKEN = {"aria-label", "title", "placeholder", "alt", "data-offline", "data-failed", "data-lost", "data-copied", "data-l"}
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
NO_WORD = re.compile(
    r"\b[A-Z0-9]{3,4}(?:-[A-Z0-9]{4})+\b|\w*\*{4}\w*|\b[a-z]+(?:[A-Z][a-z]+)+\b|\S+@\S+|\S*(?:\.[A-Za-z]|/|=)\S*|[\w-]*\d[\w-]*|\.\w+"
)
"""Addresses, paths, file names, columns of a file and ids."""

RUN = re.compile(r"[A-Za-z][\w'’-]*(?: [A-Za-z][\w'’-]*)*")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._open: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.said += [value for name, value in attrs if name in SPOKEN and value]
        if tag == "input":
            told = dict(attrs)
            self.said += [told.get("value") or ""] if told.get("type") in ("submit", "button") else []
        if tag not in VOID:
            self._open.append(tag in SILENT or ("id", "message") in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(self._open):
            self.said.append(data.strip())


def said_on(html: str) -> list[str]:
    """Every text of a page, and every attribute that is read out."""
    reader = _Reader()
    reader.feed(html)
    return reader.said


@cache
def _kept_in_latin() -> frozenset[str]:
    told = [one for said in words.translations("hi").values() for one in ([said] if isinstance(said, str) else said)]
    plain = (re.sub(r"%\(\w+\)s", "\N{OBJECT REPLACEMENT CHARACTER}", one) for one in told)
    return frozenset(run for one in plain for run in runs(one))


def runs(text: str) -> Iterator[str]:
    """Latin words in a row; ids and addresses are none."""
    for found in RUN.finditer(NO_WORD.sub("\N{OBJECT REPLACEMENT CHARACTER}", text)):
        yield found[0].strip("'’-")


def english(html: str, *names: str) -> list[str]:
    """What a Hindi page says in English. `names` are patterns of what somebody called a shop, a person, a product or a file."""
    found = []
    for text in said_on(html):
        plain = re.sub(r"\b(?:" + "|".join(names) + r")\b" if names else "(?!)", "\N{OBJECT REPLACEMENT CHARACTER}", text)
        allowed = ALLOWED | _kept_in_latin()
        found += [
            f"{run} (in: {text[:120]})" for run in runs(plain) if len(run) > 1 and run not in allowed and not set(run.split()) <= ALLOWED
        ]
    return found
