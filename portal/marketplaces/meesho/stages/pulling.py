"""Stages 1 and 2: which orders wait, and whether there is enough of what they ask for."""

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec

from portal.marketplaces.facts import BatchOrder, HeldOrder, OrderStatus, PassedOrder, StageOutcome
from portal.marketplaces.meesho.stages.work import Work
from portal.marketplaces.quantities import allot

PENDING = "PENDING"
ALL_OR_NOTHING = "zero"
"""Of a line that is short, none: an order is one line here, so that means the order."""


async def pull(work: Work) -> AsyncIterator[StageOutcome]:
    """Every pending order of the last weeks. What Meesho verifies becomes pending by itself, and comes with a later batch."""
    read = await work.listed(work.ctx.now - timedelta(days=work.ctx.first_days), status=PENDING)
    orders = tuple(fact for fact in read.facts.values() if fact.status is OrderStatus.OPEN)
    verified = sum(fact.status is OrderStatus.ON_HOLD for fact in read.facts.values())
    await work.ctx.note(f"Meesho has {len(orders)} pending orders to accept, and verifies {verified} more.")
    passed = tuple(
        PassedOrder(external_order_id=fact.external_order_id, marks={"updated_at": fact.marketplace_updated_at.isoformat()})
        for fact in orders
    )
    yield work.outcome(orders=orders, passed=passed, set_aside=read.set_aside)


async def quantities(work: Work) -> AsyncIterator[StageOutcome]:
    """All pieces of an order or none, whatever the account's policy about short lines: Meesho takes no smaller quantity."""
    allotted = allot(work.batch.orders, work.batch.stock, ALL_OR_NOTHING)
    orders = {order.external_order_id: order for order in work.batch.orders}
    yield work.outcome(
        passed=allotted.passed,
        held=tuple(_explained(one, orders[one.external_order_id]) for one in allotted.held),
    )


def _explained(problem: HeldOrder, order: BatchOrder) -> HeldOrder:
    if problem.code != "stock_unknown":
        return msgspec.structs.replace(problem, reason=f"{problem.reason} Meesho splits no order.")
    line = order.lines[0]
    reason = (
        f"We do not know the stock of {line.sku or 'an article without SKU'}, so we cannot promise {line.ordered} of it. "
        "Meesho gives out no list of products: upload your catalogue file with its stock."
    )
    return msgspec.structs.replace(problem, reason=reason)
