"""Links to a document: for one seller, for a while, and for people whose role may see what is in it."""

from datetime import datetime
from uuid import UUID

from portal import clock, mail
from portal.errors import NotFound, PortalError
from portal.files import Stored
from portal.people.permissions import Permission

SECRET = "links to documents"
"""What the vault derives the secret of these links for."""


class LinkExpired(PortalError):
    """The link was right once."""

    code = "link_expired"
    status = 410

    def __init__(self, ended: datetime) -> None:
        super().__init__(f"This link worked until {clock.said(ended)}. Open the document from its own page in the portal.")


def link(secret: str, seller_id: UUID, document: Stored, *, permission: Permission, until: datetime) -> str:
    """The path of a kept document, for this seller's people with this permission, until then. Raises ValueError without a secret.

    It may lie in a mail's row: without being signed in to this seller nobody gets anything for it.
    """
    path = f"/documents/{permission}/{int(until.timestamp())}/{document.sha256}/{document.key}"
    signature = mail.signed(secret, _bound(seller_id, path)).rpartition("?t=")[2]
    return f"{path}?t={signature}"


def check(secret: str, seller_id: UUID, path: str, *, until: int, given: str) -> None:
    """Nothing, where the path and its signature are this seller's own and still work. Else NotFound; LinkExpired after its time."""
    if not mail.fits(secret, _bound(seller_id, path), given):
        raise NotFound("document")
    ended = datetime.fromtimestamp(until, tz=clock.IST)
    if clock.now() >= ended:
        raise LinkExpired(ended)


def _bound(seller_id: UUID, path: str) -> str:
    return f"{seller_id} {path}"
