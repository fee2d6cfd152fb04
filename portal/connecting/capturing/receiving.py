"""A message of the extension: checked whole, paired with its setup, sealed at once, and tested."""

from collections.abc import Sequence
from uuid import UUID

from portal import db
from portal.connecting import service, tickets
from portal.connecting.capturing.pairing import captured_by
from portal.connecting.service.changing import ask_for_test, forget_test, save
from portal.connecting.service.sealing import seal
from portal.connecting.tickets import Condition
from portal.errors import BadInput, Conflict
from portal.jobs import Jobs
from portal.marketplaces.capturing import Captured
from portal.marketplaces.contract import Marketplace
from portal.people import throttling
from portal.people.throttling import PRESENTLY, Counted, Limit
from portal.settings import Settings
from portal.tables.tickets import TicketKind
from portal.vault import Vault

UNKNOWN_CODE = "We do not know this pairing code. Compare it with the one on the portal's page, or show a new one there."
USED_CODE = "This pairing code was used already. Show a new one on the portal's page."
LATE_CODE = "This pairing code is older than ten minutes. Show a new one on the portal's page."


ONE_ADDRESS = Limit("pairing codes from one address", 10, PRESENTLY)
EVERYBODY = Limit("pairing codes", 1000, PRESENTLY)
"""A code has 39 bits, so nobody gets near one."""


async def receive(place: Marketplace, body: bytes, *, address: str, settings: Settings, vault: Vault, jobs: Jobs) -> None:
    """Take a message over into the setup whose code it carries, and ask for the live test.

    A message that cannot be read leaves its code good, so the seller may send a better one. Raises BadInput (with the sentence for the
    extension), Conflict (the setup is over), TooManyTries.
    """
    tries = (Counted(ONE_ADDRESS, address), Counted(EVERYBODY, ""))
    method = captured_by(place)
    assert method.capturing is not None
    captured = method.capturing.read(settings.of(place.code), body)
    wizard_id, seller_id = await _paired(captured.pairing_code, tries, vault)
    attempt = await _keep(seller_id, wizard_id, place, captured, vault)
    await jobs.test_keys(place.code, wizard_id, attempt)


async def _paired(code: str, tries: Sequence[Counted], vault: Vault) -> tuple[UUID, UUID]:
    """The setup this code belongs to and its seller; the code is used up."""
    await throttling.admit(tries)
    mark = tickets.mark(vault, TicketKind.PAIRING, code)
    found = await db.door("door_pairing", mark)
    burnt = await tickets.burn(found[0]["seller_id"], TicketKind.PAIRING, mark) if found else None
    if burnt is None or burnt.condition is not Condition.GOOD:
        sentence = {Condition.USED: USED_CODE, Condition.LATE: LATE_CODE}.get(burnt.condition, UNKNOWN_CODE) if burnt else UNKNOWN_CODE
        raise BadInput(sentence, fields={"pairing_code": sentence})
    await throttling.welcome(tries)
    return burnt.wizard_id, found[0]["seller_id"]


async def _keep(seller_id: UUID, wizard_id: UUID, place: Marketplace, captured: Captured, vault: Vault) -> int:
    """Seal every value for its final place and ask for the live test. Answers the test's number."""
    method = captured_by(place)
    async with db.transaction(seller_id):
        wizard = await service.locked(seller_id, wizard_id)
        if wizard.marketplace_code != place.code:
            raise Conflict("This pairing code belongs to a setup of another marketplace.")
        # She has sent a session, whatever another tab has chosen since.
        wizard.method = method.code
        for name in method.fields():
            await seal(wizard, place, name, captured.values.get(name, ""), vault)
        forget_test(wizard)
        wizard.step = max(wizard.step, service.TEST)
        ask_for_test(wizard)
        await save(wizard)
    return int(wizard.test_attempt)
