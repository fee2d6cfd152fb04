"""Every column that holds something sealed with a ring, and the two functions of the database that look through all of them.

The list follows from the satellites' `secret=True` columns. Buyers' columns are not in it: a data key seals those, and it is the data
key that is wrapped with the rings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from portal.marketplaces import details
from portal.marketplaces.contract import Marketplace
from portal.tables.buyers import BuyerDataKey
from portal.tables.wizards import ConnectWizardSecret
from portal.vault import BUYERS

WAITING = "door_sealed_by_others"
IN_USE = "door_sealing_keys"

SECRETS = ConnectWizardSecret._meta.tablename
DATA_KEYS = BuyerDataKey._meta.tablename


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column with ciphertexts. `ring` is the name of its ring as SQL."""

    table: str
    id: str
    column: str
    ring: str


def columns(places: Sequence[Marketplace]) -> list[Sealed]:
    """Those of every satellite, of half-done setups, and of wrapped data keys."""
    found = [
        Sealed(details.table_of(place), "marketplace_account_id", column, f"'{place.code}'")
        for place in places
        if place.details is not None
        for column in details.sealed_columns(place)
    ]
    return [
        *found,
        Sealed(SECRETS, "id", "sealed", "marketplace_code"),
        Sealed(DATA_KEYS, "id", "wrapped_for_marketplace", "marketplace_code"),
        Sealed(DATA_KEYS, "id", "wrapped_for_buyers", f"'{BUYERS}'"),
    ]


def doors(places: Sequence[Marketplace], *, owner: str, callers: str) -> Iterator[str]:
    """The statements that make both functions. They answer ids and counts, never a ciphertext; `owner` may read nothing else."""
    every = columns(places)
    for table in dict.fromkeys(one.table for one in every):
        readable = dict.fromkeys(("seller_id", *(name for one in every if one.table == table for name in (one.id, one.column))))
        kept = ", ".join([*readable, *(["marketplace_code"] if table in (SECRETS, DATA_KEYS) else [])])
        yield f"GRANT SELECT ({kept}) ON {table} TO {owner}"
        yield f"DROP POLICY IF EXISTS keyring ON {table}"
        yield f"CREATE POLICY keyring ON {table} FOR SELECT TO {owner} USING (true)"
    yield f"GRANT CREATE ON SCHEMA public TO {owner}"
    yield from _door(WAITING, _WAITING_TAKES, "found text, row_id uuid, seller_id uuid", _waiting(every), owner, callers)
    yield from _door(IN_USE, "", "ring text, key_id text, held bigint", _in_use(every), owner, callers)
    yield f"REVOKE CREATE ON SCHEMA public FROM {owner}"


_WAITING_TAKES = "rings text[], newest text[], after_table text, after_id uuid, most integer"


def _waiting(every: Sequence[Sealed]) -> str:
    """Rows with a ciphertext of one of `rings` that names none of the `newest` keys, in order, after a place in it."""
    parts = []
    for table in dict.fromkeys(one.table for one in every):
        own = [one for one in every if one.table == table]
        older = " OR ".join(f"({one.ring} = ANY (rings) AND split_part({one.column}, '.', 2) <> ALL (newest))" for one in own)
        # Each table by its own index from where the last portion ended, and no further than this one: a portion costs what it holds.
        since = f"CASE WHEN after_table = '{table}' THEN after_id ELSE '{UUID(int=0)}' END"
        parts.append(
            f"(SELECT '{table}'::text AS t, {own[0].id} AS i, seller_id AS s FROM {table} "  # noqa: S608 (our own words)
            f"WHERE '{table}' >= after_table AND {own[0].id} > {since} AND ({older}) ORDER BY i LIMIT most)"
        )
    return f"SELECT t, i, s FROM ({' UNION ALL '.join(parts)}) AS waiting ORDER BY t, i LIMIT most"  # noqa: S608


def _in_use(every: Sequence[Sealed]) -> str:
    parts = [
        f"SELECT {one.ring}::text AS r, split_part({one.column}, '.', 2) AS k FROM {one.table} WHERE {one.column} IS NOT NULL"  # noqa: S608
        for one in every
    ]
    return f"SELECT r, k, count(*) FROM ({' UNION ALL '.join(parts)}) AS held GROUP BY r, k"  # noqa: S608


def _door(name: str, takes: str, answers: str, query: str, owner: str, callers: str) -> Iterator[str]:
    types = ", ".join(argument.split()[-1] for argument in takes.split(",") if argument)
    yield f"DROP FUNCTION IF EXISTS {name}({types})"
    yield (
        f"CREATE FUNCTION {name}({takes}) RETURNS TABLE ({answers}) LANGUAGE sql STABLE SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $$ {query} $$"
    )
    yield f"ALTER FUNCTION {name}({types}) OWNER TO {owner}"
    yield f"REVOKE ALL ON FUNCTION {name}({types}) FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION {name}({types}) TO {callers}"
