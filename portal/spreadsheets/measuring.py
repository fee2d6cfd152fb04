"""Measures the XML of a workbook while it is unpacked: where its cells are, and how much text a reader would hold.

It sees what the reader sees: a cell without a place stands right of the one before, a row without a number below the last, and an
empty cell with nothing but a colour is none.
"""

import re
from collections import Counter
from string import ascii_letters
from xml.parsers import expat

from portal.spreadsheets.refusal import Bounds, Fault

PLACE = re.compile(r"([A-Za-z]{1,4})[0-9]{1,9}")
NUMBER = re.compile(r"[0-9]{1,9}")

SPARSE = 0.1
"""A sheet of which less holds anything is no big table but a small one with something far away."""


class TooMuch(Exception):
    """A bound is passed, or the XML is none that a spreadsheet program writes."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class Measure:
    """What all parts of a workbook hold together. Shared texts are kept as lengths, so that the text of all cells can be told at the end."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.uses: Counter[int] = Counter()
        self.lengths: list[int] = []
        self.part_of_texts: Part | None = None

    def finish(self) -> None:
        """Once every part is measured. Raises TooMuch where cells name texts that are not there, or share more than is allowed."""
        if self.uses and max(self.uses) >= len(self.lengths):
            raise TooMuch(Fault.DAMAGED)
        if sum(times * self.lengths[text] for text, times in self.uses.items()) > self.bounds.text:
            raise TooMuch(Fault.TOO_BIG)


class Part:
    """One part, fed as it is unpacked. Raises TooMuch at the first thing that passes a bound, ExpatError for what is no XML."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._bounds = measure.bounds
        self._row = self._column = 0
        self._rows = self._columns = self._filled = 0
        self._in_cell = self._in_text = self._shares = self._known = False
        self._number: str | None = None
        self._length = 0
        # Whatever the part says of its letters: the reader takes them for UTF-8 too.
        self._parser = parser = expat.ParserCreate("UTF-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.CommentHandler = parser.ProcessingInstructionHandler = parser.StartCdataSectionHandler = self._refuse_in_number
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        self._parser.Parse(chunk, last)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._refuse_in_number()
        match name.rpartition(":")[2]:
            case "c":
                place = attributes.get("r")
                self._column = self._column + 1 if place is None else _column(place)
                self._row = self._row if place is None else _number(place.lstrip(ascii_letters))
                self._in_cell, self._known, self._shares, self._length = True, False, attributes.get("t") == "s", 0
            case "row":
                self._row = _number(attributes["r"]) if "r" in attributes else self._row + 1
                self._column = 0
            case "si":
                self._begin_text()
            case inside if self._in_cell:
                self._fill()
                if inside == "v" and self._shares:
                    self._number = ""

    def _begin_text(self) -> None:
        """One of the texts that cells share; all of them stand in one part."""
        if self._measure.part_of_texts not in (None, self):
            raise TooMuch(Fault.DAMAGED)
        self._measure.part_of_texts = self
        self._in_text, self._length = True, 0

    def _fill(self) -> None:
        """The cell holds something, so the sheet reaches to it."""
        self._filled += not self._known
        self._known = True
        self._rows, self._columns = max(self._rows, self._row), max(self._columns, self._column)
        if self._rows > self._bounds.rows:
            raise TooMuch(Fault.TOO_LONG)
        if self._columns > self._bounds.columns:
            raise TooMuch(Fault.TOO_WIDE)
        if (area := self._rows * self._columns) > self._bounds.cells:
            raise TooMuch(Fault.TOO_WIDE if self._filled < area * SPARSE else Fault.TOO_BIG)

    def _text(self, text: str) -> None:
        if self._number is not None:
            self._number += text
        if self._in_cell or self._in_text:
            self._length += len(text)
            if self._length > self._bounds.letters:
                raise TooMuch(Fault.LONG_CELL)

    def _end(self, name: str) -> None:
        if self._number is not None:
            self._measure.uses[_number(self._number or "0")] += 1
            self._number = None
        match name.rpartition(":")[2]:
            case "c":
                self._in_cell = False
            case "si":
                self._measure.lengths.append(self._length)
                self._in_text = False

    def _refuse_in_number(self, *_: object) -> None:
        """Nothing but digits says which text a cell shares: readers differ in what they make of anything else."""
        if self._number is not None:
            raise TooMuch(Fault.DAMAGED)

    def _refuse(self, *_: object) -> None:
        """No spreadsheet program declares a document type, and what one can do is of no use here."""
        raise TooMuch(Fault.DAMAGED)


def _number(digits: str) -> int:
    if not NUMBER.fullmatch(digits):
        raise TooMuch(Fault.DAMAGED)
    return int(digits)


def _column(place: str) -> int:
    """28 for "AB7"."""
    found = PLACE.fullmatch(place)
    if found is None:
        raise TooMuch(Fault.DAMAGED)
    column = 0
    for letter in found[1].upper():
        column = column * 26 + ord(letter) - 64
    return column
