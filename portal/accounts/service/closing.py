"""A seller leaves: every connection and every session ends, and with the data keys everything about buyers is gone for good."""

from typing import Any
from uuid import UUID

import msgspec

from portal import db, language
from portal.accounts.service import leaving
from portal.audit import service as audit
from portal.errors import BadInput, NotFound
from portal.jobs import Jobs
from portal.notices.wording import Words, retold
from portal.outbox import service as outbox
from portal.people.service.letters import SECURE, WAS_IT_YOU
from portal.tables.audit import Action
from portal.tables.people import Role

CONNECTED = "SELECT id, name FROM marketplace_accounts WHERE state <> 'disconnected' ORDER BY created_at"


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections were ended, and how many marketplaces' buyers became unreadable."""

    disconnected: int
    data_keys: int


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """What closing would end: connections by name, sessions of the whole team, invitations, and buyers of so many marketplaces."""

    accounts: list[str]
    data_keys: int
    sessions: int
    invitations: int


async def ahead(seller_id: UUID) -> Ahead:
    """What is there to be ended now."""
    async with db.transaction(seller_id) as held:
        counted = await held.fetchrow(
            """SELECT (SELECT count(*) FROM buyer_data_keys) AS data_keys, (SELECT count(*) FROM sessions WHERE NOT half) AS sessions,
                      (SELECT count(*) FROM invitations WHERE accepted_at IS NULL AND expires_at > now()) AS invitations"""
        )
        names = [row["name"] for row in await held.fetch(CONNECTED)]
    return Ahead(accounts=names, **dict(counted))


async def close(seller_id: UUID, *, typed_name: str, by: str, jobs: Jobs) -> Closed:
    """Disconnect every account, drop half-done setups, sign everybody out, and destroy the data keys: no buyer of this seller opens any more.
    A job deletes the papers that name them.

    All of it or nothing. Orders, payouts and everything without a buyer stay readable to the seller, who may sign in again; the owners
    are written to. Backups from before still open with the rings of their time. Raises BadInput unless the business' name was typed as
    it is written. Asking twice changes nothing more.
    """
    async with db.transaction(seller_id) as held:
        name = await held.fetchval("SELECT name FROM sellers WHERE id = $1 FOR UPDATE", seller_id)
        if name is None:
            raise NotFound("seller")
        if typed_name.strip() != name.strip():
            raise BadInput("The business is still open.", fields={"name": f"Type {name} exactly as it is written here"})
        open_ones = await held.fetch(CONNECTED)
        for account in open_ones:
            await leaving.disconnect(seller_id, account["id"], typed_name=account["name"], delete_history=False, by=by, jobs=jobs)
        await held.execute("DELETE FROM connect_wizard_secrets")
        await held.execute(
            "UPDATE connect_wizards SET state = 'discarded', values = '{}', version = version + 1 WHERE state IN ('open', 'confirming')"
        )
        # After the accounts: a sync that was opening its keys has made its data key by now, and one that begins finds no account.
        gone = await held.fetchval("WITH gone AS (DELETE FROM buyer_data_keys RETURNING 1) SELECT count(*) FROM gone")
        await held.execute("DELETE FROM invitations WHERE accepted_at IS NULL")
        await held.execute("DELETE FROM sessions")
        done = Closed(disconnected=len(open_ones), data_keys=gone)
        if open_ones or gone:
            told = f"{done.disconnected} connections ended; buyers on {gone} marketplaces became unreadable"
            await audit.write(seller_id, Action.CLOSED, told, actor=by)
            await _write_to_owners(held, seller_id, name, told, by)
        every = await held.fetch("SELECT id, marketplace_code FROM marketplace_accounts ORDER BY created_at")
    # The keys are gone by now; papers that name buyers are deleted one by one.
    for account in every:
        await jobs.erase_history(account["marketplace_code"], account["id"])
    return done


async def _write_to_owners(held: Any, seller_id: UUID, name: str, told: str, by: str) -> None:
    body = (f"{name} was closed by {by}: {told}.", "Orders, returns, payouts and stock stay readable to your team.", WAS_IT_YOU)
    for owner in await held.fetch("SELECT email, language FROM seller_users WHERE role = $1", Role.OWNER):
        with language.speaking(owner["language"]):
            words = retold(Words(subject=f"{name} is closed", body=body, link=SECURE))
        await outbox.post(seller_id, to=owner["email"], subject=words.subject, body=words.body, link=words.link)
