"""Taking a seller back: her state is burnt, her code sealed, and the worker asked to turn it into keys before it dies."""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

import msgspec

from portal import db
from portal.connecting import service, tickets
from portal.connecting.handoff.leaving import return_address, way
from portal.connecting.service.changing import ask_for_test, forget_test, save
from portal.connecting.service.sealing import seal
from portal.connecting.tickets import Condition
from portal.errors import Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.handoff import Granted
from portal.settings import Settings
from portal.tables.tickets import TicketKind
from portal.tables.wizards import ConnectWizardSecret
from portal.vault import Vault

CODE = "handoff_code"
"""The name under which a code lies sealed in a setup. It is no column of any satellite: the code never gets that far."""

LONGEST = 4096
"""Letters of a code or a shop's id; whatever is longer was made up."""


class Ending(StrEnum):
    """Why a return led nowhere."""

    DECLINED = "declined"
    LATE = "late"
    REPLAYED = "replayed"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"
    OVER = "over"
    TIMED_OUT = "timed_out"


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a return. No `ending`: the worker is at it. `wizard_id` where the state told whose setup it was."""

    wizard_id: UUID | None = None
    ending: Ending | None = None


ENDINGS = {Condition.USED: Ending.REPLAYED, Condition.LATE: Ending.LATE, Condition.ELSEWHERE: Ending.ELSEWHERE}


async def come_back(
    seller_id: UUID, session_id: UUID, place: Marketplace, query: Mapping[str, str], *, settings: Settings, vault: Vault, jobs: Jobs
) -> Returned:
    """Take what her browser brings. Whatever it is, its state is good for nothing afterwards.

    Raises NotFound where this installation does not send sellers to that marketplace.
    """
    handoff, method = way(place, settings)
    state = query.get("state", "")
    burnt = await tickets.burn(seller_id, TicketKind.HANDOFF, tickets.mark(vault, TicketKind.HANDOFF, state), session_id=session_id)
    if burnt is None:
        return Returned(ending=Ending.UNKNOWN)
    if burnt.condition is Condition.ELSEWHERE:
        return Returned(ending=Ending.ELSEWHERE)
    if burnt.condition is not Condition.GOOD:
        return Returned(wizard_id=burnt.wizard_id, ending=ENDINGS[burnt.condition])
    brought = handoff.brought(query)
    if not brought.code or max(len(brought.code), len(brought.shop)) > LONGEST:
        return Returned(wizard_id=burnt.wizard_id, ending=Ending.DECLINED)
    granted = Granted(code=brought.code, state=state, redirect_uri=return_address(place, settings), shop=brought.shop)
    try:
        attempt = await _keep(seller_id, burnt.wizard_id, place, method.code, granted, vault)
    except (Conflict, NotFound):
        return Returned(wizard_id=burnt.wizard_id, ending=await _over(seller_id, burnt.wizard_id))
    await jobs.test_keys(place.code, burnt.wizard_id, attempt)
    return Returned(wizard_id=burnt.wizard_id)


async def _keep(seller_id: UUID, wizard_id: UUID, place: Marketplace, method: str, granted: Granted, vault: Vault) -> int:
    """Seal the code into the setup and ask for the live test, which begins with its exchange. Answers the test's number.

    What an earlier permission left is forgotten: the newest one counts.
    """
    async with db.transaction(seller_id):
        wizard = await service.locked(seller_id, wizard_id)
        if wizard.marketplace_code != place.code or wizard.method != method:
            raise Conflict("You changed this in another tab.")
        await ConnectWizardSecret.delete().where(ConnectWizardSecret.wizard_id == wizard_id)
        await seal(wizard, place, CODE, msgspec.json.encode(granted).decode(), vault)
        forget_test(wizard)
        wizard.step = max(wizard.step, service.TEST)
        ask_for_test(wizard)
        await save(wizard)
    return int(wizard.test_attempt)


async def _over(seller_id: UUID, wizard_id: UUID) -> Ending:
    """How a setup came to take nothing back."""
    try:
        wizard = await service.get(seller_id, wizard_id)
    except NotFound:
        return Ending.OVER
    return Ending.TIMED_OUT if service.timed_out(wizard) else Ending.OVER
