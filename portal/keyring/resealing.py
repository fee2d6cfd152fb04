"""Seal anew, with the newest key of its ring, whatever still names an older one. Online: syncs and setups go on meanwhile.

Rows are locked against other writers for the instant between reading and writing them; readers never wait. What was done stays done,
so a run that was cut short is simply begun again. How one kind of row is sealed anew, and its record, is in `anew`.
"""

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import structlog

from portal import db
from portal.errors import Misconfigured
from portal.keyring import anew
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef
from portal.vault import Vault

log = structlog.get_logger()

AT_ONCE = 20
"""Rows of one seller in one transaction: some hundredths of a second, for which a sync that ends may have to wait."""

_BEGINNING = ("", UUID(int=0))


@dataclass(slots=True)
class Resealed:
    """`values` were sealed anew; `unreadable` are ciphertexts that do not open, by table and row."""

    values: int = 0
    unreadable: list[str] = field(default_factory=list)


async def in_use() -> dict[tuple[str, str], int]:
    """How many ciphertexts name each (ring, key id)."""
    return {(row["ring"], row["key_id"]): row["held"] for row in await db.door("door_sealing_keys")}


def waiting(used: Collection[tuple[str, str]], newest: dict[str, str]) -> list[tuple[str, str]]:
    """Those of the keys in use that are not the newest of their ring."""
    return sorted((ring, key_id) for ring, key_id in used if ring in newest and key_id != newest[ring])


async def reseal(vault: Vault, *, batch: int = 200, told: Callable[[int], Awaitable[None]] | None = None) -> Resealed:
    """Go through everything sealed with a ring whose private keys are held here. `told` hears the count after each batch."""
    rings = [ring for ring in vault.newest if vault.opens(ring)]
    done = Resealed()
    after_table, after_id = _BEGINNING
    while rows := await db.door("door_sealed_by_others", rings, [vault.newest[ring] for ring in rings], after_table, after_id, batch):
        after_table, after_id = rows[-1]["found"], rows[-1]["row_id"]
        for own in _by_seller(rows):
            await _of_seller(own, vault, done)
        if told is not None:
            await told(done.values)
    return done


def _by_seller(rows: Sequence[Any]) -> Iterator[anew.Rows]:
    """The rows in portions of one transaction."""
    whose = itemgetter("seller_id", "found")
    for (seller_id, table), own in groupby(sorted(rows, key=itemgetter("seller_id", "found", "row_id")), key=whose):
        ids = [row["row_id"] for row in own]
        for start in range(0, len(ids), AT_ONCE):
            yield anew.Rows(seller_id, table, ids[start : start + AT_ONCE])


async def _of_seller(rows: anew.Rows, vault: Vault, done: Resealed) -> None:
    """In one short transaction, record and all."""
    async with db.transaction(rows.seller_id):
        sealed = await anew.seal_anew(rows, vault)
    done.values += sealed.values
    for row_id, why in sealed.broken:
        log.warning("not_resealed", table=rows.table, row=str(row_id), reason=str(why))
        done.unreadable.append(f"{rows.table} {row_id}")
        # A satellite's row has its account's id; the others have none, and go to the audit trail.
        broken_of = AccountRef(id=row_id, seller_id=rows.seller_id, code="", external_account_id="", name="")
        await details.put_on_record_unreadable(broken_of, why, actor=anew.ACTOR)


async def none_left(newest: dict[str, str]) -> None:
    """Raises Misconfigured while any ciphertext of these rings names another key than the newest of its ring."""
    used = await in_use()
    left = waiting(used, newest)
    if left:
        told = ", ".join(f"{used[one]} of {one[0]} by {one[1] or 'no key of ours'}" for one in left)
        raise Misconfigured(
            f"Older keys are still in use: {told}.",
            hint="Run `python -m portal keys rotate` to the end first. What does not open any more needs its seller to reconnect.",
        )
