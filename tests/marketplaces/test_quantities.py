"""Nobody is promised more than there is."""

import pytest

from portal.marketplaces.facts import BatchLine, BatchOrder, Decision
from portal.marketplaces.quantities import allot


def order(name: str, *lines: tuple[str, int], decision: str = "") -> BatchOrder:
    told = tuple(
        BatchLine(external_item_id=f"{name}-{number}", sku=sku, ordered=pieces) for number, (sku, pieces) in enumerate(lines, start=1)
    )
    return BatchOrder(external_order_id=name, lines=told, marks={}, decision=decision)


@pytest.mark.parametrize(
    ("policy", "promised", "held"),
    [("ask", {"a": [2]}, {"b": "stock_short"}), ("reduce", {"a": [2], "b": [1, 1]}, {}), ("zero", {"a": [2], "b": [0, 1]}, {})],
)
def test_what_the_first_order_takes_the_second_does_not_get(policy: str, promised: dict[str, list[int]], held: dict[str, str]) -> None:
    found = allot([order("a", ("RED", 2)), order("b", ("RED", 2), ("BLUE", 1))], {"RED": 3, "BLUE": 5}, policy)
    assert {one.external_order_id: list(one.confirmed.values()) for one in found.passed} == promised
    assert {one.external_order_id: one.code for one in found.held} == held


@pytest.mark.parametrize("policy", ["ask", "reduce", "zero"])
def test_an_order_of_which_nothing_is_left_waits_for_a_person(policy: str) -> None:
    found = allot([order("a", ("RED", 2))], {"RED": 0}, policy)
    assert [one.code for one in found.held] == ["stock_short"]
    assert Decision.REDUCE not in found.held[0].decisions


def test_two_lines_of_one_article_count_together() -> None:
    found = allot([order("a", ("RED", 2), ("RED", 2))], {"RED": 3}, "reduce")
    assert found.passed[0].confirmed == {"a-1": 2, "a-2": 1}


def test_an_article_whose_stock_nobody_told_is_asked_about() -> None:
    found = allot([order("a", ("GREEN", 1))], {}, "reduce")
    assert [one.code for one in found.held] == ["stock_unknown"]


def test_what_a_person_decided_counts_more_than_the_policy() -> None:
    stock = {"RED": 1}
    assert allot([order("a", ("RED", 2), decision="as_ordered")], stock, "ask").passed[0].confirmed == {"a-1": 2}
    assert allot([order("a", ("RED", 2), decision="reduce")], stock, "ask").passed[0].confirmed == {"a-1": 1}


@pytest.mark.parametrize(("policy", "decision"), [("reduce", ""), ("zero", ""), ("ask", "reduce")])
def test_where_lines_go_whole_a_short_one_gets_nothing(policy: str, decision: str) -> None:
    found = allot(
        [order("a", ("RED", 2), ("BLUE", 1), decision=decision), order("b", ("RED", 1))], {"RED": 1, "BLUE": 1}, policy, whole_lines=True
    )
    assert [one.confirmed for one in found.passed] == [{"a-1": 0, "a-2": 1}, {"b-1": 1}]


@pytest.mark.parametrize(("whole_lines", "offered"), [(False, True), (True, False)])
def test_to_send_less_is_offered_where_something_would_be_sent(whole_lines: bool, offered: bool) -> None:
    found = allot([order("a", ("RED", 2))], {"RED": 1}, "ask", whole_lines=whole_lines)
    assert (Decision.REDUCE in found.held[0].decisions) is offered
