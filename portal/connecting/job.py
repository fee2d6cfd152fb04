"""The worker's half of the wizard: try the typed keys live, and turn a proven wizard into an account."""

from dataclasses import fields
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from portal import clock, db, nudges
from portal.accounts import operator
from portal.connecting import service
from portal.connecting.handoff.redeeming import redeem
from portal.errors import NotFound, PortalError
from portal.jobs import Jobs
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Check, Marketplace, ScheduleTarget, Validation, mask
from portal.marketplaces.errors import KeysRejected
from portal.marketplaces.registry import marketplace
from portal.runs import service as runs
from portal.tables.accounts import AccountState, CredentialEvent, EventKind, MarketplaceAccount, ValidationStatus
from portal.tables.syncs import SyncRun, Trigger
from portal.tables.wizards import ConnectWizard, ConnectWizardSecret, TestState, WizardMode, WizardState

log = structlog.get_logger()


async def test_keys(ctx: dict[str, Any], *, wizard_id: str) -> None:
    """Queue entry point of the live test. Nothing becomes an account here; the wizard's row says what was found."""
    seller_id = await db.seller_of("door_seller_of_wizard", UUID(wizard_id))
    if seller_id is None:
        return
    wizard = await service.get(seller_id, UUID(wizard_id))
    if wizard.state != WizardState.OPEN or wizard.test_state != TestState.RUNNING:
        return
    place = marketplace(wizard.marketplace_code)
    account = AccountRef(
        id=wizard.account_id, seller_id=seller_id, code=place.code, external_account_id=await _known_as(wizard), name=wizard.name
    )
    progress = _Progress(wizard)
    try:
        wizard = await redeem(wizard, place, account, doorway=ctx["doorway"], vault=ctx["vault"])
        keys = await _typed_keys(wizard, place, ctx)
        await progress.begin()
        found = await ctx["doorway"].validated(place, account, keys, checked=progress.checked)
        await _settle(wizard, place, found)
    except PortalError as error:
        await _failed(wizard, progress, error)
    except Exception as error:
        # Ours to find, not the seller's: the setup says so, the log has the trace.
        await _failed(
            wizard, progress, PortalError("Something failed on our side while testing. Nothing was saved.", detail=type(error).__name__)
        )
        raise


async def _known_as(wizard: ConnectWizard) -> str:
    """The shop's id where the account exists already: a marketplace that knows a shop by several names then answers with this one."""
    async with db.transaction(wizard.seller_id) as held:
        return str(await held.fetchval("SELECT external_account_id FROM marketplace_accounts WHERE id = $1", wizard.account_id) or "")


