"""Pages by cursor, filters in the address."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.web import tables
from portal.web.tables import Cursor, SortValue

ID = UUID("00000000-0000-0000-0000-00000000002a")
NOON = datetime(2026, 8, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [NOON, Decimal("12.50"), 42, "SKU-1 ₹", "", None])
def test_a_cursor_comes_back_as_it_went(value: SortValue) -> None:
    cursor = Cursor(order="pack_by", value=value, id=ID, towards="newer")

    back = tables.decode(tables.encode(cursor), order="pack_by")

    assert back == cursor
    assert type(back.value) is type(value)


def test_a_cursor_of_another_sorting_means_nothing() -> None:
    word = tables.encode(Cursor(order="pack_by", value=NOON, id=ID))

    assert tables.decode(word, order="amount") is None
    assert tables.stale(word, None)
    assert not tables.stale(None, None)


def forged(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "word",
    [
        "",
        "!",
        "é",
        "a" * 5000,
        forged("[]"),
        forged(f'["o","t","2026-08-21T12:00:00","{ID}","older"]'),
        forged(f'["o","t","yesterday","{ID}","older"]'),
        forged(f'["o","d","NaN","{ID}","older"]'),
        forged(f'["o","d","1e999999","{ID}","older"]'),
        forged(f'["o","i","99999999999999999999","{ID}","older"]'),
        forged(f'["o","s","a\\u0000b","{ID}","older"]'),
        forged(f'["o","x","1","{ID}","older"]'),
        forged(f'["o","i","1","{ID}","sideways"]'),
        forged('["o","i","1","no-uuid","older"]'),
    ],
)
def test_a_damaged_cursor_is_no_cursor(word: str) -> None:
    """And never reaches the database."""
    assert tables.decode(word, order="o") is None


@given(st.text(max_size=300))
def test_no_text_in_an_address_breaks_a_page(word: str) -> None:
    tables.decode(word, order="o")


def sort_of(number: int) -> tuple[SortValue, UUID]:
    return number, UUID(int=number)


def test_walking_there_and_back_shows_every_row_once() -> None:
    """Older and older to the end, then newer and newer to the beginning: the same pages."""
    newest_first = list(range(7, 0, -1))

    def ask(cursor: Cursor | None) -> tables.Slice[int]:
        if cursor is None:
            found = newest_first
        elif cursor.towards == "older":
            found = [one for one in newest_first if one < cursor.id.int]
        else:
            found = [one for one in reversed(newest_first) if one > cursor.id.int]
        return tables.cut(found[:4], sort_of, order="o", cursor=cursor, size=3)

    pages, word = [ask(None)], ask(None).older
    while word:
        pages.append(ask(tables.decode(word, order="o")))
        word = pages[-1].older
    assert [list(page.rows) for page in pages] == [[7, 6, 5], [4, 3, 2], [1]]

    word, back = pages[-1].newer, []
    while word:
        back.append(ask(tables.decode(word, order="o")))
        word = back[-1].newer
    assert [list(page.rows) for page in back] == [[4, 3, 2], [7, 6, 5]]
    assert back[-1].older is not None


def test_an_empty_page_has_no_neighbours() -> None:
    assert tables.cut([], sort_of, order="o", cursor=None) == ((), None, None)


def test_changing_a_filter_starts_at_the_first_page() -> None:
    query = {"status": "late", "q": "a b", "after": "xyz"}

    assert tables.link("/orders", query, status=None) == "/orders?q=a+b"
    assert tables.link("/orders", query, after="abc") == "/orders?status=late&q=a+b&after=abc"
    assert tables.link("/orders", {"q": ""}) == "/orders"


def test_each_applied_filter_links_to_the_page_without_it() -> None:
    words = {"status": ("Status", {"late": "Late"}), "q": ("Search", {}), "unused": ("Unused", {})}

    found = tables.applied("/orders", {"q": "kurta", "status": "late"}, words)

    assert [(one.label, one.value, one.href) for one in found] == [
        ("Status", "Late", "/orders?q=kurta"),
        ("Search", "kurta", "/orders?status=late"),
    ]
