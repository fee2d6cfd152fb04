"""A proven wizard becomes an account."""

from typing import Any
from uuid import UUID

import asyncpg

from portal import clock, db, nudges
from portal.accounts import service as accounts
from portal.audit import service as audit
from portal.connecting import keys, service
from portal.connecting.job.recognising import name_other
from portal.jobs import Jobs
from portal.marketplaces import details, lasting
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.runs import service as runs
from portal.scheduling import service as scheduling
from portal.tables.accounts import AccountState, EventKind, MarketplaceAccount, ValidationStatus
from portal.tables.syncs import SyncRun, Trigger
from portal.tables.wizards import ConnectWizard, ConnectWizardSecret, TestState, WizardMode, WizardState
from portal.vault import Vault


async def confirm_wizard(ctx: dict[str, Any], *, wizard_id: str) -> None:
    """Account, satellite, credential event and first run in one transaction; the ciphertexts move unchanged. Twice is harmless."""
    jobs: Jobs = ctx["jobs"]
    seller_id = await db.seller_of("door_seller_of_wizard", UUID(wizard_id))
    if seller_id is None:
        return
    try:
        made = await _made_account(seller_id, UUID(wizard_id))
    except (asyncpg.UniqueViolationError, _AlreadyConnected):
        # Another setup of the same shop was quicker. Nothing of this one was kept, and its seller is offered the other account.
        await _offer_the_other(seller_id, UUID(wizard_id), ctx["vault"])
        return
    for code, run_id in made:
        await jobs.sync(code, run_id, 0)


class _AlreadyConnected(Exception):
    """The account that a new setup wanted to take up is at work again."""


async def _offer_the_other(seller_id: UUID, wizard_id: UUID, vault: Vault) -> None:
    async with db.transaction(seller_id):
        wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).lock_rows("UPDATE").first()
        if wizard is None or wizard.state != WizardState.CONFIRMING:
            return
        await name_other(wizard, marketplace(wizard.marketplace_code), vault)
        wizard.state, wizard.step = WizardState.OPEN, service.TEST
        wizard.version += 1
        await wizard.save()
        await nudges.nudge(service.topic(wizard.id))


async def _made_account(seller_id: UUID, wizard_id: UUID) -> list[tuple[str, UUID]]:
    """Make the account. Answers marketplace and first runs; none when there is no run, or nothing was left to confirm."""
    async with db.transaction(seller_id):
        wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).lock_rows("UPDATE").first()
        if wizard is None or wizard.state != WizardState.CONFIRMING:
            return []
        place = marketplace(wizard.marketplace_code)
        account = AccountRef(
            id=wizard.account_id, seller_id=seller_id, code=place.code, external_account_id=wizard.found_account_id, name=wizard.name
        )
        await _write_account(wizard, place)
        await _move_keys(wizard, place, account)
        await scheduling.begin(account)
        await accounts.put_down(account, service.permissions_of(wizard))
        await accounts.count_down(account)
        first = await _first_runs(wizard, place, account) if wizard.test_state == TestState.PASSED else []
        wizard.first_run_id = first[0].id if first else None
        wizard.state = WizardState.DONE
        wizard.version += 1
        await wizard.save()
        await nudges.nudge(service.topic(wizard.id))
    return [(place.code, run.id) for run in first]


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
    elif wizard.mode == WizardMode.NEW:
        if account.state != AccountState.DISCONNECTED:
            raise _AlreadyConnected
        account.name = wizard.name
    else:
        account.credential_version += 1
    account.external_name = wizard.found_name
    accounts.meet(account, service.locations_of(wizard))
    account.ships_from = wizard.ships_from or account.ships_from
    if account.state == AccountState.DISCONNECTED:
        account.state, account.disconnected_at, account.history_erasing = AccountState.ACTIVE, None, False
    account.needs_reconnect, account.reconnect_reason, account.reconnect_code, account.refused_at = False, "", "", None
    account.checking_since = None
    if wizard.test_state == TestState.PASSED:
        account.last_validated_at = account.last_proven_at = clock.now()
        account.last_validation_status, account.last_validation_message = ValidationStatus.VALID, ""
        account.next_check_at = accounts.soon(accounts.IDLE_AFTER)
    else:
        account.last_validation_message = f"Saved untested: {place.name} did not answer. We check it as soon as it does."
        account.next_check_at = accounts.soon(accounts.AGAIN_AFTER)
    await account.save()


async def _move_keys(wizard: ConnectWizard, place: Marketplace, account: AccountRef) -> None:
    async with db.acting_as(place.role) as held:
        rows = await held.fetch("SELECT column_name, sealed, fingerprint FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
    person, before = await audit.called(wizard.user_id), await _fingerprints(place, account, wizard)
    sealed = {row["column_name"]: (row["sealed"], row["fingerprint"]) for row in rows}
    kept = await keys.kept_columns(wizard, place)
    await details.move_in(place, account, place.method(wizard.method), service.values_of(wizard), sealed, by=person, keep=kept)
    tested = wizard.test_state == TestState.PASSED
    if tested:
        await details.mark_accepted(place, account.id)
    await ConnectWizardSecret.delete().where(ConnectWizardSecret.wizard_id == wizard.id)
    kind, message = _told(wizard, place, kept)
    await accounts.tell(account, kind, message, actor=person, before=before, after=await _fingerprints(place, account, wizard))
    if tested:
        await accounts.tell(account, EventKind.VALIDATED, f"{place.name} accepted these details.", actor=person)


async def _fingerprints(place: Marketplace, account: AccountRef, wizard: ConnectWizard) -> str:
    """The secrets that are saved now, each by its label and the fingerprint that pages show."""
    fields = place.method(wizard.method).fields()
    saved = await lasting.saved_secrets(place, account.id, place.method(wizard.method))
    return ", ".join(f"{fields[column].label} {one.fingerprint}" for column, one in saved.items())


def _told(wizard: ConnectWizard, place: Marketplace, kept: frozenset[str]) -> tuple[EventKind, str]:
    """What the account's story says of the details that were saved just now."""
    if wizard.test_state != TestState.PASSED:
        return EventKind.SAVED, f"Saved untested, because {place.name} did not answer."
    if wizard.mode == WizardMode.NEW:
        return EventKind.SAVED, "Connected. The details were tested first."
    fields = place.method(wizard.method).fields()
    fresh = [one.label for name, one in fields.items() if one.secret and name not in kept]
    if not kept:
        return EventKind.RECONNECTED, "Reconnected with new details of the same shop."
    if not fresh:
        return EventKind.RECONNECTED, "Reconnected with the saved details, which the marketplace accepts again."
    return EventKind.REPLACED, f"Replaced: {', '.join(fresh)}. The other saved details stay."


async def _first_runs(wizard: ConnectWizard, place: Marketplace, account: AccountRef) -> list[SyncRun]:
    """Orders first: the catch-up from the last good checkpoint, or the first days of a new account. One that is under way counts."""
    wanted = wizard.first_targets.split(",") if wizard.first_targets else [ScheduleTarget.ORDERS]
    found = []
    for target in service.FIRST_READS:
        if target not in wanted or target not in place.opened_by(place.method(wizard.method)):
            continue
        run = await runs.live(account.id, target)
        if run is None:
            gap_from = await runs.read_until(account.id, target)
            run = await runs.queue(account.seller_id, account.id, target, trigger=Trigger.CONNECT, gap_from=gap_from)
        found.append(run)
    return found
