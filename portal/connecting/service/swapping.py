"""Two values in each other's boxes: noticed by their shapes, and exchanged with one click.

Nobody on this side can open a secret that was kept, so the request that brings two such values seals each for the other column as
well. The click only says which of the sealed texts count.
"""

import re
from collections.abc import Mapping
from itertools import combinations
from uuid import UUID

import msgspec

from portal import db
from portal.connecting.service.changing import forget_test, locked, save
from portal.connecting.service.reading import ENTER, Swap, swaps_of, values_of
from portal.connecting.service.sealing import OFFERED, forget, seal
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.methods import KeyField
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault


def fits(one: KeyField, value: str) -> bool:
    """Whether a value has this field's shape, the usual one where it is known."""
    shapes = [shape for shape in (one.pattern, one.usual) if shape]
    return bool(value) and bool(shapes) and all(re.fullmatch(shape, value) for shape in shapes)


def looks_secret(fields: Mapping[str, KeyField], name: str, value: str) -> str:
    """The label of the secret that was typed into the open box `name` instead; empty when nothing says so.

    Only secrets with a shape of their own count: a pattern that any word fits would take every odd id for one.
    """
    own = fields[name]
    if own.secret or not value or fits(own, value):
        return ""
    return next((one.label for one in fields.values() if one.secret and one.usual and fits(one, value)), "")


def swapped(fields: Mapping[str, KeyField], typed: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of fields whose values fit better the other way round, each field in one pair at most."""
    found: list[tuple[str, str]] = []
    for one, other in combinations([name for name in fields if typed.get(name)], 2):
        a, b = typed[one], typed[other]
        as_typed = fits(fields[one], a) and fits(fields[other], b)
        if (
            not as_typed
            and fits(fields[one], b)
            and fits(fields[other], a)
            and not {one, other} & {name for pair in found for name in pair}
        ):
            found.append((one, other))
    return found


async def offer(wizard: ConnectWizard, place: Marketplace, typed: Mapping[str, str], pairs: list[tuple[str, str]], vault: Vault) -> None:
    """Keep each value of these pairs for the other field as well. An open value stands in the offer itself."""
    fields = place.method(wizard.method).fields()
    offers = []
    for one, other in pairs:
        plain: dict[str, str] = {}
        for target, value in ((one, typed[other]), (other, typed[one])):
            if fields[target].secret:
                await seal(wizard, place, target, value, vault, offered=True)
            else:
                plain[target] = value
        offers.append(Swap(one=one, other=other, plain=plain))
    wizard.swaps = msgspec.json.encode(offers).decode()


async def withdraw(wizard: ConnectWizard, *, typed: Mapping[str, str] | None = None) -> None:
    """Drop the offers about fields that were typed anew; without `typed` all of them."""
    kept = [] if typed is None else [one for one in swaps_of(wizard) if not typed.get(one.one) and not typed.get(one.other)]
    for gone in swaps_of(wizard):
        if gone not in kept:
            await forget(wizard, f"{OFFERED}{gone.one}", f"{OFFERED}{gone.other}")
    wizard.swaps = msgspec.json.encode(kept).decode()


async def swap(seller_id: UUID, wizard_id: UUID) -> None:
    """Take all offers: what was typed into the wrong boxes counts for the right ones. Without an offer nothing happens."""
    async with db.transaction(seller_id) as held:
        wizard = await locked(seller_id, wizard_id)
        offers = swaps_of(wizard)
        if not offers:
            return
        plain = values_of(wizard)
        for one in offers:
            await forget(wizard, one.one, one.other)
            for name in (one.one, one.other):
                plain.pop(name, None)
            plain |= one.plain
        await held.execute(
            "UPDATE connect_wizard_secrets SET column_name = substr(column_name, $2) WHERE wizard_id = $1 AND column_name LIKE $3",
            wizard.id,
            len(OFFERED) + 1,
            f"{OFFERED}%",
        )
        wizard.values, wizard.swaps = msgspec.json.encode(plain).decode(), "[]"
        forget_test(wizard)
        wizard.step = min(wizard.step, ENTER)
        await save(wizard)
