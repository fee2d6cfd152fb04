"""What people paste, and what is left of it."""

import pytest

from portal.errors import BadInput
from portal.web import forms
from portal.web.pasting import LARGEST, paste_block

NAMES = {
    "supplier": ("Supplier identifier", "supplier id"),
    "api_key": ("API key", "client key"),
    "api_secret": ("API secret", "Secret key"),
}


@pytest.mark.parametrize(
    ("typed", "value", "note"),
    [
        ("abc", "abc", ""),
        ("abc  ", "abc", "We removed 2 spaces from the end."),
        ("\u00a0abc", "abc", "We removed 1 space from the start."),
        ("a\u200bb\ufeffc", "abc", "We removed 2 invisible characters."),
        ('"abc"', "abc", "We removed the quotes around it."),
        ("“abc”", "abc", "We removed the quotes around it."),
        ("API key: abc", "abc", 'We removed "API key" from the start.'),
        ('api KEY = "abc"', "abc", 'We removed "API key" from the start. We removed the quotes around it.'),
        ("abc\r\n  def", "abcdef", "We removed 1 line break from the middle."),
        ("aBc d", "aBc d", ""),
        ("“abc", "“abc", ""),
        ("API key:", "API key:", ""),
        ("", "", ""),
        ("   ", "", ""),
    ],
)
def test_only_what_copying_added_goes(typed: str, value: str, note: str) -> None:
    """The person is told what was removed; upper case, inner spaces and everything that may belong to the key stay."""
    cleaned = forms.clean(typed, names=("API key",))

    assert (cleaned.value, cleaned.note) == (value, note)


def test_lines_stay_where_lines_are_meant() -> None:
    assert forms.clean(" a\nb ", multiline=True).value == "a\nb"


def test_a_cleaned_value_does_not_print() -> None:
    """It may be a secret."""
    assert "s3cret" not in repr(forms.clean(" s3cret "))
    assert "s3cret" not in repr(paste_block("API key: s3cret", NAMES))


@pytest.mark.parametrize(
    "block",
    [
        "Supplier identifier: surat01\nAPI key: K-1;\nAPI secret: s==",
        "Dear seller,\n> Supplier ID = surat01\n>> **API key:** K-1;\nSecret key\n  s==\nRegards",
        '{"supplier": "surat01", "keys": {"apiKey": "K-1;", "api-secret": "s=="}}',
        '[{"name": "supplier id", "value": "surat01"}, {"name": "client key", "value": "K-1;"}, {"name": "secret key", "value": "s=="}]',
        '"supplier": "surat01",\n"api_key": "K-1;",\n"api_secret": "s=="',
        "Supplier id is surat01\nAPI key - K-1;\nAPI secret\ts==",
    ],
    ids=["lines", "mail", "json", "rows", "broken json", "prose"],
)
def test_a_block_fills_the_whole_form(block: str) -> None:
    """Whatever shape it came in, and without losing signs a key may end in."""
    assert paste_block(block, NAMES).found == {"supplier": "surat01", "api_key": "K-1;", "api_secret": "s=="}


def test_a_value_may_look_like_decoration() -> None:
    """A key that begins with a dash or holds double underscores is still a key."""
    assert paste_block("API key:\n--a__b**c", NAMES).found == {"api_key": "--a__b**c"}


def test_what_is_missing_is_named_in_the_forms_order() -> None:
    assert paste_block("API key: K", NAMES).missing == ("supplier", "api_secret")


def test_the_first_value_of_a_field_counts() -> None:
    assert paste_block("API key: first\nAPI key: second", NAMES).found == {"api_key": "first"}


def test_json_values_that_are_lists_stay_json() -> None:
    found = paste_block('{"api_key": [{"a": 1}]}', NAMES).found
    assert found == {"api_key": '[{"a":1}]'}


@pytest.mark.parametrize("block", ["hello", "{}", "[[[[[[[[[[{}]]]]]]]]]]", "x" * (LARGEST + 1)])
def test_a_block_without_details_is_refused_with_a_sentence(block: str) -> None:
    with pytest.raises(BadInput) as refused:
        paste_block(block, NAMES)

    assert "aste" in refused.value.seller_message


def test_mistakes_are_collected_then_refused_once() -> None:
    """One sentence per field, the first one."""
    mistakes = forms.Mistakes()
    mistakes.refuse()
    mistakes.add("b", "first")
    mistakes.add("b", "second")
    mistakes.add("a", "other")

    with pytest.raises(BadInput) as refused:
        mistakes.refuse()

    assert refused.value.fields == {"b": "first", "a": "other"}
    assert list(forms.in_order({"x": "?", "b": "first", "a": "other"}, ["a", "b"])) == ["a", "b", "x"]


def test_a_form_token_is_ours_or_refused() -> None:
    token = forms.fresh_form_token()

    assert forms.form_token({"form_token": token}) == token
    assert token != forms.fresh_form_token()
    for wrong in ({}, {"form_token": ""}, {"form_token": "../x"}, {"form_token": 5}):
        with pytest.raises(BadInput):
            forms.form_token(wrong)
