"""Move a batch through its marketplace's stages, one committed step after the other. Killed anywhere, it goes on with the first unfinished stage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from portal import clock, db
from portal.errors import PortalError
from portal.files import Files, Stored
from portal.invoicing import issuing
from portal.invoicing import settings as tax_settings
from portal.marketplaces.adapter import MarketplaceAdapter
from portal.marketplaces.contract import AccountRef, Invoicing, Page, SyncContext
from portal.marketplaces.errands import Errand
from portal.marketplaces.facts import DocumentFact, StageOutcome
from portal.marketplaces.registry import marketplace
from portal.marketplaces.stages import Stage
from portal.processing import batches, closing, errands, reminding, rules
from portal.processing.batches import Opened
from portal.processing.closing import Say, Verdict
from portal.processing.steps import Step
from portal.runs import service as runs
from portal.web.filters import plural

LOOKS_AGAIN = timedelta(minutes=15)
"""How often it is looked whether a seller has done in the marketplace's panel what a stage waits for."""


class StageWaits(PortalError):
    """Nothing can be done for this batch before `until`; its run gives its place back until then."""

    code = runs.STAGE_WAITS

    def __init__(self, seller_message: str, until: datetime) -> None:
        super().__init__(seller_message)
        self.until = until


async def pages(
    account: AccountRef, adapter: MarketplaceAdapter, ctx: SyncContext, run_id: UUID, files: Files
) -> AsyncIterator[Page[Step]]:
    """The steps of the account's batch, each to be committed before the next is asked for.

    Raises StageWaits where the batch has to wait, and the adapter's errors; what was yielded before is kept.
    """
    stages = marketplace(account.code).stages
    async with db.transaction(account.seller_id):
        batch = await batches.opened(account, run_id)
    await errands.forget(account.seller_id, batch.id, files)
    while True:
        async with db.transaction(account.seller_id):
            position = await batches.standing(batch.id, len(stages))
        if position is None:
            break
        stage = stages[position - 1]
        if stage.closes and (asked := await _closing(account, ctx, batch, position)) is not None:
            yield Page(facts=(), cursor=_cursor(position, stages), cut=asked)
            return
        async for page in _stage(account, adapter, ctx, batch, position, files):
            yield page
    yield await _end(account, batch, stages)


async def _stage(
    account: AccountRef, adapter: MarketplaceAdapter, ctx: SyncContext, batch: Opened, position: int, files: Files
) -> AsyncIterator[Page[Step]]:
    """One stage from where it stands to its end."""
    stages = marketplace(account.code).stages
    stage = stages[position - 1]
    found = await errands.bringing(account.seller_id, batch.id, position, files)
    async with db.transaction(account.seller_id):
        rule = await rules.of_account(account.id)
        facts = await batches.facts(account, batch.id, stage, position, rule, found.brought if found else None)
        await batches.begin(account, batch.id, position, stage)
    asked = tuple(order.external_order_id for order in facts.orders)
    what = f"{stage.title}, {plural(len(facts.orders), 'order', 'orders')}" if position > 1 else stage.title
    await ctx.note(f"Stage {position} of {len(stages)}: {what}.")
    cursor = _cursor(position, stages)
    resume_at: datetime | None = None
    words = ""
    errand: Errand | None = None
    async with aclosing(adapter.full_processing(await _invoicing(account, ctx), facts)) as outcomes:  # type: ignore[type-var]
        async for outcome in outcomes:
            # Each is flushed to the disk before its step is on record; side by side they wait for it together.
            stored = await asyncio.gather(*(_stored(account, batch, paper, files) for paper in outcome.documents))
            papers = tuple(zip(outcome.documents, stored, strict=True))
            resume_at, words, errand = outcome.resume_at, outcome.waiting_for, outcome.errand
            step = Step(
                batch_id=batch.id,
                position=position,
                stage=stage,
                outcome=outcome,
                papers=papers,
                file=await errands.kept_file(account, batch.id, position, errand, files) if errand else None,
                took_in=found.id if found and outcome.took else None,
            )
            yield Page(facts=(step,), cursor=cursor, set_aside=outcome.set_aside)
            if step.took_in is not None:
                await errands.forget(account.seller_id, batch.id, files)
    if errand is not None:
        await _waits_for_the_seller(account, batch, position, errand)
    if resume_at is not None:
        await _waits(account, batch, position, resume_at, words)
    over = Step(batch_id=batch.id, position=position, stage=stage, outcome=StageOutcome(stage=stage.code), over=True, asked=asked)
    yield Page(facts=(over,), cursor=cursor)
    await errands.forget(account.seller_id, batch.id, files)


