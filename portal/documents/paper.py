"""A PDF that writes English and the scripts of India, in millimetres from the top left corner.

The fonts lie in `fonts/` with their licence. Reading one takes a moment, so a script's font is read when a text first needs it.
"""

import re
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos

FONTS = Path(__file__).parent / "fonts"

A4 = (210.0, 297.0)
LABEL = (101.6, 152.4)
"""Four by six inches, the size of label printers."""

MARGIN = 5.0
POINT = 0.3528
"""Millimetres."""

SCRIPTS = {
    # name of the font: the script's block in Unicode
    "Devanagari": re.compile("[\u0900-\u097f]"),
    "Bengali": re.compile("[\u0980-\u09ff]"),
    "Gurmukhi": re.compile("[\u0a00-\u0a7f]"),
    "Gujarati": re.compile("[\u0a80-\u0aff]"),
    "Oriya": re.compile("[\u0b00-\u0b7f]"),
    "Tamil": re.compile("[\u0b80-\u0bff]"),
    "Telugu": re.compile("[\u0c00-\u0c7f]"),
    "Kannada": re.compile("[\u0c80-\u0cff]"),
    "Malayalam": re.compile("[\u0d00-\u0d7f]"),
}
PLAIN = re.compile("[\u0000-\u024f\u2010-\u2027\u20b9\u00d7]*")
UNPRINTABLE = re.compile("[\x00-\x1f\x7f]+")


class Paper(FPDF):
    """Pages of one size. Text is shaped where its script asks for it, so that Indian vowel signs and conjuncts stand where a reader expects them."""

    def __init__(self, size: tuple[float, float] = A4, *, margin: float = MARGIN, title: str = "") -> None:
        super().__init__(unit="mm", format=size)
        self.set_margin(margin)
        self.set_auto_page_break(auto=False, margin=margin)
        self.set_title(title)
        self.add_font("Sans", "", FONTS / "NotoSans-Regular.ttf")
        self.add_font("Sans", "B", FONTS / "NotoSans-Bold.ttf")
        self._scripts: list[str] = []

    @property
    def inside(self) -> float:
        """The width between the margins."""
        return float(self.epw)

    @property
    def bottom(self) -> float:
        """Where the printable part of a page ends."""
        return float(self.h - self.b_margin)

    def say(
        self, text: str, *, x: float | None = None, y: float | None = None, width: float | None = None, size: float = 9, bold: bool = False,
        align: str = "L", lines: int = 1,
    ) -> float:  # fmt: skip
        """Write a text into at most `lines` lines of `width`, cut with an ellipsis where it is longer. Answers where it ends.

        `size` is in points; without `x` and `y` it goes to the left margin, below what was written last.
        """
        left = self.l_margin if x is None else x
        top = self.get_y() if y is None else y
        wide = self.w - self.r_margin - left if width is None else width
        height = size * POINT * 1.35
        self.ready(text, size=size, bold=bold)
        for line in self.broken(text, wide, lines=lines):
            self.set_xy(left, top)
            self.cell(wide, height, line, align=Align.coerce(align), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            top += height
        self.set_xy(self.l_margin, top)
        return top

    def broken(self, text: str, width: float, *, lines: int) -> list[str]:
        """The text in lines that fit, with the font as it stands. The last of too many ends in an ellipsis."""
        clean = UNPRINTABLE.sub(" ", text).strip()
        if not clean or self.get_string_width(clean) <= width - 2 * self.c_margin:
            return [clean]
        found = self.multi_cell(width, text=clean, align=Align.L, dry_run=True, output="LINES") if lines > 1 else [clean]
        assert isinstance(found, list)
        kept = [str(line) for line in found[:lines]]
        if len(found) > lines or self.get_string_width(kept[-1]) > width - 2 * self.c_margin:
            kept[-1] = self._shortened(kept[-1], width - 2 * self.c_margin)
        return kept

    def _shortened(self, text: str, width: float) -> str:
        fits, too_long = 0, len(text)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self.get_string_width(f"{text[:middle]}…") <= width:
                fits = middle
            else:
                too_long = middle
        return f"{text[:fits]}…"

    def ready(self, text: str, *, size: float, bold: bool = False) -> None:
        """Choose the font for what comes next, and read the fonts of the scripts in it."""
        for script, letters in SCRIPTS.items():
            if script not in self._scripts and letters.search(text):
                self._scripts.append(script)
                for style, weight in (("", "Regular"), ("B", "Bold")):
                    path = FONTS / f"NotoSans{script}-{weight}.ttf"
                    # Only the commonest script has a bold cut; the others stay readable in their regular one.
                    self.add_font(script, style, path if path.exists() else FONTS / f"NotoSans{script}-Regular.ttf")
                self.set_fallback_fonts(self._scripts)
        # Latin letters stand side by side as they are; shaping them all the same takes two thirds of the time.
        self.set_text_shaping(use_shaping_engine=PLAIN.fullmatch(text) is None)
        self.set_font("Sans", "B" if bold else "", size)

    def rule(self, y: float, *, x: float | None = None, width: float | None = None) -> None:
        """A thin line across the page, or a part of it."""
        left = self.l_margin if x is None else x
        self.set_line_width(0.2)
        self.line(left, y, left + (self.inside if width is None else width), y)

    def finished(self) -> bytes:
        """The file."""
        made = self.output()
        assert made is not None
        return bytes(made)
