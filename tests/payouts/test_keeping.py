"""Settlements add up to the paisa, however they are cut into parts, and whatever does not add up is shown."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal import db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import LineKind, OrderFact, OrderStatus, PayoutFact, PayoutLineFact
from portal.orders import service as orders
from portal.payouts import service
from portal.postgres import Addresses
from portal.runs.kept import Kept
from portal.vault import BuyerSeal
from tests.factories import make_account, make_seller

pytestmark = pytest.mark.anyio

FRIDAY = datetime(2026, 8, 21, 9, tzinfo=UTC)


def line(key: object, amount: str | int | Decimal, kind: LineKind = LineKind.SALE, order: str = "") -> PayoutLineFact:
    return PayoutLineFact(line_key=str(key), kind=kind, description=kind.value, amount=Decimal(amount), external_order_id=order)


def settlement(
    *lines: PayoutLineFact, net: str | int | Decimal | None = None, paid: bool = True, status: str = "PENDING", payout: str = "S1"
) -> PayoutFact:
    return PayoutFact(
        external_payout_id=payout,
        net_amount=None if net is None else Decimal(net),
        currency="INR",
        paid_at=FRIDAY if paid else None,
        status=status,
        lines=lines,
    )


async def keep(account: AccountRef, *facts: PayoutFact) -> Kept:
    async with db.transaction(account.seller_id):
        return await service.keep(account, facts)


async def keep_order(account: AccountRef, external_order_id: str) -> None:
    order = OrderFact(
        external_order_id=external_order_id, status=OrderStatus.OPEN, raw_status="", placed_at=FRIDAY, marketplace_updated_at=FRIDAY
    )
    async with db.transaction(account.seller_id):
        await orders.keep(account, orders.prepare(account, [order], BuyerSeal(b"k" * 32, "test")))


async def held(account: AccountRef) -> list[dict[str, Any]]:
    async with db.transaction(account.seller_id) as connection:
        rows = await connection.fetch(
            "SELECT external_payout_id, net_amount, lines_amount, difference_amount, status, paid_at, xmin::text FROM marketplace_payouts ORDER BY 1"
        )
    return [dict(row) for row in rows]


async def lines_of(account: AccountRef) -> list[tuple[Any, ...]]:
    async with db.transaction(account.seller_id) as connection:
        rows = await connection.fetch(
            "SELECT line_key, kind, amount, order_id IS NOT NULL, xmin::text FROM payout_line_items ORDER BY line_key"
        )
    return [tuple(row) for row in rows]


amounts = st.decimals(min_value=-99_999, max_value=99_999, places=2, allow_nan=False, allow_infinity=False)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(values=st.lists(amounts, min_size=1, max_size=30), cuts=st.sets(st.integers(1, 29)), one_call=st.booleans(), off=amounts)
async def test_any_split_into_parts_gives_the_same_rows_and_sum(
    connected: Addresses, values: list[Decimal], cuts: set[int], one_call: bool, off: Decimal
) -> None:
    """Only one part knows the net amount; the difference is the net less the sum of all lines."""
    account = await make_account(await make_seller())
    lines = [line(f"{number:03}", value) for number, value in enumerate(values)]
    borders = [0, *sorted(cut for cut in cuts if cut < len(lines)), len(lines)]
    parts = [settlement(*lines[start:end], paid=False) for start, end in pairwise(borders)]
    net = sum(values, Decimal(0)) + off
    facts = [settlement(net=net, paid=True), *parts]
    for again in range(2):
        for page in [facts] if one_call else [[fact] for fact in facts]:
            kept = await keep(account, *page)
            assert not again or (kept.new, kept.changed) == (0, 0)
    [row] = await held(account)
    assert (row["net_amount"], row["lines_amount"], row["difference_amount"]) == (net, sum(values, Decimal(0)), off)
    assert row["status"] == ("PENDING" if off else "RECONCILED")
    assert [(key, amount) for key, _, amount, _, _ in await lines_of(account)] == [(one.line_key, one.amount) for one in lines]


async def test_a_replay_changes_nothing(connected: Addresses) -> None:
    """Not even a row's version."""
    account = await make_account(await make_seller())
    fact = settlement(line(1, "100.00", order="403-1"), line(2, "-12.50", LineKind.TCS), net="87.50")
    assert await keep(account, fact) == Kept(new=1)
    before = (await held(account), await lines_of(account))
    assert await keep(account, fact) == Kept(same=1)
    assert (await held(account), await lines_of(account)) == before


