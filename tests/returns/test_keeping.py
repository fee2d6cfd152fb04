"""Returns are kept once, the newer word wins, and the claim window is set when the parcel comes back."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal import db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import ReturnFact, ReturnItemFact, ReturnKind, ReturnStatus
from portal.postgres import Addresses
from portal.returns import service
from portal.runs.kept import Kept
from tests.factories import make_account, make_seller

pytestmark = pytest.mark.anyio

MONDAY = datetime(2026, 8, 17, 9, tzinfo=UTC)
JOURNEY = [ReturnStatus.INITIATED, ReturnStatus.PICKED_UP, ReturnStatus.IN_TRANSIT, ReturnStatus.DELIVERED]


def coming_back(number: int = 1, *, step: int = 0, **told: Any) -> ReturnFact:
    fact = ReturnFact(
        external_return_id=f"R{number}",
        external_order_id=f"403-{number}",
        kind=ReturnKind.CUSTOMER,
        status=JOURNEY[step],
        raw_status=f"step {step}",
        created_at=MONDAY,
        marketplace_updated_at=MONDAY + timedelta(days=step),
        delivered_at=MONDAY + timedelta(days=3) if step == 3 else None,
        refund_amount=Decimal("499.00"),
        awbs=("FWD1", "REV1")[: step + 1],
        items=(ReturnItemFact(external_item_id="1", sku="KURTA-M", quantity=1, reason="Too small", condition=f"seen {step}"),),
    )
    return msgspec.structs.replace(fact, **told)


async def keep(account: AccountRef, *facts: ReturnFact, **how: int) -> Kept:
    async with db.transaction(account.seller_id):
        return await service.keep(account, facts, **how)


async def held(account: AccountRef) -> list[dict[str, Any]]:
    async with db.transaction(account.seller_id) as connection:
        rows = await connection.fetch(
            """SELECT r.external_return_id, r.status, r.raw_status, r.delivered_at, r.claim_due_at, r.awbs, r.changed_at, i.condition, r.xmin::text
               FROM order_returns r LEFT JOIN order_return_items i ON i.order_return_id = r.id ORDER BY r.external_return_id"""
        )
    return [dict(row) for row in rows]


async def test_a_replay_changes_nothing(connected: Addresses) -> None:
    """Not even the row's version: an unchanged row costs no write."""
    account = await make_account(await make_seller())
    assert await keep(account, coming_back(1), coming_back(2)) == Kept(new=2)
    before = await held(account)
    assert await keep(account, coming_back(1), coming_back(2)) == Kept(same=2)
    assert await held(account) == before


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.permutations([0, 1, 2, 3]), together=st.booleans(), seed=st.integers())
async def test_whatever_order_facts_come_in_the_newest_is_held(connected: Addresses, steps: list[int], together: bool, seed: int) -> None:
    account = await make_account(await make_seller())
    facts = [coming_back(step=step) for step in steps]
    random.Random(seed).shuffle(facts)
    if together:
        await keep(account, *facts)
    else:
        for fact in facts:
            await keep(account, fact)
    [row] = await held(account)
    assert (row["status"], row["raw_status"], row["condition"]) == ("DELIVERED", "step 3", "seen 3")
    assert row["claim_due_at"] == MONDAY + timedelta(days=3 + service.CLAIM_DAYS)


async def test_the_claim_window_is_set_once(connected: Addresses) -> None:
    """A later correction of the delivery time, or another window, does not move a date the seller has seen."""
    account = await make_account(await make_seller())
    await keep(account, coming_back(step=2), claim_days=30)
    assert (await held(account))[0]["claim_due_at"] is None
    await keep(account, coming_back(step=3), claim_days=30)
    later = coming_back(step=3, delivered_at=MONDAY + timedelta(days=5), marketplace_updated_at=MONDAY + timedelta(days=6))
    assert await keep(account, later, claim_days=7) == Kept(changed=1)
    [row] = await held(account)
    assert (row["delivered_at"], row["claim_due_at"]) == (MONDAY + timedelta(days=5), MONDAY + timedelta(days=33))


async def test_delivery_without_a_time_opens_the_window_all_the_same(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    await keep(account, coming_back(step=3, delivered_at=None))
    assert (await held(account))[0]["claim_due_at"] == MONDAY + timedelta(days=3 + service.CLAIM_DAYS)


async def test_what_is_not_told_again_is_not_forgotten(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    await keep(account, coming_back(step=1))
    await keep(account, coming_back(step=2, awbs=()))
    assert (await held(account))[0]["awbs"] == "FWD1 REV1"


async def test_a_fact_without_a_time_counts_as_news(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    await keep(account, coming_back(step=1))
    assert await keep(account, coming_back(step=2, marketplace_updated_at=None)) == Kept(changed=1)
    assert (await held(account))[0]["condition"] == "seen 2"
