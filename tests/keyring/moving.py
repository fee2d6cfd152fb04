"""Ciphertexts put where they do not belong, and altered, for whatever is sealed with a key ring."""

import base64
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

from portal.vault import Place, Vault
from portal.vault.sealing import key_of


class Sealed(NamedTuple):
    """A value with where it belongs: its ring, and its place."""

    ring: str
    place: Place
    value: str


def flipped(sealed: str) -> str:
    """The ciphertext with its last bit the other way."""
    head, _, body = sealed.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(body))
    raw[-1] ^= 1
    return f"{head}.{base64.urlsafe_b64encode(raw).decode()}"


def misplaced(
    one: Sealed, vault: Vault, *, table: str, column: str, owners: dict[str, str], ring: str, ways: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """What somebody with the database could put in this value's place, each with what was done; of the named `ways`, if any are.

    All but the first are ciphertexts of the very same value by the newest key, whole and in use elsewhere: in another `table`, another
    `column`, with other `owners` (by who they are), or with another `ring`; that one also with this ring's key id in front.
    """
    made = _made(one, vault, table=table, column=column, owners=owners, ring=ring)
    return ((what, wrong) for what, wrong in made if not ways or what in ways)


def _made(one: Sealed, vault: Vault, *, table: str, column: str, owners: dict[str, str], ring: str) -> Iterator[tuple[str, str]]:
    yield "a flipped bit", flipped(vault.seal(*one))
    yield "of another table", vault.seal(one.ring, replace(one.place, table=table), one.value)
    yield "of another column", vault.seal(one.ring, replace(one.place, column=column), one.value)
    for whose, owner in owners.items():
        yield f"of another {whose}", vault.seal(one.ring, replace(one.place, owner=owner), one.value)
    foreign = vault.seal(ring, one.place, one.value)
    yield "of another ring", foreign
    yield "of another ring by our name", foreign.replace(key_of(foreign), vault.newest[one.ring], 1)
    yield "in clear", one.value
