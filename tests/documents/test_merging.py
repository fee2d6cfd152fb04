"""The print file has every page, in packing order, or is not made at all."""

import random

import pytest

from portal.documents.merging import PaperMissing, PaperUnreadable, in_packing_order
from portal.documents.slips import packing_slips
from tests.documents.making import slip
from tests.documents.seeing import read

SLIPS = [slip(number) for number in range(8)]
PAPERS = {one.order_number: [packing_slips([one])] for one in SLIPS}


def test_papers_come_in_packing_order() -> None:
    wanted = SLIPS.copy()
    random.Random(7).shuffle(wanted)
    merged = in_packing_order(PAPERS, [one.order_number for one in wanted])
    assert [page["Code128"] for page in read(merged)] == [one.awb for one in wanted]


def test_all_papers_of_an_order_stay_together() -> None:
    first, second = SLIPS[:2]
    both = {
        first.order_number: [*PAPERS[first.order_number], packing_slips([second, first])],
        second.order_number: PAPERS[second.order_number],
    }
    pages = read(in_packing_order(both, [first.order_number, second.order_number]))
    assert [page["Code128"] for page in pages] == [first.awb, second.awb, first.awb, second.awb]


def test_a_missing_paper_stops_the_print_and_is_named() -> None:
    with pytest.raises(PaperMissing, match="OD-99") as caught:
        in_packing_order({**PAPERS, "OD-98": []}, [SLIPS[0].order_number, "OD-99", "OD-98"])
    assert caught.value.order_numbers == ("OD-99", "OD-98")


@pytest.mark.parametrize("damaged", [b"", b"<html>Sorry</html>", b"%PDF-1.4\n%%EOF", PAPERS[SLIPS[0].order_number][0][:900]])
def test_a_damaged_paper_is_named(damaged: bytes) -> None:
    with pytest.raises(PaperUnreadable) as caught:
        in_packing_order({**PAPERS, "OD-99": [damaged]}, [SLIPS[0].order_number, "OD-99"])
    assert caught.value.order_number == "OD-99"
