"""Sandboxes' papers are real ones: a scanner reads the symbol, a reader finds the words, and another program can merge them."""

from io import BytesIO

import pytest
from pypdf import PdfReader

from portal.marketplaces.sandbox_papers import Sheet, printed
from tests.documents.seeing import read


@pytest.mark.parametrize("number", ["VL0123456789012", "SB0000000017", "37104512345678901234"])
def test_a_scanner_reads_the_number(number: str) -> None:
    assert read(printed([Sheet(lines=("Delhivery",), barcode=number)])) == [{"Code128": number}]


def test_each_sheet_is_a_page_with_its_words() -> None:
    made = printed([Sheet(lines=("Label (1 of 2)", r"back\slash"), barcode="AWB1"), Sheet(lines=("Tax invoice",))])

    first, second = (page.extract_text() for page in PdfReader(BytesIO(made), strict=True).pages)

    assert "Label (1 of 2)\nback\\slash" in first
    assert "AWB1" in first
    assert second == "Tax invoice"
