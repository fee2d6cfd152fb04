"""One seller never sees another, whoever asks and however."""

import asyncpg
import pytest

from portal import db
from portal.postgres import Addresses
from tests.factories import make_account, make_seller

pytestmark = pytest.mark.anyio


async def test_a_transaction_shows_its_sellers_rows_only(connected: Addresses) -> None:
    """The same query brings asha's account to asha and nothing to chitra."""
    asha, chitra = await make_seller("Asha Textiles"), await make_seller("Chitra Crafts")
    await make_account(asha)
    async with db.transaction(asha) as held:
        assert await held.fetchval("SELECT count(*) FROM marketplace_accounts") == 1
    async with db.transaction(chitra) as held:
        assert await held.fetchval("SELECT count(*) FROM marketplace_accounts") == 0


async def test_outside_a_sellers_transaction_there_is_nothing_to_read(connected: Addresses) -> None:
    """A login by itself may not even ask."""
    async with db.pool().acquire() as held:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await held.fetch("SELECT * FROM orders")


async def test_a_row_cannot_be_written_for_somebody_else(connected: Addresses) -> None:
    asha, chitra = await make_seller("Asha Textiles"), await make_seller("Chitra Crafts")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(asha) as held:
            await held.execute(
                "INSERT INTO marketplace_accounts (id, seller_id, marketplace_code, external_account_id, name) VALUES (gen_random_uuid(), $1, 'AMAZON_IN', 'X', 'X')",
                chitra,
            )


async def test_a_transaction_cannot_change_its_seller(connected: Addresses) -> None:
    asha, chitra = await make_seller("Asha Textiles"), await make_seller("Chitra Crafts")
    async with db.transaction(asha):
        with pytest.raises(RuntimeError):
            async with db.transaction(chitra):
                pass


async def test_a_satellite_must_fit_its_parent(connected: Addresses) -> None:
    """The database itself refuses an Amazon satellite on another marketplace's account."""
    asha = await make_seller()
    account = await make_account(asha, code="MEESHO", external="abcde")
    for code in ("AMAZON_IN", "MEESHO"):
        with pytest.raises((asyncpg.ForeignKeyViolationError, asyncpg.CheckViolationError)):
            async with db.transaction(asha) as held:
                await held.execute(
                    "INSERT INTO amazon_account_details (marketplace_account_id, seller_id, marketplace_code, method, selling_partner_id)"
                    " VALUES ($1, $2, $3, 'private_app', 'A1')",
                    account.id,
                    asha,
                    code,
                )


async def test_the_web_login_cannot_read_a_sealed_column(database: Addresses) -> None:
    """It may write one; reading is for the satellite's own role, which the web is no member of."""
    held = await asyncpg.connect(database.web)
    try:
        for attempt in ("SELECT refresh_token FROM amazon_account_details", "SET ROLE portal_amazon"):
            async with held.transaction():
                await held.execute("SET LOCAL ROLE portal_tenant")
                await held.execute("SELECT set_config('app.current_seller_id', gen_random_uuid()::text, true)")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with held.transaction():
                        await held.execute(attempt)
    finally:
        await held.close()
