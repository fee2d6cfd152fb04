"""What every change of a setup keeps to: one tab at a time, one form once, and no test result that outlives what it tested."""

from uuid import UUID

from portal import clock, nudges
from portal.connecting.service.reading import expired, topic
from portal.errors import Conflict, NotFound
from portal.tables.wizards import ConnectWizard, TestState, WizardState


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


async def sent_before(wizard_id: UUID, form_token: str) -> bool:
    """Whether the very form that carries this token was acted on last: a double click, or a repeated request, changes nothing."""
    if not form_token:
        return False
    wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).lock_rows("UPDATE").first()
    return wizard is not None and wizard.form_token == form_token


async def save(wizard: ConnectWizard) -> None:
    wizard.version += 1
    wizard.touched_at = clock.now()
    await wizard.save()
    await nudges.nudge(topic(wizard.id))


def forget_test(wizard: ConnectWizard, *, same_keys: bool = False) -> None:
    """What a test found is worth nothing any more. `same_keys`: they are only tested once more, so the shops they open stay known."""
    if not same_keys:
        wizard.shops, wizard.shop = "[]", ""
    wizard.test_state, wizard.checks, wizard.permissions = TestState.NONE, "{}", "[]"
    wizard.locations, wizard.ships_from = "[]", ""
    wizard.error_code = wizard.error_message = wizard.error_field = ""
    wizard.found_account_id = wizard.found_name = wizard.found_note = wizard.first_proof = ""
    wizard.duplicate_of = None


def ask_for_test(wizard: ConnectWizard) -> None:
    wizard.test_state = TestState.RUNNING
    wizard.test_attempt += 1