async def _typed_keys(wizard: ConnectWizard, place: Marketplace, ctx: dict[str, Any]) -> Any:
    method = place.method(wizard.method)
    async with db.transaction(wizard.seller_id):
        async with db.acting_as(place.role) as held:
            sealed = await held.fetch("SELECT column_name, sealed FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
        row: dict[str, Any] = {one.name: None for one in fields(method.keys)}
        row |= service.values_of(wizard) | {one["column_name"]: one["sealed"] for one in sealed}
    missing = [one.label for name, one in method.fields().items() if one.required and not row.get(name)]
    if missing and method.oauth:
        raise PortalError(f"There is no permission of {place.name} here. Go back, continue to {place.name} and press Allow there.")
    if missing:
        raise PortalError(f"For safety we removed the details you pasted. Enter them again: {', '.join(missing)}.")
    return details.open_row(place, method, wizard.account_id, row, ctx["vault"])


class _Progress:
    """The four lines of the test, written as they are proven."""

    def __init__(self, wizard: ConnectWizard) -> None:
        self._wizard = wizard
        self.lines: dict[str, str] = dict.fromkeys(Check, "waiting")

    async def begin(self) -> None:
        self.lines[Check.REACHED] = "checking"
        await self.write()

    async def checked(self, check: Check) -> None:
        self.lines[check] = "ok"
        following = next((one for one in Check if self.lines[one] == "waiting"), None)
        if following and all(self.lines[one] != "checking" for one in Check):
            self.lines[following] = "checking"
        await self.write()

    def broken(self) -> None:
        for check in Check:
            if self.lines[check] != "ok":
                self.lines[check] = "problem"
                return

    async def write(self) -> None:
        async with db.transaction(self._wizard.seller_id) as held:
            await held.execute(
                "UPDATE connect_wizards SET checks = $3 WHERE id = $1 AND test_attempt = $2 AND test_state = 'running'",
                self._wizard.id,
                self._wizard.test_attempt,
                msgspec.json.encode(self.lines).decode(),
            )
            await nudges.nudge(service.topic(self._wizard.id))


async def _still_tested(wizard: ConnectWizard) -> ConnectWizard | None:
    """The wizard, locked, if this test's result still counts: nobody asked for another test, replaced a secret or gave up meanwhile."""
    fresh = await ConnectWizard.objects().where(ConnectWizard.id == wizard.id).lock_rows("UPDATE").first()
    if fresh is None or fresh.state != WizardState.OPEN:
        return None
    return fresh if (fresh.test_state, fresh.test_attempt) == (TestState.RUNNING, wizard.test_attempt) else None


async def _settle(wizard: ConnectWizard, place: Marketplace, found: Validation) -> None:
    """The keys work. Whose shop is it, and is it the right one?"""
    async with db.transaction(wizard.seller_id):
        fresh = await _still_tested(wizard)
        if fresh is None:
            return
        fresh.found_account_id, fresh.found_name = found.external_account_id, found.seller_name[:120]
        fresh.permissions = msgspec.json.encode(found.permissions).decode()
        fresh.checks = msgspec.json.encode(dict.fromkeys(Check, "ok")).decode()
        fresh.test_state = TestState.PASSED
        if fresh.mode == WizardMode.RECONNECT:
            own = await MarketplaceAccount.objects().where(MarketplaceAccount.id == fresh.account_id).first()
            if own is None:
                raise NotFound("account")
            if own.external_account_id != found.external_account_id:
                fresh.test_state = TestState.FAILED
                fresh.error_code = "other_shop"
                fresh.error_message = f"These details belong to a different shop ({mask(found.external_account_id)}). This account is {mask(own.external_account_id)}."
        else:
            await _name_duplicate(fresh)
        fresh.version += 1
        await fresh.save()
        await nudges.nudge(service.topic(fresh.id))


async def _name_duplicate(wizard: ConnectWizard) -> None:
    """Note on the wizard which account the found shop is connected as already, if it is."""
    other = (
        await MarketplaceAccount.objects()
        .where(
            (MarketplaceAccount.marketplace_code == wizard.marketplace_code)
            & (MarketplaceAccount.external_account_id == wizard.found_account_id)
            & (MarketplaceAccount.id != wizard.account_id)
        )
        .first()
    )
    if other is None:
        return
    wizard.duplicate_of = other.id
    wizard.error_code = "duplicate"
    wizard.error_message = f"This shop is already connected. {mask(wizard.found_account_id)} is connected as “{other.name}”."


async def _failed(wizard: ConnectWizard, progress: _Progress, error: PortalError) -> None:
    progress.broken()
    log.info("keys_not_proven", wizard=str(wizard.id), code=error.code)
    if isinstance(error, KeysRejected) and error.whose == "operator":
        await operator.alert(wizard.marketplace_code, error)
    async with db.transaction(wizard.seller_id):
        fresh = await _still_tested(wizard)
        if fresh is None:
            return
        fresh.test_state = TestState.FAILED
        fresh.checks = msgspec.json.encode(progress.lines).decode()
        fresh.error_code, fresh.error_message = error.code, error.seller_message
        fresh.error_field = (error.field or "") if isinstance(error, KeysRejected) else ""
        fresh.version += 1
        await fresh.save()
        await nudges.nudge(service.topic(fresh.id))


async def confirm_wizard(ctx: dict[str, Any], *, wizard_id: str) -> None:
    """Account, satellite, credential event and first run in one transaction; the ciphertexts move unchanged. Twice is harmless."""
    jobs: Jobs = ctx["jobs"]
    seller_id = await db.seller_of("door_seller_of_wizard", UUID(wizard_id))
    if seller_id is None:
        return
    try:
        made = await _made_account(seller_id, UUID(wizard_id))
    except asyncpg.UniqueViolationError:
        # Another setup of the same shop was quicker. Nothing of this one was kept, and its seller is offered the other account.
        await _offer_the_other(seller_id, UUID(wizard_id))
        return
    if made is not None:
        await jobs.sync(*made, 0)


async def _offer_the_other(seller_id: UUID, wizard_id: UUID) -> None:
    async with db.transaction(seller_id):
        wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).lock_rows("UPDATE").first()
        if wizard is None or wizard.state != WizardState.CONFIRMING:
            return
        await _name_duplicate(wizard)
        wizard.state, wizard.step = WizardState.OPEN, service.TEST
        wizard.version += 1
        await wizard.save()
        await nudges.nudge(service.topic(wizard.id))


