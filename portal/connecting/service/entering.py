"""Steps 1 to 3: what a seller chooses and types."""

import re
from collections.abc import Mapping
from uuid import UUID

import msgspec

from portal import clock, db
from portal.connecting.service.beginning import methods
from portal.connecting.service.changing import ask_for_test, forget_test, locked, save, sent_before
from portal.connecting.service.reading import ENTER, PREPARE, TEST, values_of
from portal.errors import BadInput
from portal.jobs import Jobs
from portal.marketplaces import details
from portal.marketplaces.contract import KeyField, Marketplace
from portal.marketplaces.registry import marketplace
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard, ConnectWizardSecret
from portal.vault import Vault

NAME_LIMIT = 40


async def choose(
    seller_id: UUID, wizard_id: UUID, *, name: str, method: str, version: int | None, settings: Settings, form_token: str = ""
) -> None:
    """Step 1: a name and a method. Another method forgets the test, and secrets that belong to the old one only."""
    name = name.strip()
    fields: dict[str, str] = {}
    if not name:
        fields["name"] = "Enter a name for this account"
    elif len(name) > NAME_LIMIT:
        fields["name"] = f"Name must be {NAME_LIMIT} characters or fewer"
    async with db.transaction(seller_id):
        if await sent_before(wizard_id, form_token):
            return
        wizard = await locked(seller_id, wizard_id, version=version)
        offered = {one.code: one for one in methods(marketplace(wizard.marketplace_code), settings)}
        if method not in offered:
            fields["method"] = "Choose how to connect"
        if fields:
            raise BadInput("Some answers need another look.", fields=fields)
        if method != wizard.method:
            await ConnectWizardSecret.delete().where(
                (ConnectWizardSecret.wizard_id == wizard_id) & ConnectWizardSecret.column_name.not_in([*offered[method].fields(), "-"])
            )
            forget_test(wizard)
            wizard.step = min(wizard.step, ENTER)
        wizard.name, wizard.method, wizard.form_token = name, method, form_token
        wizard.step = max(wizard.step, PREPARE)
        await save(wizard)


async def prepared(seller_id: UUID, wizard_id: UUID) -> None:
    """Step 2 is read; nothing is typed there."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        wizard.step = max(wizard.step, ENTER)
        await save(wizard)


async def enter(
    seller_id: UUID,
    wizard_id: UUID,
    typed: Mapping[str, str],
    *,
    version: int | None,
    vault: Vault,
    jobs: Jobs,
    form_token: str = "",
) -> None:
    """Step 3: keep what was typed, each secret sealed for its final place, then ask for the live test.

    Good values are kept even when others are wrong, so nothing is typed twice. Raises BadInput with a sentence per field.
    `typed` is cleaned already; an empty secret that was kept before stays.
    """
    mistakes: dict[str, str] = {}
    async with db.transaction(seller_id):
        if await sent_before(wizard_id, form_token):
            return
        wizard = await locked(seller_id, wizard_id, version=version)
        place = marketplace(wizard.marketplace_code)
        fields = place.method(wizard.method).fields()
        kept = {
            row["column_name"]
            for row in await ConnectWizardSecret.select(ConnectWizardSecret.column_name).where(ConnectWizardSecret.wizard_id == wizard_id)
        }
        plain = values_of(wizard)
        for name, one in fields.items():
            value = typed.get(name, "")
            if not value and one.secret and name in kept:
                continue
            if one.fold_case:
                value = value.upper()
            mistake = _mistake(one, value)
            if mistake:
                mistakes[name] = mistake
                if not one.secret:
                    plain[name] = value
            elif one.secret:
                await _seal(wizard, place, name, value, vault)
            else:
                plain[name] = value
        wizard.values = msgspec.json.encode(plain).decode()
        forget_test(wizard)
        if not mistakes:
            wizard.form_token = form_token
            wizard.step = max(wizard.step, TEST)
            ask_for_test(wizard)
        await save(wizard)
    if mistakes:
        raise BadInput("Some answers need another look.", fields=mistakes)
    await jobs.test_keys(wizard.marketplace_code, wizard_id, wizard.test_attempt)


def _mistake(one: KeyField, value: str) -> str:
    if not value:
        return f"Enter the {one.label[:1].lower()}{one.label[1:]}" if one.required else ""
    if one.pattern and not re.fullmatch(one.pattern, value):
        return one.mistake or f"This does not look like a {one.label}"
    return ""


async def _seal(wizard: ConnectWizard, place: Marketplace, column: str, value: str, vault: Vault) -> None:
    """One row per typed secret. This role may write the sealed column and never read it, so a replacement is a delete and an insert."""
    await ConnectWizardSecret.delete().where((ConnectWizardSecret.wizard_id == wizard.id) & (ConnectWizardSecret.column_name == column))
    if not value:
        return
    await db.connection().execute(
        """INSERT INTO connect_wizard_secrets (id, seller_id, wizard_id, marketplace_code, column_name, sealed, fingerprint, length, saved_at)
           VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8)""",
        wizard.seller_id,
        wizard.id,
        wizard.marketplace_code,
        column,
        vault.seal(place.code, details.place_of(place, column, wizard.account_id), value),
        vault.fingerprint(value),
        len(value),
        clock.now(),
    )


async def replace_secret(seller_id: UUID, wizard_id: UUID, column: str) -> None:
    """Forget one kept secret, so that its box is empty again."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        await ConnectWizardSecret.delete().where((ConnectWizardSecret.wizard_id == wizard_id) & (ConnectWizardSecret.column_name == column))
        forget_test(wizard)
        wizard.step = min(wizard.step, ENTER)
        await save(wizard)
