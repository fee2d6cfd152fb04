"""A row that could not be read is read again on request, at every marketplace, by whichever way it has."""

import pytest

from portal.marketplaces.contract import Marketplace, ScheduleTarget
from portal.marketplaces.sandbox import Fault
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.contract.desks import desk
from tests.contract.ledgers import held_rows
from tests.contract.stalls import LIVE, TINY, code_of

pytestmark = pytest.mark.anyio

OPEN = runs.AsideFilters()


@pytest.mark.parametrize("place", LIVE, ids=code_of)
async def test_rows_set_aside_are_read_again_and_settled(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    """Nothing is lost by it, and nobody is left with an open row. Where the manifest promises single rows, no range is read."""
    async with desk(place, TINY, keys) as d:
        account = await d.connect()
        await d.order(Fault.UNREADABLE_ROW, times=1)
        await d.work()
        (row,) = (await runs.listed(d.seller_id, OPEN)).rows
        assert (row.account_id, row.target) == (account.id, ScheduleTarget.ORDERS)
        before = await held_rows(d.seller_id, "orders")
        asked = await runs.ask_for_one(d.seller_id, row.id, jobs=d.jobs, by="Asha")
        assert asked.run is not None
        await d.work()
        run = await runs.get(d.seller_id, asked.run.run_id)
        assert run.state == RunState.SUCCEEDED, run.error_message or run.partial_reason
        assert (await runs.listed(d.seller_id, OPEN)).rows == []
        (settled,) = (await runs.listed(d.seller_id, runs.AsideFilters(resolved=True))).rows
        assert settled.resolved_by == f"Asha · {run.diagnostic_id}"
        assert before.keys() <= (await held_rows(d.seller_id, "orders")).keys()
        ranged = any("gives no single rows" in line.message for line in await runs.events(d.seller_id, run.id))
        assert not (ranged and ScheduleTarget.ORDERS in place.rereads)


@pytest.mark.parametrize("place", LIVE, ids=code_of)
def test_a_manifest_promises_only_what_it_supports(place: Marketplace) -> None:
    assert place.rereads <= place.supported_targets
