"""The trail is written once: whoever alters or removes an entry breaks the chain, and the grants let nobody try."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from portal import db
from portal.audit import service
from portal.audit.chain import verify
from portal.postgres import Addresses
from portal.tables.audit import Action
from tests.factories import make_account, make_seller
from tests.workshop import seen

pytestmark = pytest.mark.anyio


async def trail_of(seller_id: UUID, entries: int = 5) -> None:
    account = await make_account(seller_id)
    for number in range(entries):
        await service.write(
            seller_id,
            Action.SCHEDULE_SAVED,
            f"Every {number} minutes, सूरत “store”",
            before="Every hour" if number else "",
            actor="Asha",
            account_id=account.id if number % 2 else None,
        )


async def change(addresses: Addresses, statement: str, *arguments: object) -> None:
    """What nobody but the database's own owner can do."""
    held = await asyncpg.connect(addresses.owner)
    try:
        await held.execute(statement, *arguments)
    finally:
        await held.close()


async def test_a_chain_that_nobody_touched_is_whole(connected: Addresses) -> None:
    asha = await make_seller()
    assert (await verify(asha)).broken == ""
    await trail_of(asha)
    found = await verify(asha)
    assert (found.broken, found.checked, found.entries) == ("", 5, 5)
    rows = await seen(connected, "SELECT * FROM audit_entries ORDER BY position")
    assert [row["position"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["previous_hash"] for row in rows] == [b"", *(row["hash"] for row in rows[:-1])]
    assert found.head == rows[-1]["hash"].hex()


@pytest.mark.parametrize(
    "column",
    ["actor", "action", "before", "after", "device", "masked_address", "occurred_at", "marketplace_account_id", "result"],
)
async def test_an_altered_entry_shows(connected: Addresses, column: str) -> None:
    asha = await make_seller()
    await trail_of(asha)
    values = {"occurred_at": "occurred_at + interval '1 microsecond'", "marketplace_account_id": "gen_random_uuid()", "result": "'refused'"}
    value = values.get(column, "'another'")
    await change(connected, f"UPDATE audit_entries SET {column} = {value} WHERE position = 3")
    assert (await verify(asha)).broken == "Entry 3 was altered."


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM audit_entries WHERE position = 1", "Entry 1 is missing."),
        ("DELETE FROM audit_entries WHERE position = 3", "Entry 3 is missing."),
        ("DELETE FROM audit_entries WHERE position = 5", "Entry 5 is missing."),
        ("DELETE FROM audit_entries", "Entry 1 is missing."),
        ("DELETE FROM audit_heads", "5 entries do not belong to the chain."),
        ("UPDATE audit_heads SET hash = sha256('x')", "The end of the chain was altered."),
        ("UPDATE audit_entries SET position = NULL WHERE position = 5", "1 entries do not belong to the chain."),
        (
            "WITH gone AS (DELETE FROM audit_entries WHERE position = 3) UPDATE audit_entries SET position = position - 1 WHERE position > 3",
            "Entry 3 does not follow the one before it.",
        ),
    ],
)
async def test_a_removed_entry_shows(connected: Addresses, statement: str, sentence: str) -> None:
    """Also the last one, and also when those after it were moved up."""
    asha = await make_seller()
    await trail_of(asha)
    await change(connected, "ALTER TABLE audit_entries DROP CONSTRAINT IF EXISTS audit_entries_seller_position")
    try:
        await change(connected, statement)
        assert (await verify(asha)).broken == sentence
    finally:
        await change(connected, "DELETE FROM audit_entries")
        await change(connected, "ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_seller_position UNIQUE (seller_id, position)")


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE audit_entries SET actor = 'Bala'",
        "DELETE FROM audit_entries",
        "UPDATE audit_heads SET entries = 0",
        "DELETE FROM audit_heads",
        "INSERT INTO audit_heads (seller_id, entries, hash) VALUES (gen_random_uuid(), 0, '')",
        "ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_link",
    ],
)
@pytest.mark.parametrize("login", ["web", "worker"])
async def test_no_process_may_change_what_is_on_record(database: Addresses, login: str, attempt: str) -> None:
    """By grant, so that a mistake in our own code cannot either."""
    await db.connect(getattr(database, login), max_size=2)
    try:
        asha = await make_seller()
        await trail_of(asha, 2)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.transaction(asha) as held:
                await held.execute(attempt)
        assert (await verify(asha)).broken == ""
    finally:
        await db.disconnect()


async def test_a_forged_place_in_the_chain_is_not_taken(connected: Addresses) -> None:
    """Whoever inserts names no number and no hash of their own: the database gives both."""
    asha = await make_seller()
    await trail_of(asha, 2)
    async with db.transaction(asha) as held:
        await held.execute(
            "INSERT INTO audit_entries (seller_id, action, position, previous_hash, hash) VALUES ($1, 'made.up', 77, '', sha256('x'))", asha
        )
    found = await verify(asha)
    assert (found.broken, found.entries) == ("", 3)


async def test_what_is_done_at_the_same_moment_stands_in_one_order(connected: Addresses) -> None:
    """Two changes of one seller that hold each other's rows up end neither in a deadlock nor in a fork."""
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    await asyncio.gather(*(service.write(seller, Action.PAUSED, str(one)) for one in range(20) for seller in (asha, chitra)))
    for seller in (asha, chitra):
        found = await verify(seller)
        assert (found.broken, found.entries) == ("", 20)


async def test_an_entry_and_its_change_come_together_or_not_at_all(connected: Addresses) -> None:
    asha = await make_seller()

    async def half_way() -> None:
        async with db.transaction(asha):
            await service.write(asha, Action.PAUSED, "Paused")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        await half_way()
    assert (await verify(asha)).entries == 0


async def test_only_the_latest_are_followed_when_that_is_asked(connected: Addresses) -> None:
    """A long trail is looked at from its end; what lies before is not paid for."""
    asha = await make_seller()
    await trail_of(asha)
    assert (await verify(asha, latest=2)).checked == 2
    await change(connected, "UPDATE audit_entries SET after = 'x' WHERE position = 1")
    assert (await verify(asha, latest=2)).broken == ""
    assert (await verify(asha)).broken == "Entry 1 was altered."
