"""Sellers v1: in which marketplaces a seller takes part. The answer names no seller id."""

import msgspec

from portal.marketplaces.amazon_in.wire.answers import decoded

# ruff: noqa: N815


class _Marketplace(msgspec.Struct):
    id: str | None = None


class _Participation(msgspec.Struct):
    isParticipating: bool | None = None
    hasSuspendedListings: bool | None = None


class _Entry(msgspec.Struct):
    marketplace: _Marketplace | None = None
    participation: _Participation | None = None
    storeName: str | None = None


class _Answer(msgspec.Struct):
    payload: list[_Entry]


class Participation(msgspec.Struct, frozen=True):
    """A seller's part in one marketplace."""

    store_name: str
    active: bool
    suspended: bool


def participation_in(body: bytes, marketplace_id: str) -> Participation | None:
    """The seller's part in that marketplace; None when the answer does not list it."""
    for entry in decoded(body, _Answer, "your marketplaces").payload:
        if entry.marketplace is not None and entry.marketplace.id == marketplace_id:
            part = entry.participation or _Participation()
            return Participation(entry.storeName or "", bool(part.isParticipating), bool(part.hasSuspendedListings))
    return None
