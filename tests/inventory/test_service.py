"""Stock is reviewed before it is pushed; the newest quantity wins; every line has an outcome and none is told in vain."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from portal import db
from portal.errors import BadInput, Conflict, NotFound
from portal.inventory import service
from portal.listings import service as listings
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import LineOutcome, ListingFact, StockLine
from portal.postgres import Addresses
from portal.runs.kept import Kept
from tests.factories import make_account, make_seller

pytestmark = pytest.mark.anyio


async def on_sale(account: AccountRef, *skus: str, quantity: int = 10, pushable: bool = True) -> dict[str, int]:
    """Listings with a quantity; SKU to listing id."""
    facts = [
        ListingFact(
            sku=sku, external_listing_id=f"B-{sku}", title=sku, status="live", raw_status="", quantity_seen=quantity, pushable=pushable,
            attributes=(("type", "SHIRT"),),
        )
        for sku in skus
    ]  # fmt: skip
    async with db.transaction(account.seller_id) as held:
        await listings.keep(account, facts)
        return {row["sku"]: row["id"] for row in await held.fetch("SELECT id, sku FROM listings")}


async def approved(account: AccountRef, quantities: dict[int, int]) -> UUID:
    draft_id = await service.draft(account.seller_id, quantities, by="asha")
    await service.approve(account.seller_id, draft_id)
    return draft_id


async def settle(account: AccountRef, lines: list[StockLine], *states: str, message: str = "") -> Kept:
    outcomes = [
        LineOutcome(task_id=line.task_id, sku=line.sku, state=state, message=message) for line, state in zip(lines, states, strict=True)
    ]
    async with db.transaction(account.seller_id):
        return await service.keep_outcomes(account, outcomes)


async def tasks(account: AccountRef) -> list[tuple[Any, ...]]:
    async with db.transaction(account.seller_id) as held:
        rows = await held.fetch("SELECT sku, quantity, state FROM inventory_tasks ORDER BY created_at, sku")
    return [tuple(row) for row in rows]


async def test_a_draft_is_reviewed_and_changes_nothing_yet(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    ids = await on_sale(account, "A", "B", "C", "D")
    draft_id = await service.draft(account.seller_id, {ids["A"]: 9, ids["B"]: 0, ids["C"]: 1, ids["D"]: 10}, by="asha")
    draft = await service.review(account.seller_id, draft_id)
    assert [(line.sku, line.before, line.after, line.warning) for line in draft.lines] == [
        ("A", 10, 9, ""),
        ("B", 10, 0, "zero"),
        ("C", 10, 1, "drop"),
    ]
    assert (draft.open, draft.warnings) == (True, 2)
    assert await service.lines_to_push(account) == []


@pytest.mark.parametrize(("before", "after", "warning"), [(10, 2, ""), (10, 1, "drop"), (5, 1, ""), (1, 0, "zero"), (0, 5, "")])
async def test_a_steep_drop_is_more_than_four_fifths(connected: Addresses, before: int, after: int, warning: str) -> None:
    account = await make_account(await make_seller())
    ids = await on_sale(account, "A", quantity=before)
    draft = await service.review(account.seller_id, await service.draft(account.seller_id, {ids["A"]: after}, by="asha"))
    assert draft.lines[0].warning == warning


async def test_drafts_that_cannot_be(connected: Addresses) -> None:
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    account = await make_account(asha)
    ids = await on_sale(account, "A")
    kept_by_marketplace = await on_sale(account, "FBA", pushable=False)
    with pytest.raises(BadInput) as refused:
        await service.draft(asha, {ids["A"]: -1}, by="asha")
    assert list(refused.value.fields) == [f"quantity-{ids['A']}"]
    with pytest.raises(Conflict):
        await service.draft(asha, {ids["A"]: 10}, by="asha")
    with pytest.raises(NotFound):
        await service.draft(asha, {kept_by_marketplace["FBA"]: 3}, by="asha")
    with pytest.raises(NotFound):
        await service.draft(chitra, {ids["A"]: 3}, by="chitra")
    draft_id = await service.draft(asha, {ids["A"]: 3}, by="asha")
    for stranger in (service.review, service.approve, service.discard):
        with pytest.raises(NotFound):
            await stranger(chitra, draft_id)
    assert (await service.review(asha, draft_id)).open


async def test_the_newest_approval_wins(connected: Addresses) -> None:
    """Also over a draft that was begun later, and twice pressed is once pressed."""
    account = await make_account(await make_seller())
    ids = await on_sale(account, "A")
    earlier = await service.draft(account.seller_id, {ids["A"]: 7}, by="asha")
    await approved(account, {ids["A"]: 8})
    for _ in range(2):
        assert await service.approve(account.seller_id, earlier) == [account.id]
    [line] = await service.lines_to_push(account)
    assert (line.quantity, line.external_listing_id, line.attributes) == (7, "B-A", (("type", "SHIRT"),))
    assert await tasks(account) == [("A", 8, "replaced"), ("A", 7, "sent")]


async def test_a_line_without_an_outcome_is_told_again(connected: Addresses) -> None:
    """The worker died after sending, or the answer is still to come; a newer quantity takes its place."""
    account = await make_account(await make_seller())
    ids = await on_sale(account, "A", "B")
    await approved(account, {ids["A"]: 7, ids["B"]: 7})
    first = await service.lines_to_push(account)
    assert await settle(account, first, "queued", "queued") == Kept(same=2)
    await approved(account, {ids["B"]: 6})
    again = await service.lines_to_push(account)
    assert [(line.sku, line.quantity) for line in again] == [("A", 7), ("B", 6)]
    assert again[0].task_id == first[0].task_id


async def test_outcomes_are_kept_once(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    ids = await on_sale(account, "A", "B")
    await approved(account, {ids["A"]: 7, ids["B"]: 8})
    lines = await service.lines_to_push(account)
    assert await settle(account, lines, "accepted", "refused", message="Unknown SKU") == Kept(changed=2)
    assert await settle(account, lines, "refused", "accepted") == Kept(same=2)
    async with db.transaction(account.seller_id) as held:
        pushed = {row["sku"]: row["quantity_pushed"] for row in await held.fetch("SELECT sku, quantity_pushed FROM listings")}
        messages = {
            row["sku"]: row["message"] for row in await held.fetch("SELECT sku, message FROM inventory_tasks WHERE state = 'refused'")
        }
    assert pushed == {"A": 7, "B": None}
    assert messages == {"B": "Unknown SKU"}
    assert await service.lines_to_push(account) == []


async def test_another_accounts_outcome_settles_nothing(connected: Addresses) -> None:
    asha = await make_seller()
    account, elsewhere = await make_account(asha), await make_account(asha, external="A2", name="Mumbai store")
    ids = await on_sale(account, "A")
    await approved(account, {ids["A"]: 7})
    lines = await service.lines_to_push(account)
    assert await settle(elsewhere, lines, "accepted") == Kept(same=1)
    assert await tasks(account) == [("A", 7, "sent")]


async def test_refused_lines_are_retried_unless_a_newer_quantity_was_asked_for(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    ids = await on_sale(account, "A", "B")
    await approved(account, {ids["A"]: 7, ids["B"]: 8})
    await settle(account, await service.lines_to_push(account), "refused", "refused")
    await approved(account, {ids["B"]: 9})
    assert await service.retry_refused(account.seller_id, account.id) == 1
    assert await service.retry_refused(account.seller_id, account.id) == 0
    assert [(line.sku, line.quantity) for line in await service.lines_to_push(account)] == [("A", 7), ("B", 9)]
    with pytest.raises(NotFound):
        await service.retry_refused(account.seller_id, uuid4())


@pytest.mark.parametrize("trouble", ["needs_reconnect = true", "state = 'paused'", "state = 'disconnected'"])
async def test_stock_does_not_queue_for_an_account_that_cannot_push(connected: Addresses, trouble: str) -> None:
    """Stale stock is dangerous: approving refuses, and the draft stays for later."""
    account = await make_account(await make_seller())
    ids = await on_sale(account, "A")
    draft_id = await service.draft(account.seller_id, {ids["A"]: 7}, by="asha")
    async with db.transaction(account.seller_id) as held:
        await held.execute(f"UPDATE marketplace_accounts SET {trouble}")
    with pytest.raises(Conflict):
        await service.approve(account.seller_id, draft_id)
    assert await tasks(account) == [("A", 7, "draft")]
