"""What is printed for packing can be scanned and read, and nothing is left out."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.documents.paper import Paper
from portal.documents.parcels import SlipLine, picks
from portal.documents.slips import packing_slips, pick_list
from portal.documents.symbols import Unprintable, draw_code128, draw_qr
from tests.documents.making import slip
from tests.documents.seeing import pictures, read, texts


def test_every_symbol_says_its_own_parcel() -> None:
    slips = [slip(number) for number in range(12)]
    assert [(page["Code128"], page["QRCode"]) for page in read(packing_slips(slips)[0])] == [(one.awb, one.order_number) for one in slips]


def test_a_parcel_of_many_lines_takes_several_sheets_each_with_its_symbols() -> None:
    lines = tuple(SlipLine(sku=f"SKU-{number}", title=f"Thing {number}", quantity=1) for number in range(19))
    one = slip(1, lines=lines)
    pdf, sheets = packing_slips([one, slip(2)])
    assert sheets == [3, 1]
    pdf, _ = packing_slips([one])
    assert [page["Code128"] for page in read(pdf)] == [one.awb] * 3
    pages = texts(pdf)
    assert all(any(line.title in page for page in pages) for line in lines)
    assert "Sheet 3 of 3" in pages[2]


def test_a_parcel_without_a_courier_yet_has_no_barcode() -> None:
    (page,) = read(packing_slips([replace(slip(1), awb="")])[0])
    assert "Code128" not in page
    assert page["QRCode"] == "OD-0000001"


def test_a_number_that_no_barcode_can_hold_stands_there_in_letters_and_stops_nobody() -> None:
    odd = replace(slip(1), awb="AWB-" + "9" * 60, carrier="")
    pdf, _ = packing_slips([odd, slip(2)])
    assert ["Code128" in page for page in read(pdf)] == [False, True]
    assert odd.awb[:20] in texts(pdf)[0]


@pytest.mark.parametrize("number", ["12345678901234", "FMPP0123456789", "SF1234567890IN", "a-b_c/d.9", "7D1000000000000001"])
def test_barcodes_read_back_whatever_letters_couriers_use(number: str) -> None:
    paper = Paper(title="symbols")
    paper.add_page()
    draw_code128(paper, number, x=20, y=30, width=90, height=15)
    draw_qr(paper, f"https://example.in/{number}", x=20, y=60, side=35)
    assert read(paper.finished()) == [{"Code128": number, "QRCode": f"https://example.in/{number}"}]


@pytest.mark.parametrize("number", ["", "हिन्दी", "X" * 90])
def test_what_no_scanner_could_read_is_refused(number: str) -> None:
    paper = Paper(title="symbols")
    paper.add_page()
    with pytest.raises(Unprintable):
        draw_code128(paper, number, x=5, y=5, width=90, height=15)


def test_a_hindi_name_can_be_copied_and_stands_in_ink() -> None:
    pdf, _ = packing_slips([slip(1)])
    (page,) = texts(pdf)
    # A vowel sign may stand before its consonant in a copied text, as it does on paper; no letter may be missing.
    wanted = Counter(letter for letter in "प्रियंका क्षत्रिय गांधी" if not letter.isspace())
    assert not wanted - Counter(page)
    shaped, unshaped = (_ink(shaping=shaping) for shaping in (True, False))
    assert shaped != unshaped


def _ink(*, shaping: bool) -> bytes:
    paper = Paper(title="name")
    paper.add_page()
    if shaping:
        paper.say("क्षत्रिय", size=20)
    else:
        paper.ready("क्षत्रिय", size=20)
        paper.set_text_shaping(use_shaping_engine=False)
        paper.cell(100, 10, "क्षत्रिय")
    (picture,) = pictures(paper.finished())
    assert picture.histogram()[0] > 0
    return picture.tobytes()


@pytest.mark.parametrize("text", ["বাংলা", "ਪੰਜਾਬੀ", "ગુજરાતી", "ଓଡ଼ିଆ", "தமிழ்", "తెలుగు", "ಕನ್ನಡ", "മലയാളം", "हिन्दी ₹ English"])
def test_names_in_the_scripts_of_india_have_letters(text: str, caplog: pytest.LogCaptureFixture) -> None:
    paper = Paper(title="names")
    paper.add_page()
    paper.say(text, size=14)
    paper.say(text, size=14, bold=True)
    paper.finished()
    assert [one.getMessage() for one in caplog.records if "missing" in one.getMessage()] == []


@given(st.lists(st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(1, 9)), min_size=1, max_size=4), max_size=8))
@settings(max_examples=50, deadline=None)
def test_the_pick_list_takes_every_piece_once(carts: list[list[tuple[str, int]]]) -> None:
    slips = [
        slip(number, lines=tuple(SlipLine(sku=sku, title=sku, quantity=many) for sku, many in cart)) for number, cart in enumerate(carts)
    ]
    wanted: Counter[str] = Counter()
    for cart in carts:
        for sku, many in cart:
            wanted[sku] += many
    found = picks(slips)
    assert {pick.sku: pick.quantity for pick in found} == dict(wanted)
    for pick in found:
        assert pick.orders == tuple(one.order_number for one in slips if any(line.sku == pick.sku for line in one.lines))


def test_the_pick_list_prints_every_sku_on_as_many_sheets_as_it_takes() -> None:
    slips = [slip(number, lines=(SlipLine(sku=f"SKU-{number:03}", title="Thing", quantity=1),)) for number in range(60)]
    pages = texts(pick_list(picks(slips), heading="Pick list"))
    assert len(pages) == 3
    assert all(any(f"SKU-{number:03}" in page for page in pages) for number in range(60))
    assert "Nothing to pick." in texts(pick_list((), heading="Pick list"))[0]


def test_a_buyer_stays_out_of_what_is_logged() -> None:
    assert "प्रियंका" not in repr(slip(1))
