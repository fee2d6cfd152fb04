"""`connect` and `validate`: the wizard and the live check without a browser, through the same services and the same worker."""

import argparse
import asyncio
import json
import time
from typing import Any
from uuid import UUID

from portal import db
from portal.accounts import service as accounts
from portal.commands.session import Session, answer, opened, read_text, somebody_works
from portal.connecting import service as connecting
from portal.errors import BadInput, Conflict, Misconfigured, NotFound, PortalError
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.errors import KeysRejected
from portal.marketplaces.registry import CODES
from portal.marketplaces.registry import marketplace as by_code
from portal.tables.accounts import MarketplaceAccount
from portal.tables.people import SellerUser
from portal.tables.wizards import ConnectWizard, TestState, WizardState

PATIENCE_S = 60.0


def add_parsers(commands: Any) -> None:
    connect = commands.add_parser("connect", help="connect an account: validates live, saves sealed")
    connect.add_argument("--seller", required=True, type=UUID, metavar="ID")
    connect.add_argument("--marketplace", required=True, metavar="CODE")
    connect.add_argument("--name", required=True)
    connect.add_argument("--keys", required=True, metavar="FILE", help="a JSON key file, or - for standard input")
    connect.add_argument("--shop", default="", metavar="ID", help="which shop to connect, where the keys open several")
    connect.add_argument("--ships-from", default="", metavar="ID", help="which location its stock goes to, where the shop has several")
    connect.add_argument("--json", action="store_true")
    connect.set_defaults(run=lambda chosen: asyncio.run(_connect(chosen)))
    validate = commands.add_parser("validate", help="check a saved connection now")
    validate.add_argument("account", type=UUID)
    validate.add_argument("--json", action="store_true")
    validate.set_defaults(run=lambda chosen: asyncio.run(_validate(chosen)))


