"""Where a marketplace buys, its stage carries the seller's own invoices: in his numbers, each order's once, whatever stops it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from portal.documents.tax import Sale, rupees, taxed
from portal.invoicing import series, settings
from portal.invoicing.series import SeriesFull
from portal.marketplaces.facts import Decision
from portal.marketplaces.sandbox import Fault
from portal.postgres import Addresses
from portal.processing import held_orders, steps
from portal.processing.steps import Step
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.documents.seeing import read, texts
from tests.invoicing.making import TYPED, tax
from tests.processing.floor import SELLER_GSTIN, Floor, floor
from tests.processing.pipelines.ajio import PIPELINE, agrees

pytestmark = pytest.mark.anyio

ORDERS = 6
BUYER = {"billed_name": "Big Buyer Ltd", "billed_address": "1 Sea Road\nBengaluru", "billed_gstin": "29AAPFU0939F1ZR"}
OURS = "SELECT number, serial, external_order_id, total FROM tax_invoices ORDER BY serial"


@pytest.fixture
async def works(connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=ORDERS) as one:
        yield one


async def settle(works: Floor, **typed: str) -> None:
    await settings.save(works.seller, works.account.id, TYPED | BUYER | {"gstin": SELLER_GSTIN} | typed, by="Asha")


async def in_step(works: Floor) -> None:
    """The marketplace has each order under our number, our numbers have no gap, and the papers are ours."""
    ours = await works.rows(OURS)
    assert [row["serial"] for row in ours] == list(range(1, ORDERS + 1))
    assert {row["external_order_id"]: row["number"] for row in ours} == {one.order_id: one.own_invoice for one in works.world.sold}
    papers = await works.rows("SELECT number, external_order_id FROM documents WHERE kind = 'vendor_invoice'")
    assert {(row["external_order_id"], row["number"]) for row in papers} == {(row["external_order_id"], row["number"]) for row in ours}
    await agrees(works, {})


async def test_the_stage_issues_the_sellers_own(works: Floor) -> None:
    """At the purchase order's price before tax, billed to whoever buys, with the tax of the buyer's state: the paper says it all."""
    await settle(works)
    assert (await works.process()).state == RunState.SUCCEEDED
    await in_step(works)
    order = works.world.sold[0]
    (paper,) = await works.rows(
        "SELECT key, number FROM documents WHERE kind = 'vendor_invoice' AND external_order_id = $1", order.order_id
    )
    content = await works.files.read(paper["key"])
    (page,) = texts(content)
    lines = [
        taxed(
            Sale(
                description="x",
                hsn=line.article.hsn,
                quantity=line.pieces,
                amount=int(line.base_price * line.pieces * Decimal(100)),
                rate=500,
                inclusive=False,
            ),
            between_states=True,
        )
        for line in order.lines
    ]
    for words in (paper["number"], order.po_number, SELLER_GSTIN, BUYER["billed_gstin"], "Big Buyer Ltd", "Karnataka (29)", "IGST"):
        assert words in page
    for line, sold in zip(lines, order.lines, strict=True):
        assert sold.article.hsn in page
        assert rupees(line.total) in page
    assert rupees(sum(line.total for line in lines)) in page
    assert paper["number"] in read(content)[0].values()


@pytest.mark.soak
async def test_without_settings_the_marketplace_makes_it(works: Floor) -> None:
    assert (await works.process()).state == RunState.SUCCEEDED
    await agrees(works, {})
    assert await works.rows(OURS) == []
    assert {one.own_invoice for one in works.world.sold} == {""}


async def test_a_lost_answer_costs_no_number(works: Floor) -> None:
    await settle(works)
    works.wrong(Fault.LOST_ANSWER, operation="make_invoice")
    assert (await works.through()).state == RunState.SUCCEEDED
    await in_step(works)


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(
    "after", [pytest.param(0, id="before its numbers are on record", marks=pytest.mark.soak), pytest.param(1, id="before its papers are")]
)
async def test_killed_at_the_stage_no_number_is_lost_or_given_twice(works: Floor, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """First with the numbers issued and AJIO still unaware, then with AJIO's invoices made and no answer written down."""
    await settle(works)
    keep, seen = steps.keep, []

    async def dying(account: object, step: Step) -> object:
        if step.stage.code == "vendor_invoices":
            seen.append(step)
            if len(seen) == after + 1:
                monkeypatch.setattr(steps, "keep", keep)
                raise Killed
        return await keep(account, step)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "keep", dying)
    with pytest.raises(Killed):
        await works.through()
    assert len(await works.rows(OURS)) == ORDERS
    await works.rows("UPDATE sync_runs SET heartbeat_at = now() - interval '1 hour' WHERE finished_at IS NULL")
    assert (await works.through()).state == RunState.SUCCEEDED
    await in_step(works)


async def test_an_article_without_a_rate_holds_its_orders_alone(works: Floor) -> None:
    """With a sentence that says which; told, the order goes on under the next number."""
    await settle(works, default_hsn="", default_rate="")
    lone = works.world.sold[2]
    skus = {line.article.sku for one in works.world.sold if one is not lone for line in one.lines}
    for sku in skus:
        await tax(works.seller, sku, "6103", 500)
    unknown = {line.article.sku for line in lone.lines} - skus
    assert unknown, "this shop's third order has nothing of its own: choose another seed"
    run = await works.process()
    assert run.state == RunState.PARTIAL
    assert await works.held() == {lone.order_id: "vendor_invoice"}
    (held,) = await works.rows("SELECT id, held_reason FROM batch_orders WHERE state = 'held'")
    assert any(sku in held["held_reason"] for sku in unknown)
    assert len(await works.rows(OURS)) == ORDERS - 1
    for sku in unknown:
        await tax(works.seller, sku, "6103", 500)
    await held_orders.decide(works.seller, held["id"], Decision.RETRY, {}, by="Asha")
    assert (await works.through()).state == RunState.SUCCEEDED
    await in_step(works)


@pytest.mark.soak
async def test_a_number_the_marketplace_does_not_know_us_by_is_held(works: Floor) -> None:
    """It made an invoice of its own meanwhile: nobody prints two papers with two numbers for one sale."""
    await settle(works)
    works.wrong(Fault.LOST_ANSWER, operation="make_invoice")
    run_id = await works.start()
    assert (await works.work(run_id)).state == RunState.WAITING
    (order,) = [one for one in works.world.sold if one.own_invoice]
    order.own_invoice = "AJ/2627/77"
    await works.rows("UPDATE sync_runs SET resume_at = now() - interval '1 second' WHERE id = $1", run_id)
    await works.through()
    assert await works.held() == {order.order_id: "vendor_invoice"}


@pytest.mark.soak
async def test_a_full_series_holds_the_orders_it_has_no_number_for(works: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    await settle(works)
    numbered, given = series.next_number, []

    async def four(*arguments: object, **named: str) -> object:
        given.append(1)
        if len(given) > 4:
            raise SeriesFull("This series of numbers is full for the year.")
        return await numbered(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(series, "next_number", four)
    await works.process()
    assert len(await works.held()) == ORDERS - 4
