"""The connect wizard: what a seller has chosen and typed, sealed for its final place from the first moment.

The web writes here and enqueues; testing and confirming happen in the marketplace's worker (`job`), which alone can open a secret.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from portal import clock, db, nudges
from portal.errors import BadInput, Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces import details
from portal.marketplaces.contract import KeyField, Marketplace, Method, Permission
from portal.marketplaces.registry import marketplace
from portal.settings import Settings
from portal.tables.accounts import MarketplaceAccount
from portal.tables.wizards import ConnectWizard, ConnectWizardSecret, TestState, WizardMode, WizardState
from portal.vault import Vault

OPEN_FOR = timedelta(hours=24)
SECRETS_FOR = timedelta(minutes=60)
CHOOSE, PREPARE, ENTER, TEST, CONFIRM = 1, 2, 3, 4, 5
NAME_LIMIT = 40


class KeptSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A typed secret as a page may show it: never the value."""

    fingerprint: str
    length: int


def topic(wizard_id: UUID) -> str:
    return f"wizard:{wizard_id}"


def methods(place: Marketplace, settings: Settings) -> Sequence[Method]:
    """The ways to connect that this installation offers.

    Those that send the seller away to press Allow are left out: no address takes her back yet, and their form asks for nothing she has.
    """
    return [one for one in place.methods if not one.oauth and (settings.self_hosted or not one.self_hosted_only)]


async def begin(seller_id: UUID, user_id: UUID, code: str, *, settings: Settings, name: str = "") -> ConnectWizard:
    """A new wizard with its account's id already allocated. NotFound for a marketplace that cannot be connected yet."""
    place = marketplace(code)
    offered = methods(place, settings)
    if place.open is None or not offered:
        raise NotFound("marketplace")
    wizard = ConnectWizard(
        id=uuid4(),
        seller_id=seller_id,
        user_id=user_id,
        marketplace_code=code,
        account_id=uuid4(),
        method=offered[0].code,
        name=name,
        expires_at=clock.now() + OPEN_FOR,
        touched_at=clock.now(),
    )
    async with db.transaction(seller_id):
        await wizard.save()
    return wizard


async def begin_reconnect(seller_id: UUID, user_id: UUID, account_id: UUID) -> ConnectWizard:
    """A wizard that replaces an account's keys: same id, name and ids prefilled, only secrets empty."""
    async with db.transaction(seller_id) as held:
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).first()
        if account is None:
            raise NotFound("account")
        place = marketplace(account.marketplace_code)
        columns = [place.method_column, *(name for name in _all_fields(place) if name not in details.sealed_columns(place))]
        row = await held.fetchrow(
            f"SELECT {', '.join(dict.fromkeys(columns))} FROM {details.table_of(place)} WHERE marketplace_account_id = $1",  # noqa: S608 (our own table)
            account_id,
        )
        saved = dict(row) if row else {}
        method = place.method(saved.get(place.method_column))
        plain = {name: saved.get(name) or "" for name in method.fields() if name in saved}
        wizard = ConnectWizard(
            id=uuid4(),
            seller_id=seller_id,
            user_id=user_id,
            marketplace_code=account.marketplace_code,
            mode=WizardMode.RECONNECT,
            account_id=account_id,
            step=ENTER,
            method=method.code,
            name=account.name,
            values=msgspec.json.encode(plain).decode(),
            expires_at=clock.now() + OPEN_FOR,
            touched_at=clock.now(),
        )
        await wizard.save()
    return wizard


async def account(seller_id: UUID, account_id: UUID) -> MarketplaceAccount:
    """The account a reconnect is for. NotFound when it is not this seller's."""
    async with db.transaction(seller_id):
        found = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).first()
    if found is None:
        raise NotFound("account")
    return found


def _all_fields(place: Marketplace) -> list[str]:
    return [name for method in place.methods for name in method.fields()]


async def get(seller_id: UUID, wizard_id: UUID) -> ConnectWizard:
    """NotFound when it is not this seller's."""
    async with db.transaction(seller_id):
        wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).first()
    if wizard is None:
        raise NotFound("setup")
    return wizard


def expired(wizard: ConnectWizard) -> bool:
    return wizard.state == WizardState.OPEN and wizard.expires_at <= clock.now()


async def unfinished(seller_id: UUID) -> list[ConnectWizard]:
    """Setups a seller may continue or discard, newest first."""
    async with db.transaction(seller_id):
        return (
            await ConnectWizard.objects()
            .where((ConnectWizard.state == WizardState.OPEN) & (ConnectWizard.expires_at > clock.now()) & (ConnectWizard.step > CHOOSE))
            .order_by(ConnectWizard.created_at, ascending=False)
            .limit(10)
        )