async def test_reconciled_is_concluded_and_withdrawn(connected: Addresses) -> None:
    """Paid and adding up; a line that comes later and does not fit takes the conclusion back."""
    account = await make_account(await make_seller())
    await keep(account, settlement(line(1, 100), net=100, paid=False))
    assert (await held(account))[0]["status"] == "PENDING"
    await keep(account, settlement(paid=True))
    assert (await held(account))[0]["status"] == "RECONCILED"
    assert await keep(account, settlement(line(2, "0.01", LineKind.UNMAPPED))) == Kept(changed=1)
    [row] = await held(account)
    assert (row["status"], row["difference_amount"]) == ("PENDING", Decimal("-0.01"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["RECONCILED"], "RECONCILED"),
        (["RECONCILED", "PENDING"], "RECONCILED"),
        (["PENDING", "RECONCILED"], "RECONCILED"),
        (["DISPUTED", "RECONCILED"], "DISPUTED"),
        (["DISPUTED", "PENDING"], "DISPUTED"),
        (["PENDING"], "PENDING"),
    ],
)
async def test_the_marketplaces_word_counts_and_a_dispute_stays(connected: Addresses, words: list[str], expected: str) -> None:
    """Although nothing adds up here."""
    account = await make_account(await make_seller())
    for word in words:
        await keep(account, settlement(line(1, 5), net=100, status=word))
    assert (await held(account))[0]["status"] == expected


async def test_an_unknown_net_leaves_the_difference_open(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    await keep(account, settlement(line(1, 5)))
    [row] = await held(account)
    assert (row["net_amount"], row["lines_amount"], row["difference_amount"], row["status"]) == (None, Decimal(5), None, "PENDING")


async def test_lines_find_their_orders_before_and_after(connected: Addresses) -> None:
    """A line whose order is known is tied at once, another one when its order has come; a fee of no order never."""
    asha = await make_seller()
    account, elsewhere = await make_account(asha), await make_account(asha, external="A2", name="Mumbai store")
    await keep_order(account, "403-1")
    await keep_order(elsewhere, "403-2")
    await keep(account, settlement(line(1, 10, order="403-1"), line(2, 20, order="403-2"), line(3, -1, LineKind.FEE), net=29))
    assert [matched for _, _, _, matched, _ in await lines_of(account)] == [True, False, False]
    async with db.transaction(asha):
        assert await service.match_lines(account) == 0
    await keep_order(account, "403-2")
    async with db.transaction(asha):
        assert await service.match_lines(account) == 1
        assert await service.match_lines(account) == 0
    assert [matched for _, _, _, matched, _ in await lines_of(account)] == [True, True, False]
    assert await keep(account, settlement(line(2, 20, order="403-2"))) == Kept(same=1)


async def test_the_same_settlement_id_on_two_accounts_is_two_settlements(connected: Addresses) -> None:
    asha = await make_seller()
    account, elsewhere = await make_account(asha), await make_account(asha, external="A2", name="Mumbai store")
    await keep(account, settlement(line(1, 10), net=10))
    await keep(elsewhere, settlement(line(1, 99), net=99))
    assert sorted(row["lines_amount"] for row in await held(account)) == [Decimal(10), Decimal(99)]


async def test_money_that_was_announced_counts_once_when_it_is_paid(connected: Addresses) -> None:
    """A line of a settlement that was only due leaves it when the same line is paid; the rest stays due."""
    account = await make_account(await make_seller())
    await keep(account, settlement(line("A", 100), line("B", 50), payout="DUE", paid=False))
    await keep(account, settlement(line("A", 100), net=100, payout="PAID-1"))
    assert [(row["external_payout_id"], row["lines_amount"]) for row in await held(account)] == [("DUE", 50), ("PAID-1", 100)]


async def test_an_announced_settlement_goes_when_all_of_it_is_paid(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    await keep(account, settlement(line("A", 100), payout="DUE", paid=False))
    await keep(account, settlement(line("A", 100), net=100, payout="PAID-1"))
    assert [row["external_payout_id"] for row in await held(account)] == ["PAID-1"]
