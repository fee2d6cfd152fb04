"""Steps 4 and 5, and the other ways in which a setup ends."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from portal import clock, db
from portal.accounts.service import FIRST_READS
from portal.connecting.service.changing import ask_for_test, forget_test, locked, save
from portal.connecting.service.reading import CONFIRM, ENTER, TEST, checks_of, expired, locations_of, values_of
from portal.connecting.service.swapping import withdraw
from portal.connecting.service.waiting import forget_reminders
from portal.errors import BadInput, Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import Check
from portal.marketplaces.registry import marketplace
from portal.tables.wizards import ConnectWizard, ConnectWizardSecret, TestState, WizardMode, WizardState

SECRETS_FOR = timedelta(minutes=60)


async def test_again(seller_id: UUID, wizard_id: UUID, *, jobs: Jobs) -> None:
    """Repeat the live test with what is kept."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        if wizard.step < TEST:
            raise Conflict("Enter the details first.")
        if wizard.test_state == TestState.RUNNING and wizard.touched_at > clock.now() - timedelta(seconds=40):
            return
        await withdraw(wizard)
        forget_test(wizard, same_keys=True)
        ask_for_test(wizard)
        await save(wizard)
    await jobs.test_keys(wizard.marketplace_code, wizard_id, wizard.test_attempt)


async def confirm(
    seller_id: UUID,
    wizard_id: UUID,
    *,
    first_days: int,
    jobs: Jobs,
    first_targets: Sequence[str] = ("ORDERS",),
    ships_from: str = "",
) -> None:
    """Step 5: make it an account. The worker does, because the keys move sealed and the first run begins in the same transaction.

    `first_targets` are the kinds of data to read at once, `ships_from` the location that stock goes to; BadInput when none of the former
    is one a first sync can read, or none of several locations is chosen.
    """
    chosen = [target for target in FIRST_READS if target in first_targets]
    if not chosen:
        raise BadInput("Choose what to read first.", fields={"first_targets": "Choose at least one kind of data"})
    async with db.transaction(seller_id):
        wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).lock_rows("UPDATE").first()
        if wizard is None:
            raise NotFound("setup")
        if wizard.state == WizardState.DONE:
            return
        # A second click while the worker is at it asks once more: the job may have been lost, and twice is harmless.
        if wizard.state != WizardState.CONFIRMING:
            wizard = await locked(seller_id, wizard_id)
            if wizard.test_state != TestState.PASSED or wizard.duplicate_of is not None:
                raise Conflict("Test the details first.")
            wizard.first_days = min(max(first_days, 1), 180)
            wizard.first_targets = ",".join(chosen)
            wizard.ships_from = _location(wizard, ships_from)
            wizard.state, wizard.step = WizardState.CONFIRMING, CONFIRM
            await save(wizard)
    await jobs.confirm_wizard(wizard.marketplace_code, wizard_id)


def _location(wizard: ConnectWizard, chosen: str) -> str:
    """The only location of a shop, or the chosen one of several; empty where the marketplace tells none.

    One location of a marketplace without a list of them may not be the only one: then it is chosen when a second one is met.
    """
    known = [one.id for one in locations_of(wizard)]
    if len(known) > 1 and chosen not in known:
        raise BadInput("Choose where you ship from.", fields={"ships_from": "Choose a location"})
    if len(known) == 1 and marketplace(wizard.marketplace_code).lists_locations:
        return known[0]
    return chosen if chosen in known else ""


def may_wait(wizard: ConnectWizard) -> bool:
    """Whether an untested setup may be saved: the marketplace could not be reached, and the shop's id is among what was typed."""
    method = marketplace(wizard.marketplace_code).method(wizard.method)
    unreached = (
        wizard.test_state == TestState.FAILED and wizard.error_code == "unreachable" and checks_of(wizard).get(Check.REACHED) != "ok"
    )
    return (
        unreached
        and wizard.mode == WizardMode.NEW
        and not method.oauth
        and bool(method.identity and values_of(wizard).get(method.identity))
    )


async def save_untested(seller_id: UUID, wizard_id: UUID, *, jobs: Jobs) -> None:
    """Make it an account that is checked as soon as its marketplace answers; until then nothing syncs. Conflict where that is not offered."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        if not may_wait(wizard):
            raise Conflict("Test the details first.")
        method = marketplace(wizard.marketplace_code).method(wizard.method)
        wizard.found_account_id = values_of(wizard)[method.identity or ""]
        wizard.permissions = "[]"
        wizard.state, wizard.step = WizardState.CONFIRMING, CONFIRM
        await save(wizard)
    await jobs.confirm_wizard(wizard.marketplace_code, wizard_id)


async def discard(seller_id: UUID, wizard_id: UUID) -> None:
    """Forget a setup and everything typed into it."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        await ConnectWizardSecret.delete().where(ConnectWizardSecret.wizard_id == wizard_id)
        await forget_reminders(wizard)
        wizard.state = WizardState.DISCARDED
        await save(wizard)


async def wipe_stale() -> int:
    """Typed secrets go 60 minutes after the last activity, whole setups after a day. Answers how many were touched."""
    rows: Sequence[Any] = await db.door("door_stale_wizards", clock.now() - SECRETS_FOR, clock.now())
    wiped = 0
    for row in rows:
        async with db.transaction(row["seller_id"]):
            wizard = await ConnectWizard.objects().where(ConnectWizard.id == row["wizard_id"]).lock_rows("UPDATE").first()
            if wizard is None or not _stale(wizard):
                continue
            held = await ConnectWizardSecret.delete().where(ConnectWizardSecret.wizard_id == wizard.id).returning(ConnectWizardSecret.id)
            forget_test(wizard)
            wizard.swaps = "[]"
            if held:
                wizard.wiped_at = clock.now()
            # A confirmation that no worker made in an hour is not going to happen any more.
            wizard.state, wizard.step = WizardState.OPEN, min(wizard.step, ENTER)
            if expired(wizard):
                wizard.state = WizardState.EXPIRED
                wizard.values = "{}"
                await forget_reminders(wizard)
            await wizard.save()
            wiped += 1
    return wiped


def _stale(wizard: ConnectWizard) -> bool:
    """Still stale, now that its row is ours: the seller may just have come back."""
    over = wizard.touched_at < clock.now() - SECRETS_FOR or wizard.expires_at < clock.now()
    return over and wizard.state in (WizardState.OPEN, WizardState.CONFIRMING)
