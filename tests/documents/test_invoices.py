"""GST to the paisa: what is printed adds up, and follows the law's arithmetic."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.documents.billing import Invoice
from portal.documents.invoices import invoices
from portal.documents.parties import Party
from portal.documents.tax import FULL, Sale, by_hsn, in_words, percent, rupees, summed, taxed
from tests.documents.making import BUYER, SELLER
from tests.documents.seeing import texts

RATES = (0, 25, 300, 500, 1200, 1800, 2800, 4000)

sales = st.builds(
    Sale,
    description=st.just("Cotton kurta"),
    hsn=st.sampled_from(("6103", "61091000", "420212")),
    quantity=st.integers(1, 50),
    amount=st.integers(0, 50_000_000),
    rate=st.sampled_from(RATES),
    inclusive=st.booleans(),
)


def invoice(*lines: Sale, place: str = "27", number: str = "AT/26-27/0001") -> Invoice:
    return Invoice(number=number, day=date(2026, 11, 22), seller=SELLER, buyer=BUYER, place_of_supply=place, sales=lines)


KURTA = Sale(description="Cotton kurta", hsn="6103", quantity=2, amount=99_900, rate=500)


@given(st.lists(sales, min_size=1, max_size=20), st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_line_and_every_total_adds_up(cart: list[Sale], between_states: bool) -> None:
    lines = [taxed(sale, between_states=between_states) for sale in cart]
    for sale, line in zip(cart, lines, strict=True):
        if sale.inclusive:
            assert line.total == sale.amount
        else:
            assert line.taxable == sale.amount
        if between_states:
            assert line.cgst == line.sgst == 0
        else:
            assert line.igst == 0
            assert line.cgst == line.sgst
        exact = Fraction(sale.amount * sale.rate, FULL + sale.rate if sale.inclusive else FULL)
        taxes = [line.igst] if between_states else [line.cgst, line.sgst]
        assert all(abs(tax - exact / len(taxes)) <= Fraction(1, 2) for tax in taxes)
    total = summed(lines)
    assert total.total == total.taxable + total.cgst + total.sgst + total.igst == sum(line.total for line in lines)
    groups = by_hsn(cart, lines)
    assert summed(groups.values()) == total
    assert set(groups) == {(sale.hsn, sale.rate) for sale in cart}


def test_the_place_of_supply_decides_which_tax() -> None:
    assert (invoice(KURTA, place="27").total.igst, invoice(KURTA, place="27").total.cgst) == (4757, 0)
    at_home = invoice(KURTA, place="24").total
    assert (at_home.igst, at_home.cgst, at_home.sgst, at_home.taxable) == (0, 2379, 2379, 95_142)


def test_the_second_half_is_called_utgst_where_there_is_no_legislature() -> None:
    diu = Party(name="Diu Traders", address=("1 Fort Road",), state="26", gstin="26ABCDE1234F1Z2")
    assert "UTGST" in texts(invoices([replace(invoice(KURTA, place="26"), seller=diu)]))[0]
    assert "UTGST" not in texts(invoices([invoice(KURTA, place="24")]))[0]


def test_the_paper_says_what_rule_46_asks_for() -> None:
    other = Sale(description="Leather bag", hsn="420212", quantity=1, amount=250_000, rate=1800, inclusive=False)
    made = invoice(KURTA, other)
    (page,) = texts(invoices([made]))
    for wanted in (made.number, "22 Nov 2026", SELLER.gstin, "Asha Textiles", "Maharashtra (27)", "6103", "420212", "IGST", "18%", "5%"):
        assert wanted in page
    for amount in (made.total.taxable, made.total.igst, made.total.total, *(line.total for line in made.lines)):
        assert rupees(amount) in page
    assert "CGST" not in page
    assert in_words(made.total.total) in page.replace("\r\n", " ")


def test_a_long_invoice_goes_on_without_losing_a_line() -> None:
    lines = tuple(replace(KURTA, description=f"Kurta number {number:03}", amount=100_00 + number) for number in range(70))
    pages = texts(invoices([invoice(*lines)]))
    assert len(pages) > 2
    assert all(any(line.description in page for page in pages) for line in lines)
    assert all("AT/26-27/0001" in page for page in pages)
    assert sum("Authorised signatory" in page for page in pages) == 1


@pytest.mark.parametrize("number", ["", "A" * 17, "No 5", "AT#5"])
def test_numbers_that_the_rules_forbid_are_refused(number: str) -> None:
    with pytest.raises(ValueError, match="rule 46"):
        invoice(KURTA, number=number)


@pytest.mark.parametrize(
    "wrong", [{"hsn": "12"}, {"hsn": "61O3"}, {"quantity": 0}, {"amount": -1}, {"rate": 10_001}, {"rate": -1}], ids=str
)
def test_lines_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"HSN|piece"):
        replace(KURTA, **wrong)


def test_a_gstin_belongs_to_its_state() -> None:
    with pytest.raises(ValueError, match="GSTIN"):
        replace(SELLER, state="27")
    with pytest.raises(ValueError, match="state code"):
        replace(BUYER, state="99")


@pytest.mark.parametrize(
    ("paise", "figures", "words"),
    [
        (0, "0.00", "Rupees zero only"),
        (5, "0.05", "Rupees zero and five paise only"),
        (100_000, "1,000.00", "Rupees one thousand only"),
        (12_345_678, "1,23,456.78", "Rupees one lakh twenty three thousand four hundred fifty six and seventy eight paise only"),
        (10_000_000_00, "1,00,00,000.00", "Rupees one crore only"),
    ],
)
def test_amounts_are_written_as_in_india(paise: int, figures: str, words: str) -> None:
    assert rupees(paise) == figures
    assert in_words(paise) == words


def test_rates_are_written_without_needless_zeros() -> None:
    assert [percent(rate) for rate in (0, 25, 500, 1800)] == ["0%", "0.25%", "5%", "18%"]