async def _made_account(seller_id: UUID, wizard_id: UUID) -> tuple[str, UUID] | None:
    """Make the account. Answers marketplace and first run; None when there is no run, or nothing was left to confirm."""
    async with db.transaction(seller_id):
        wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).lock_rows("UPDATE").first()
        if wizard is None or wizard.state != WizardState.CONFIRMING:
            return None
        place = marketplace(wizard.marketplace_code)
        account = AccountRef(
            id=wizard.account_id, seller_id=seller_id, code=place.code, external_account_id=wizard.found_account_id, name=wizard.name
        )
        await _write_account(wizard, place)
        await _move_keys(wizard, place, account)
        run = await _first_run(wizard, place, account)
        wizard.first_run_id = run.id if run else None
        wizard.state = WizardState.DONE
        wizard.version += 1
        await wizard.save()
        await nudges.nudge(service.topic(wizard.id))
    return (place.code, run.id) if run else None


async def _write_account(wizard: ConnectWizard, place: Marketplace) -> None:
    account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == wizard.account_id).lock_rows("UPDATE").first()
    if account is None:
        account = MarketplaceAccount(
            id=wizard.account_id,
            seller_id=wizard.seller_id,
            marketplace_code=place.code,
            external_account_id=wizard.found_account_id,
            name=wizard.name,
            created_at=clock.now(),
        )
    found = service.permissions_of(wizard)
    account.external_name = wizard.found_name
    account.permissions = msgspec.json.encode(
        [{"target": one.target, "allowed": one.allowed, "message": one.message or one.proof, "at": clock.now()} for one in found]
    ).decode()
    account.state, account.disconnected_at = AccountState.ACTIVE, None
    account.last_validated_at = account.last_proven_at = clock.now()
    account.last_validation_status, account.last_validation_message = ValidationStatus.VALID, ""
    account.needs_reconnect, account.reconnect_reason, account.refused_at = False, "", None
    await account.save()


async def _move_keys(wizard: ConnectWizard, place: Marketplace, account: AccountRef) -> None:
    async with db.acting_as(place.role) as held:
        rows = await held.fetch("SELECT column_name, sealed, fingerprint FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
    person = str(wizard.user_id)
    sealed = {row["column_name"]: (row["sealed"], row["fingerprint"]) for row in rows}
    await details.move_in(place, account, place.method(wizard.method), service.values_of(wizard), sealed, by=person)
    await details.mark_accepted(place, account.id)
    await ConnectWizardSecret.delete().where(ConnectWizardSecret.wizard_id == wizard.id)
    kind = EventKind.RECONNECTED if wizard.mode == WizardMode.RECONNECT else EventKind.SAVED
    for event, message in ((kind, "Details saved."), (EventKind.VALIDATED, "Accepted by the marketplace.")):
        await CredentialEvent.insert(
            CredentialEvent(seller_id=account.seller_id, marketplace_account_id=account.id, kind=event, message=message, actor=person)
        )


async def _first_run(wizard: ConnectWizard, place: Marketplace, account: AccountRef) -> SyncRun | None:
    """Orders first: the catch-up from the last good checkpoint, or the first days of a new account."""
    if ScheduleTarget.ORDERS not in place.supported_targets:
        return None
    live = await runs.live(account.id, ScheduleTarget.ORDERS)
    if live is not None:
        return live
    return await runs.queue(account.seller_id, account.id, ScheduleTarget.ORDERS, trigger=Trigger.CONNECT)