async def _invoicing(account: AccountRef, ctx: SyncContext) -> SyncContext:
    """The context, with the seller's own invoices where the marketplace buys and the account's settings are complete."""
    if marketplace(account.code).invoicing is not Invoicing.VENDOR:
        return ctx
    async with db.transaction(account.seller_id):
        settled = await tax_settings.of_account(account.id)
    return replace(ctx, issue_invoices=partial(issuing.issue_to_marketplace, account)) if settled else ctx


async def _closing(account: AccountRef, ctx: SyncContext, batch: Opened, position: int) -> str | None:
    """None when the last stage may begin; the sentence to end with when a person has to say so. Raises StageWaits until its time."""
    async with db.transaction(account.seller_id) as held:
        rule = await rules.of_account(account.id)
        asked = await held.fetchval("SELECT close_asked_at FROM batches WHERE id = $1", batch.id) is not None
        # What was begun is ended, whatever the clock says by now: some parcels are on their way.
        asked = asked or await batches.begun(batch.id, position)
    found: Verdict = closing.verdict(rule, clock.now(), asked=asked)
    if found.say is Say.CLOSE:
        await ctx.note(found.words)
        return None
    if found.say is Say.WAIT and found.until is not None:
        await _waits(account, batch, position, found.until, found.words)
    async with db.transaction(account.seller_id):
        await batches.wait(batch.id, position, None, found.words)
    return found.words


async def _waits(account: AccountRef, batch: Opened, position: int, until: datetime, words: str) -> None:
    async with db.transaction(account.seller_id):
        await batches.wait(batch.id, position, until, words)
    raise StageWaits(words, until)


async def _waits_for_the_seller(account: AccountRef, batch: Opened, position: int, errand: Errand) -> None:
    """Give the place back until the seller has been on his errand. Now and then it is looked whether he has, and did not say so."""
    async with db.transaction(account.seller_id):
        await batches.wait(batch.id, position, None, errand.words)
        shown = await errands.under_way(batch.id, position)
        if shown is not None and not shown.looking and not errand.problems:
            await reminding.tell(account, batch, shown)
    # What came while this stage was at work is looked at right away.
    raise StageWaits(errand.words, clock.now() + (LOOKS_AGAIN if shown is None or not shown.looking else timedelta()))


async def _end(account: AccountRef, batch: Opened, stages: tuple[Stage, ...]) -> Page[Step]:
    """The step that closes the batch. While orders of the account are held, of whatever batch, the run says so and is not called a success."""
    async with db.transaction(account.seller_id):
        held = await batches.held_count(account.id)
    last = Step(batch_id=batch.id, position=len(stages), stage=stages[-1], outcome=StageOutcome(stage=stages[-1].code), last=True)
    cut = f"{plural(held, 'order is', 'orders are')} held and {'waits' if held == 1 else 'wait'} for your decision." if held else ""
    return Page(facts=(last,), cursor=None, cut=cut, watermark=clock.now().isoformat())


async def _stored(account: AccountRef, batch: Opened, paper: DocumentFact, files: Files) -> Stored:
    name = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in f"{paper.external_order_id}{paper.number}")
    return await files.keep(f"{account.seller_id}/{account.id}/{batch.id}/{paper.kind}/p{name}.pdf", paper.content, paper.mime)


def _cursor(position: int, stages: tuple[Stage, ...]) -> str:
    """Where the run stands, as its panel shows it: `7/11/Packing slips and labels`. The batch itself knows where to go on."""
    return f"{position}/{len(stages)}/{stages[position - 1].title}"
