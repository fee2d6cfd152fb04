"""Try the typed keys live, and write down what was found. Nothing becomes an account here."""

from typing import Any
from uuid import UUID

import msgspec
import structlog

from portal import db, nudges
from portal.accounts import operator
from portal.accounts import service as accounts
from portal.connecting import keys, service
from portal.connecting.handoff.redeeming import redeem
from portal.connecting.job.recognising import name_other
from portal.connecting.progress import Progress
from portal.errors import NotFound, PortalError, SecretUnreadable
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Check, Marketplace, Validation, mask
from portal.marketplaces.errors import KeysRejected
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import MarketplaceAccount
from portal.tables.wizards import ConnectWizard, TestState, WizardMode, WizardState
from portal.vault import Vault

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
    progress = Progress(wizard)
    try:
        wizard = await keys.settle_place(wizard, place, ctx["vault"])
        wizard = await redeem(wizard, place, account, doorway=ctx["doorway"], vault=ctx["vault"])
        opened = await keys.open_all(wizard, place, ctx["vault"])
        await progress.begin()
        keep = keys.keeper(wizard, place, account, ctx["vault"])
        found = await ctx["doorway"].validated(place, account, opened, checked=progress.checked, tried=progress.tried, keep=keep)
        if found.shops:
            await _ask_which(wizard, progress, found)
        else:
            await _settle(wizard, place, found, ctx["vault"])
    except SecretUnreadable as error:
        await details.put_on_record_unreadable(account, error, actor="worker")
        await _failed(wizard, progress, error)
    except PortalError as error:
        await _failed(wizard, progress, error)
    except Exception as error:
        # Ours to find, not the seller's: the setup says so, the log has the trace.
        await _failed(
            wizard, progress, PortalError("Something failed on our side while testing. Nothing was saved.", detail=type(error).__name__)
        )
        raise


async def _known_as(wizard: ConnectWizard) -> str:
    """The shop that the details should open: of a new setup the one that was chosen of several, of a reconnect its account's.

    A marketplace that knows a shop by several names then answers with this one.
    """
    if wizard.mode == WizardMode.NEW:
        return str(wizard.shop)
    async with db.transaction(wizard.seller_id) as held:
        return str(await held.fetchval("SELECT external_account_id FROM marketplace_accounts WHERE id = $1", wizard.account_id) or "")


async def _still_tested(wizard: ConnectWizard) -> ConnectWizard | None:
    """The wizard, locked, if this test's result still counts: nobody asked for another test, replaced a secret or gave up meanwhile."""
    fresh = await ConnectWizard.objects().where(ConnectWizard.id == wizard.id).lock_rows("UPDATE").first()
    if fresh is None or fresh.state != WizardState.OPEN:
        return None
    return fresh if (fresh.test_state, fresh.test_attempt) == (TestState.RUNNING, wizard.test_attempt) else None


async def _ask_which(wizard: ConnectWizard, progress: Progress, found: Validation) -> None:
    """The details are accepted and open several shops. The test goes on when their seller has chosen one."""
    async with db.transaction(wizard.seller_id):
        fresh = await _still_tested(wizard)
        if fresh is None:
            return
        fresh.shops = msgspec.json.encode(found.shops).decode()
        fresh.test_state = TestState.CHOOSING
        fresh.checks = msgspec.json.encode(progress.settled()).decode()
        fresh.version += 1
        await fresh.save()
        await nudges.nudge(service.topic(fresh.id))


async def _settle(wizard: ConnectWizard, place: Marketplace, found: Validation, vault: Vault) -> None:
    """The keys work. Whose shop is it, and is it the right one?"""
    async with db.transaction(wizard.seller_id):
        fresh = await _still_tested(wizard)
        if fresh is None:
            return
        fresh.found_account_id, fresh.found_name = found.external_account_id, found.seller_name[:120]
        fresh.found_note = found.note
        fresh.locations = msgspec.json.encode(found.locations).decode()
        fresh.permissions = msgspec.json.encode(found.permissions).decode()
        fresh.first_proof = msgspec.json.encode(found.first_proof).decode() if found.first_proof else ""
        fresh.checks = msgspec.json.encode(dict.fromkeys(Check, "ok")).decode()
        fresh.test_state = TestState.PASSED
        if fresh.mode == WizardMode.RECONNECT:
            own = await MarketplaceAccount.objects().where(MarketplaceAccount.id == fresh.account_id).first()
            if own is None:
                raise NotFound("account")
            fresh.ships_from = own.ships_from
            fresh.locations = msgspec.json.encode(accounts.known_with(own, found.locations)).decode()
            if own.external_account_id != found.external_account_id:
                fresh.test_state = TestState.FAILED
                fresh.error_code = "other_shop"
                fresh.error_message = f"They are for {mask(found.external_account_id)}. This account is {mask(own.external_account_id)}."
        else:
            await name_other(fresh, place, vault)
        fresh.version += 1
        await fresh.save()
        await nudges.nudge(service.topic(fresh.id))


async def _failed(wizard: ConnectWizard, progress: Progress, error: PortalError) -> None:
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
