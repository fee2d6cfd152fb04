"""Numbers that can be checked without asking: GSTIN and pincode."""

import pytest

from portal.marketplaces.indian import good_gstin, lies_in

GOOD = "27AAPFU0939F1ZV"


def test_a_gstin_with_its_right_check_character_is_good() -> None:
    assert good_gstin(GOOD)


@pytest.mark.parametrize("wrong", ["27AAPFU0939F1ZX", "28AAPFU0939F1ZV", "27AAPFU0939F1Z", "27aapfu0939f1zv", "27AAPFU0939F1YV", ""])
def test_any_other_character_makes_it_wrong(wrong: str) -> None:
    assert not good_gstin(wrong)


@pytest.mark.parametrize(
    ("pincode", "state", "there"),
    [
        ("395003", "Gujarat", True),
        ("560001", "Karnataka", True),
        ("560001", "Gujarat", False),
        ("110001", "NCT of Delhi", True),
        ("190001", "Jammu & Kashmir", True),
        ("403001", "GOA", True),
        ("751001", "Orissa", True),
        ("605001", "Pondicherry", True),
        ("012345", "Delhi", False),
        ("39500", "Gujarat", False),
        ("900001", "Assam", True),
    ],
)
def test_a_pincode_lies_in_its_state(pincode: str, state: str, there: bool) -> None:
    assert lies_in(pincode, state) is there
