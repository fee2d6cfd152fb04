"""The shop behind a key."""

from typing import Annotated

import msgspec

from portal.marketplaces.meesho.wire.rows import Id, decoded, text


class Location(msgspec.Struct, frozen=True):
    location_id: Id
    name: str = ""


class Supplier(msgspec.Struct, frozen=True):
    """`identifier` is the short code that names the shop everywhere else."""

    identifier: Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[!-~]+$")]
    name: str = ""
    locations: tuple[Location, ...] = ()


class _Envelope(msgspec.Struct):
    data: Supplier


def supplier(body: bytes) -> Supplier:
    """Raises WireChanged."""
    found = decoded(body, _Envelope, what="supplier").data
    return msgspec.structs.replace(found, name=text(found.name, 120))
