"""Whatever a call meets at whatever stage: the seller gets its error or a held order, and what was taken is not taken again."""

import pytest

from portal.marketplaces.errors import MarketplaceError, NotAllowed, Throttled, Unreachable, WireChanged
from portal.marketplaces.facts import Decision
from portal.marketplaces.flipkart.sandbox.counter import ABLE
from portal.marketplaces.flipkart.stages import STAGES
from portal.marketplaces.sandbox import Fault
from tests.marketplaces.flipkart.batching import Batch, batch

pytestmark = pytest.mark.anyio

SAYS: dict[Fault, type[MarketplaceError] | None] = {
    # fault, once: what the stage ends with; None where it goes on by itself
    Fault.REVOKED: None,
    Fault.EXPIRED_TOKEN: None,
    Fault.UNKNOWN_VALUE: None,
    Fault.UNREADABLE_ROW: None,
    Fault.FORBIDDEN: NotAllowed,
    Fault.SLOW_DOWN: Throttled,
    Fault.OUTAGE: Unreachable,
    Fault.TIMEOUT: Unreachable,
    Fault.RESET: Unreachable,
    Fault.LOST_ANSWER: Unreachable,
    Fault.EMPTY: Unreachable,
    Fault.BOT_FILTER: Unreachable,
    Fault.LOGIN_PAGE: Unreachable,
    Fault.TRUNCATED: WireChanged,
    Fault.CHANGED: WireChanged,
}
TRANSPORT = frozenset({Fault.OUTAGE, Fault.TIMEOUT, Fault.RESET})
"""What a call that only reads is made again for, so that one fault goes unnoticed."""
OPERATIONS = [name for name in ABLE if not name.startswith(("token", "returns.", "listings.search", "inventory."))]
SAMPLE = (("shipments.of_orders", Fault.CHANGED), ("shipments.pack", Fault.OUTAGE), ("invoices.data", Fault.FORBIDDEN))


@pytest.mark.parametrize(("operation", "fault"), SAMPLE)
async def test_a_sample_of_faults(operation: str, fault: Fault) -> None:
    await strikes(operation, fault)


@pytest.mark.soak
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", SAYS, ids=str)
async def test_every_fault_of_every_call(operation: str, fault: Fault) -> None:
    if fault in ABLE[operation]:
        await strikes(operation, fault)


async def strikes(operation: str, fault: Fault) -> None:
    """A batch with one dropped order and two good ones meets the fault once, wherever that call is made first."""
    async with batch(3) as one:
        one.stock[one.ready[0].parcels[0].lines[0].article.sku] = 0
        for stage in ("pull", "quantities"):
            await one.stage(stage)
        for order_id in list(one.held):
            one.decide(order_id, Decision.DROP)
        await one.place.order(fault, operation=operation, seconds=0.01)
        met = [type(error) for stage in STAGES[2:] for error in await _through(one, stage.code)]
        if operation == "shipments.search":
            met += [type(error) for error in await _through(one, "pull")]
        expected = SAYS[fault]
        repeated = fault in TRANSPORT and operation not in {"shipments.pack", "shipments.cancel", "shipments.dispatch"}
        assert met == ([] if expected is None or repeated else [expected]), (operation, fault)
        desk = one.place.world.desk
        assert {one.passed[order_id] for order_id in one.orders if order_id not in one.gone} == {len(STAGES)}
        assert [set(book.values()) for book in (desk.cancelled, desk.packed, desk.dispatched)] == [{1}] * 3
        papers = [(paper.kind, paper.external_order_id) for paper in one.documents if paper.external_order_id]
        assert len(papers) == len(set(papers)) == 2 * (len(one.orders) - len(one.gone))


async def _through(one: Batch, stage: str) -> list[MarketplaceError]:
    """The stage to its end, begun again after an error and after a person's Try again; the errors it met."""
    errors: list[MarketplaceError] = []
    while True:
        try:
            await one.stage(stage)
        except MarketplaceError as error:
            errors.append(error)
            continue
        if not one.held:
            return errors
        for order_id in list(one.held):
            one.decide(order_id, Decision.RETRY)
