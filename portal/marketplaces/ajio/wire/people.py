"""Who is on the other side: the partner API's pass, and the POBs a panel login sees."""

from typing import Any

import msgspec

from portal.marketplaces.ajio.wire.body import MARKETPLACE, Loose, Unreadable, listed, shaped
from portal.marketplaces.ajio.wire.scalars import identifier, words
from portal.marketplaces.errors import WireChanged


class WorkPlace(msgspec.Struct, rename="camel"):
    id: Loose = None
    store_name: Loose = None


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """POB id to the store's name, and whether this was the last page."""

    names: dict[str, str]
    last: bool


def access_token(document: dict[str, Any]) -> str:
    """The pass of a sign-in. Raises WireChanged when the answer carries none."""
    result = document.get("result")
    token = result.get("accessToken") if isinstance(result, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise WireChanged(MARKETPLACE, "sign-in")
    return token


def work_places(document: dict[str, Any]) -> Places:
    """The POBs of one page. Raises WireChanged."""
    names: dict[str, str] = {}
    for row in listed(document, "content", "POB list"):
        try:
            place = shaped(row, WorkPlace)
            names[identifier(place.id, "id", limit=120)] = words(place.store_name, limit=120)
        except Unreadable:
            raise WireChanged(MARKETPLACE, "POB list") from None
    return Places(names=names, last=document.get("last") is not False)