async def secrets_of(wizard: ConnectWizard) -> dict[str, KeptSecret]:
    async with db.transaction(wizard.seller_id) as held:
        rows = await held.fetch("SELECT column_name, fingerprint, length FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
    return {row["column_name"]: KeptSecret(fingerprint=row["fingerprint"], length=row["length"]) for row in rows}


def values_of(wizard: ConnectWizard) -> dict[str, str]:
    """What was typed and is not secret."""
    return msgspec.json.decode(wizard.values, type=dict[str, str])


def permissions_of(wizard: ConnectWizard) -> list[Permission]:
    return msgspec.json.decode(wizard.permissions, type=list[Permission])


def checks_of(wizard: ConnectWizard) -> dict[str, str]:
    """The lines of the live test: check to waiting, checking, ok or problem."""
    return msgspec.json.decode(wizard.checks, type=dict[str, str])


async def locked(seller_id: UUID, wizard_id: UUID, *, version: int | None = None) -> ConnectWizard:
    """The wizard for a change, in the caller's transaction. Conflict when another tab changed it, it timed out, or it is done."""
    wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).lock_rows("UPDATE").first()
    if wizard is None or wizard.seller_id != seller_id:
        raise NotFound("setup")
    if expired(wizard):
        raise Conflict("This setup timed out. Nothing was saved to your account.")
    if version is not None and version != wizard.version:
        raise Conflict("You changed this in another tab. Here is what it looks like now.")
    if wizard.state != WizardState.OPEN:
        raise Conflict("This setup is finished.")
    return wizard


async def _sent_before(wizard_id: UUID, form_token: str) -> bool:
    """Whether the very form that carries this token was acted on last: a double click, or a repeated request, changes nothing."""
    if not form_token:
        return False
    wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).lock_rows("UPDATE").first()
    return wizard is not None and wizard.form_token == form_token


async def _save(wizard: ConnectWizard) -> None:
    wizard.version += 1
    wizard.touched_at = clock.now()
    await wizard.save()
    await nudges.nudge(topic(wizard.id))


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
        if await _sent_before(wizard_id, form_token):
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
            _forget_test(wizard)
            wizard.step = min(wizard.step, ENTER)
        wizard.name, wizard.method, wizard.form_token = name, method, form_token
        wizard.step = max(wizard.step, PREPARE)
        await _save(wizard)


async def prepared(seller_id: UUID, wizard_id: UUID) -> None:
    """Step 2 is read; nothing is typed there."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        wizard.step = max(wizard.step, ENTER)
        await _save(wizard)


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
        if await _sent_before(wizard_id, form_token):
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
        _forget_test(wizard)
        if not mistakes:
            wizard.form_token = form_token
            wizard.step = max(wizard.step, TEST)
            _ask_for_test(wizard)
        await _save(wizard)
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


def _forget_test(wizard: ConnectWizard) -> None:
    wizard.test_state, wizard.checks, wizard.permissions = TestState.NONE, "{}", "[]"
    wizard.error_code = wizard.error_message = wizard.error_field = ""
    wizard.found_account_id = wizard.found_name = ""
    wizard.duplicate_of = None


def _ask_for_test(wizard: ConnectWizard) -> None:
    wizard.test_state = TestState.RUNNING
    wizard.test_attempt += 1


async def replace_secret(seller_id: UUID, wizard_id: UUID, column: str) -> None:
    """Forget one kept secret, so that its box is empty again."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        await ConnectWizardSecret.delete().where((ConnectWizardSecret.wizard_id == wizard_id) & (ConnectWizardSecret.column_name == column))
        _forget_test(wizard)
        wizard.step = min(wizard.step, ENTER)
        await _save(wizard)


async def test_again(seller_id: UUID, wizard_id: UUID, *, jobs: Jobs) -> None:
    """Repeat the live test with what is kept."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        if wizard.step < TEST:
            raise Conflict("Enter the details first.")
        if wizard.test_state == TestState.RUNNING and wizard.touched_at > clock.now() - timedelta(seconds=40):
            return
        _forget_test(wizard)
        _ask_for_test(wizard)
        await _save(wizard)
    await jobs.test_keys(wizard.marketplace_code, wizard_id, wizard.test_attempt)


async def confirm(seller_id: UUID, wizard_id: UUID, *, first_days: int, jobs: Jobs) -> None:
    """Step 5: make it an account. The worker does, because the keys move sealed and the first run begins in the same transaction."""
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
            wizard.state, wizard.step = WizardState.CONFIRMING, CONFIRM
            await _save(wizard)
    await jobs.confirm_wizard(wizard.marketplace_code, wizard_id)


async def discard(seller_id: UUID, wizard_id: UUID) -> None:
    """Forget a setup and everything typed into it."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        await ConnectWizardSecret.delete().where(ConnectWizardSecret.wizard_id == wizard_id)
        wizard.state = WizardState.DISCARDED
        await _save(wizard)


async def wipe_stale() -> int:
    """Typed secrets go 60 minutes after the last activity, whole setups after a day. Answers how many were touched."""
    rows: Sequence[Any] = await db.door("door_stale_wizards", clock.now() - SECRETS_FOR, clock.now())
    wiped = 0
    for row in rows:
        async with db.transaction(row["seller_id"]):
            wizard = await ConnectWizard.objects().where(ConnectWizard.id == row["wizard_id"]).lock_rows("UPDATE").first()
            if wizard is None or not _stale(wizard):
                continue
            await ConnectWizardSecret.delete().where(ConnectWizardSecret.wizard_id == wizard.id)
            _forget_test(wizard)
            # A confirmation that no worker made in an hour is not going to happen any more.
            wizard.state, wizard.step = WizardState.OPEN, min(wizard.step, ENTER)
            if expired(wizard):
                wizard.state = WizardState.DISCARDED
                wizard.values = "{}"
            await wizard.save()
            wiped += 1
    return wiped


def _stale(wizard: ConnectWizard) -> bool:
    """Still stale, now that its row is ours: the seller may just have come back."""
    over = wizard.touched_at < clock.now() - SECRETS_FOR or wizard.expires_at < clock.now()
    return over and wizard.state in (WizardState.OPEN, WizardState.CONFIRMING)
