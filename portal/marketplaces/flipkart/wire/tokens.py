"""The answer of the token address."""

import msgspec

from portal.marketplaces.flipkart.wire.decoding import decode


class Granted(msgspec.Struct, frozen=True):
    """A pass as Flipkart hands it out; lifetimes in seconds. Nothing of it shows in a repr."""

    access_token: str
    expires_in: int
    refresh_token: str | None = None
    refresh_token_expires_in: int | None = None

    def __repr__(self) -> str:
        return "Granted(…)"


def read_granted(body: bytes) -> Granted:
    return decode(body, Granted, "access token")
