"""The keys of a setup, on the worker's side: those typed now, those saved before, and the account that both are sealed for."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

from portal import clock, db
from portal.audit import service as audit
from portal.connecting import service
from portal.errors import PortalError
from portal.marketplaces import details, lasting
from portal.marketplaces.contract import AccountRef, Marketplace
from portal.tables.accounts import CredentialEvent, EventKind, MarketplaceAccount
from portal.tables.audit import Action
from portal.tables.wizards import ConnectWizard, WizardMode
from portal.vault import Vault


async def open_all(wizard: ConnectWizard, place: Marketplace, vault: Vault) -> Any:
    """The keys to be tested, as their method's dataclass: what was typed, and in a reconnect what is saved where nothing was typed.

    Raises PortalError naming what is missing, SecretUnreadable for what does not open.
    """
    method = place.method(wizard.method)
    async with db.transaction(wizard.seller_id):
        kept = await kept_columns(wizard, place)
        async with db.acting_as(place.role) as held:
            typed = await held.fetch("SELECT column_name, sealed FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
            saved = await held.fetchrow(
                f"SELECT * FROM {details.table_of(place)} WHERE marketplace_account_id = $1",  # noqa: S608 (our own table's name)
                wizard.account_id,
            )
        row: dict[str, Any] = {one.name: None for one in fields(method.keys)}
        row |= service.values_of(wizard) | {column: saved[column] for column in kept} | {one["column_name"]: one["sealed"] for one in typed}
        missing = [one.label for name, one in method.fields().items() if one.required and not row.get(name)]
        if missing and method.oauth:
            raise PortalError(f"There is no permission of {place.name} here. Go back, continue to {place.name} and press Allow there.")
        if missing:
            raise PortalError(f"For safety we removed the details you pasted. Enter them again: {', '.join(missing)}.")
        opened = details.open_row(place, method, wizard.account_id, row, vault)
        await put_on_record(wizard, place, "test of a reconnect" if wizard.mode == WizardMode.RECONNECT else "test of a new connection")
    return opened


async def put_on_record(wizard: ConnectWizard, place: Marketplace, purpose: str) -> None:
    """That a secret of this setup is opened, and what for, in the transaction that allows it.

    An event of the account as with every other opening; while there is no account yet, an entry of the audit trail.
    """
    known = await MarketplaceAccount.exists().where(MarketplaceAccount.id == wizard.account_id)
    if not known:
        person = await audit.called(wizard.user_id)
        told = f"{place.name}: {purpose}"
        await audit.write(wizard.seller_id, Action.SECRET_OPENED, told, actor=person, account_id=wizard.account_id)
        return
    await CredentialEvent.insert(
        CredentialEvent(
            seller_id=wizard.seller_id,
            marketplace_account_id=wizard.account_id,
            kind=EventKind.OPENED,
            message=purpose,
            actor=await audit.called(wizard.user_id),
        )
    )


async def kept_columns(wizard: ConnectWizard, place: Marketplace) -> frozenset[str]:
    """Secrets that the seller did not type again and that stay as they are saved. In the caller's transaction."""
    if wizard.mode != WizardMode.RECONNECT:
        return frozenset()
    saved = await lasting.saved_secrets(place, wizard.account_id, place.method(wizard.method))
    rows = await db.connection().fetch("SELECT column_name FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
    return frozenset(saved) - {row["column_name"] for row in rows}


async def reseal(wizard: ConnectWizard, place: Marketplace, vault: Vault, *, before: UUID) -> None:
    """Seal what was typed for the account it now belongs to: a ciphertext opens nowhere but in its place. In the caller's transaction."""
    async with db.acting_as(place.role) as held:
        rows = await held.fetch("SELECT id, column_name, sealed FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
    if rows:
        await put_on_record(wizard, place, "sealing for the account it belongs to")
    for row in rows:
        column = row["column_name"]
        value = vault.open(place.code, details.place_of(place, column, before), row["sealed"])
        await db.connection().execute(
            "UPDATE connect_wizard_secrets SET sealed = $2 WHERE id = $1",
            row["id"],
            vault.seal(place.code, details.place_of(place, column, wizard.account_id), value),
        )


async def settle_place(wizard: ConnectWizard, place: Marketplace, vault: Vault) -> ConnectWizard:
    """The setup with its secrets sealed for its account, should a seller have chosen another account since they were typed."""
    if wizard.sealed_for is None:
        return wizard
    async with db.transaction(wizard.seller_id):
        fresh = await ConnectWizard.objects().where(ConnectWizard.id == wizard.id).lock_rows("UPDATE").first()
        if fresh is None or fresh.sealed_for is None:
            return wizard
        await reseal(fresh, place, vault, before=fresh.sealed_for)
        fresh.sealed_for = None
        await fresh.save([ConnectWizard.sealed_for])
    wizard.sealed_for = None
    return wizard


def keeper(wizard: ConnectWizard, place: Marketplace, account: AccountRef, vault: Vault) -> lasting.Keep:
    """Where parts of the keys go that the marketplace replaces during the test: each to where its older self came from."""

    async def keep(fresh: Mapping[str, str]) -> None:
        async with db.transaction(wizard.seller_id) as held:
            kept = await kept_columns(wizard, place)
            for column, value in fresh.items():
                if column not in kept:
                    await held.execute(
                        """UPDATE connect_wizard_secrets SET sealed = $3, fingerprint = $4, length = $5, saved_at = $6
                           WHERE wizard_id = $1 AND column_name = $2""",
                        wizard.id,
                        column,
                        vault.seal(place.code, details.place_of(place, column, account.id), value),
                        vault.fingerprint(value),
                        len(value),
                        clock.now(),
                    )
            saved = {column: value for column, value in fresh.items() if column in kept}
            if saved:
                version = await held.fetchval("SELECT credential_version FROM marketplace_accounts WHERE id = $1", account.id)
                await lasting.keeper(place, account, details.Opened(None, version), vault)(saved)

    return keep
