"""Steps 1 to 3: what a seller chooses and types."""

import re
from collections.abc import Mapping
from uuid import UUID

import msgspec

from portal import clock, db
from portal.connecting.service.beginning import methods
from portal.connecting.service.changing import ask_for_test, forget_test, locked, save, sent_before
from portal.connecting.service.reading import ENTER, OPEN_FOR, PREPARE, TEST, notes_of, saved_in, values_of
from portal.connecting.service.sealing import forget, kept_columns, seal
from portal.connecting.service.swapping import looks_secret, offer, swapped, withdraw
from portal.connecting.service.waiting import forget_reminders
from portal.errors import BadInput
from portal.jobs import Jobs
from portal.marketplaces.methods import KeyField
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
            wizard.swaps, wizard.notes = "[]", "{}"
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
    remarks: Mapping[str, str] | None = None,
) -> None:
    """Step 3: keep what was typed, each secret sealed for its final place, then ask for the live test.

    Good values are kept even when others are wrong, so nothing is typed twice. Raises BadInput with a sentence per field.
    `typed` is cleaned already, `remarks` says by field what that took away; an empty secret that was kept before stays, and in a
    reconnect so does one that is saved.
    """
    async with db.transaction(seller_id):
        if await sent_before(wizard_id, form_token):
            return
        wizard = await locked(seller_id, wizard_id, version=version)
        mistakes = await _keep(wizard, typed, vault, remarks or {}, whole=True)
        if not mistakes:
            wizard.form_token = form_token
            wizard.step = max(wizard.step, TEST)
            await withdraw(wizard)
            await _wait_no_longer(wizard)
            ask_for_test(wizard)
        await save(wizard)
    if mistakes:
        raise BadInput("Some answers need another look.", fields=mistakes)
    await jobs.test_keys(wizard.marketplace_code, wizard_id, wizard.test_attempt)


async def fill(seller_id: UUID, wizard_id: UUID, found: Mapping[str, str], *, vault: Vault) -> None:
    """Keep the values of a pasted block; what it did not hold stays as it was. Raises BadInput as `enter` does, after keeping the rest."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        mistakes = await _keep(wizard, found, vault, {}, whole=False)
        await save(wizard)
    if mistakes:
        raise BadInput("Some answers need another look.", fields=mistakes)


async def _keep(
    wizard: ConnectWizard, typed: Mapping[str, str], vault: Vault, remarks: Mapping[str, str], *, whole: bool
) -> dict[str, str]:
    """Put away what can be right, and answer with a sentence for each field that cannot. `whole`: a form, so empty means empty."""
    place = marketplace(wizard.marketplace_code)
    fields = place.method(wizard.method).fields()
    given = {name: value.upper() if fields[name].fold_case else value for name, value in typed.items() if name in fields}
    kept = {*await kept_columns(wizard), *await saved_in(wizard)}
    await withdraw(wizard, typed=given)
    pairs = swapped(fields, given)
    if pairs:
        await offer(wizard, place, given, pairs, vault)
    mistakes = _mistakes(fields, given, pairs)
    plain, notes = values_of(wizard), notes_of(wizard)
    for name, one in fields.items():
        value = given.get(name, "")
        if not value and (not whole or (one.secret and name in kept)):
            continue
        if name not in mistakes and not value and one.required:
            mistakes[name] = f"Enter the {in_a_sentence(one.label)}"
        notes[name] = " ".join(part for part in (remarks.get(name, ""), _unusual(one, value)) if part)
        if one.secret:
            await seal(wizard, place, name, value if name not in mistakes or _may_stay(one, name, value, pairs) else "", vault)
        else:
            plain[name] = "" if _not_to_repeat(fields, name, value, pairs) else value
    wizard.values = msgspec.json.encode(plain).decode()
    wizard.notes = msgspec.json.encode({name: note for name, note in notes.items() if note and name in fields}).decode()
    forget_test(wizard)
    return {name: mistakes[name] for name in fields if name in mistakes}


def _mistakes(fields: Mapping[str, KeyField], given: Mapping[str, str], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """What cannot be right about the values that were given, by field."""
    mistakes: dict[str, str] = {}
    for first, second in pairs:
        mistakes[first] = f"This looks like the {fields[second].label}. Are the two swapped?"
        mistakes[second] = f"This looks like the {fields[first].label}. Are the two swapped?"
    said: dict[str, str] = {}
    for name, one in fields.items():
        value = given.get(name, "")
        if not value or name in mistakes:
            continue
        if value in said:
            mistakes[name] = f"This is the same value as {fields[said[value]].label}. Copy this one too."
        elif secret := looks_secret(fields, name, value):
            mistakes[name] = f"This looks like the {secret}. {one.mistake or f'Enter the {one.label} here.'}"
        elif one.pattern and not re.fullmatch(one.pattern, value):
            mistakes[name] = one.mistake or f"This does not look like a {one.label}"
        said.setdefault(value, name)
    return mistakes


def _unusual(one: KeyField, value: str) -> str:
    """A soft remark about a value that may be right all the same."""
    if value and one.usual and not re.fullmatch(one.usual, value):
        return f"This does not have the usual shape of a {one.label}. We try it all the same."
    return ""


def _may_stay(one: KeyField, name: str, value: str, pairs: list[tuple[str, str]]) -> bool:
    """A value that only looks swapped is kept as it was typed too: whoever presses the button again means it."""
    return any(name in pair for pair in pairs) and bool(re.fullmatch(one.pattern or ".*", value))


def _not_to_repeat(fields: Mapping[str, KeyField], name: str, value: str, pairs: list[tuple[str, str]]) -> bool:
    """Whether an open box got what seems to be a secret: that must not come back in the page."""
    return bool(looks_secret(fields, name, value)) or any(name in pair for pair in pairs)


async def _wait_no_longer(wizard: ConnectWizard) -> None:
    """The details are there: from here on the setup has its usual time again."""
    wizard.wiped_at = None
    if wizard.waiting_for_details:
        wizard.waiting_for_details, wizard.expires_at = False, clock.now() + OPEN_FOR
        await forget_reminders(wizard)


async def replace_secret(seller_id: UUID, wizard_id: UUID, column: str, *, typed: Mapping[str, str] | None = None) -> None:
    """Forget one kept secret, so that its box is empty again. What stands in the open boxes (`typed`) is kept along the way."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        fields = marketplace(wizard.marketplace_code).method(wizard.method).fields()
        opened = {name: value for name, value in (typed or {}).items() if value and name in fields and not fields[name].secret}
        plain = values_of(wizard) | {name: value for name, value in opened.items() if not looks_secret(fields, name, value)}
        wizard.values = msgspec.json.encode(plain).decode()
        await forget(wizard, column)
        forget_test(wizard)
        wizard.step = min(wizard.step, ENTER)
        await save(wizard)


def in_a_sentence(label: str) -> str:
    """A field's name inside a sentence: "merchant token", but "API key" as it is."""
    return label if label[1:2].isupper() else f"{label[:1].lower()}{label[1:]}"
