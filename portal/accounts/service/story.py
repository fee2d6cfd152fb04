"""The record of a connection: what is written down when something happens to its credential."""

from typing import Any
from uuid import UUID

from portal.errors import PortalError
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import MarketplaceError
from portal.tables.accounts import CredentialEvent, EventKind

WORKER = "worker"


async def tell(
    account: AccountRef,
    kind: EventKind,
    message: str,
    *,
    error: PortalError | None = None,
    code: str = "",
    run_id: UUID | None = None,
    actor: str = WORKER,
) -> None:
    """Add a line, in the caller's transaction. Of a marketplace's refusal its own code, words, status and request id are kept."""
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