def read_keys(text: str, place: Marketplace) -> dict[str, str]:
    """A key file's values. Raises BadInput that names what is wrong and never a value."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BadInput("The key file is not JSON.", detail=type(error).__name__) from None
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise BadInput("The key file should hold one JSON object: names and values.")
    flat = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items() if value is not None}
    try:
        method = place.method_of(flat)
    except KeyError:
        known = ", ".join(one.code for one in place.methods if not one.oauth)
        raise BadInput(f"The key file names a {place.method_column} that {place.name} does not have. Known: {known}.") from None
    if method.oauth:
        raise BadInput(f"{place.name} gives this permission in the browser only. Connect the account there.")
    fields = method.fields()
    unknown = sorted(set(flat) - set(fields) - {place.method_column})
    if unknown:
        raise BadInput(f"The key file has names we do not know: {', '.join(unknown)}. {place.name} takes {', '.join(fields)}.")
    missing = [name for name, one in fields.items() if one.required and not flat.get(name)]
    if missing:
        where = " ".join(f"{fields[name].label}: {fields[name].where}." for name in missing)
        raise BadInput(f"The key file lacks {', '.join(missing)}. {where}")
    return {**{name: flat.get(name, "") for name in fields}, place.method_column: method.code}


def _marketplace(code: str) -> Marketplace:
    if code.upper() not in CODES:
        raise BadInput(f"We know no marketplace {code}. Known: {', '.join(CODES)}.")
    place = by_code(code.upper())
    if place.open is None:
        raise Misconfigured(f"{place.name} cannot be connected yet.", hint="Choose a marketplace that is live.")
    return place


async def _connect(chosen: argparse.Namespace) -> int:
    place = _marketplace(chosen.marketplace)
    values = read_keys(read_text(chosen.keys), place)
    async with opened() as session:
        if not session.vault.seals(place.code):
            raise Misconfigured(
                f"There is no public key to seal {place.name}'s details with.",
                hint="Set PORTAL_SEAL_KEYS to the file that the web uses, or PORTAL_DATA_DIR to the portal's data directory.",
            )
        await somebody_works()
        wizard = await connecting.begin(chosen.seller, await _owner(chosen.seller), place.code, settings=session.settings)
        done = await connected(session, wizard, chosen.name, values, shop=chosen.shop, ships_from=chosen.ships_from)
    facts = {"account_id": done.account_id, "external_account_id": done.found_account_id, "status": "valid", "seller_name": done.found_name}
    answer(chosen.json, facts, f"Connected {done.found_name or done.found_account_id} as “{done.name}”, account {done.account_id}.")
    return 0


async def connected(
    session: Session, wizard: ConnectWizard, name: str, values: dict[str, str], *, shop: str = "", ships_from: str = ""
) -> ConnectWizard:
    """The new setup led to its account; `shop` and `ships_from` choose where these values leave a choice.

    Raises BadInput naming what there is to choose from, and PortalError as the test says. Then nothing of the setup is left.
    """
    try:
        await _type_in(session, wizard, name, values)
        tested = await _tested(session, wizard, shop)
        _refuse_unless_passed(tested)
        _refuse_unless_chosen(tested, ships_from)
        await connecting.confirm(wizard.seller_id, wizard.id, first_days=30, jobs=session.jobs, ships_from=ships_from)
        done = await _until(wizard.seller_id, wizard.id, lambda row: row.state != WizardState.CONFIRMING)
        _refuse_unless_passed(done)
    except BaseException:
        await _forget(wizard.seller_id, wizard.id)
        raise
    return done


async def _type_in(session: Session, wizard: ConnectWizard, name: str, values: dict[str, str]) -> None:
    place = by_code(wizard.marketplace_code)
    method = values.pop(place.method_column)
    await connecting.choose(wizard.seller_id, wizard.id, name=name, method=method, version=None, settings=session.settings)
    await connecting.prepared(wizard.seller_id, wizard.id)
    await connecting.enter(wizard.seller_id, wizard.id, values, version=None, vault=session.vault, jobs=session.jobs)


async def _tested(session: Session, wizard: ConnectWizard, shop: str) -> ConnectWizard:
    """The setup after its live test; of several shops that the keys open, `shop` is the one tested. BadInput while none is named."""
    tested = await _until(wizard.seller_id, wizard.id, lambda row: row.test_state != TestState.RUNNING)
    if tested.test_state != TestState.CHOOSING:
        return tested
    known = [one.id for one in connecting.shops_of(tested)]
    if shop not in known:
        raise BadInput(f"These keys open several shops: {', '.join(known)}.", hint="Nothing was saved. Name one with --shop.")
    await connecting.choose_shop(wizard.seller_id, wizard.id, shop, jobs=session.jobs)
    return await _until(wizard.seller_id, wizard.id, lambda row: row.test_state != TestState.RUNNING)


def _refuse_unless_passed(wizard: ConnectWizard) -> None:
    if wizard.duplicate_of is not None:
        raise Conflict(wizard.error_message, hint="Reconnect the existing account in the browser to replace its keys.")
    if wizard.test_state == TestState.PASSED:
        return
    remedy = "Correct the key file, then try again." if wizard.error_code == KeysRejected.code else "Try again later."
    refusal = PortalError(wizard.error_message or "The test did not finish.", hint=f"Nothing was saved. {remedy}")
    refusal.code = wizard.error_code or refusal.code
    raise refusal


def _refuse_unless_chosen(wizard: ConnectWizard, ships_from: str) -> None:
    known = [one.id for one in connecting.locations_of(wizard)]
    if len(known) > 1 and ships_from not in known:
        hint = "Nothing was saved. Name the one that its stock goes to with --ships-from."
        raise BadInput(f"This shop ships from several locations: {', '.join(known)}.", hint=hint)


async def _owner(seller_id: UUID) -> UUID:
    async with db.transaction(seller_id):
        user = await SellerUser.objects().order_by(SellerUser.created_at).first()
    if user is None:
        raise NotFound("seller")
    return UUID(str(user.id))


async def _until(seller_id: UUID, wizard_id: UUID, settled: Any) -> ConnectWizard:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        row = await connecting.get(seller_id, wizard_id)
        if settled(row):
            return row
        await asyncio.sleep(0.1)
    raise PortalError("No worker answered within a minute.", hint="Look at the worker's log; nothing was saved.")


async def _forget(seller_id: UUID, wizard_id: UUID) -> None:
    """Leave nothing half-saved behind. A wizard that is done already stays."""
    try:
        await connecting.discard(seller_id, wizard_id)
    except Conflict:
        return


async def _validate(chosen: argparse.Namespace) -> int:
    async with opened() as session:
        await somebody_works()
        seller_id = await db.seller_of("door_seller_of_account", chosen.account)
        if seller_id is None:
            raise NotFound("account")
        await accounts.start_check(seller_id, chosen.account, jobs=session.jobs)
        account = await _checked(seller_id, chosen.account)
    message = account.reconnect_reason or account.last_validation_message or "The marketplace accepted the saved details."
    facts = {"status": account.last_validation_status, "needs_reconnect": account.needs_reconnect, "message": message}
    answer(chosen.json, facts, f"{account.name}: {account.last_validation_status}. {message}")
    return 0


async def _checked(seller_id: UUID, account_id: UUID) -> MarketplaceAccount:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        account = await accounts.get(seller_id, account_id)
        if account.checking_since is None:
            return account
        await asyncio.sleep(0.1)
    raise PortalError("No worker answered within a minute.", hint="Look at the worker's log.")
