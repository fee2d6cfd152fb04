"""The record of a connection: what is written down when something happens to its credential."""

from typing import Any
from uuid import UUID

from portal.audit import service as audit
from portal.audit.asking import SYSTEM
from portal.errors import PortalError
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import MarketplaceError
from portal.tables.accounts import CredentialEvent, EventKind
from portal.tables.audit import Action

WORKER = "worker"
ON_THE_TRAIL = {
    # What somebody did, as opposed to what a marketplace said.
    EventKind.SAVED: Action.CONNECTED,
    EventKind.RECONNECTED: Action.RECONNECTED,
    EventKind.REPLACED: Action.SECRET_REPLACED,
    EventKind.PAUSED: Action.PAUSED,
    EventKind.RESUMED: Action.RESUMED,
    EventKind.DISCONNECTED: Action.DISCONNECTED,
    EventKind.ERASED: Action.ERASED,
}


async def tell(
    account: AccountRef,
    kind: EventKind,
    message: str,
    *,
    error: PortalError | None = None,
    code: str = "",
    run_id: UUID | None = None,
    actor: str = WORKER,
    before: str = "",
    after: str = "",
) -> None:
    """Add a line, in the caller's transaction. Of a marketplace's refusal its own code, words, status and request id are kept.

    What somebody did stands in the audit trail too; `before` and `after` are for there, where the message alone does not say it.
    """
    marks: dict[str, Any] = {"code": code}
    if isinstance(error, MarketplaceError):
        marks = {
            "code": (error.reason or error.code)[:60],
            "words": error.words,
            "http_status": error.http_status,
            "request_id": error.request_id[:120],
        }
    await CredentialEvent.insert(
        CredentialEvent(
            seller_id=account.seller_id, marketplace_account_id=account.id, kind=kind, message=message, actor=actor, run_id=run_id, **marks
        )
    )
    if kind in ON_THE_TRAIL:
        told = f"{message} {after}".strip()
        await audit.write(account.seller_id, ON_THE_TRAIL[kind], told, before=before, actor=await _named(actor), account_id=account.id)


async def _named(actor: str) -> str:
    """How the trail names who did it: a person's id becomes the name."""
    if actor == WORKER:
        return SYSTEM
    try:
        return await audit.called(UUID(actor)) or actor
    except ValueError:
        return actor
