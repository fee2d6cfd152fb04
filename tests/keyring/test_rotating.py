"""Keys change under a running portal: nothing that syncs or saves meanwhile fails, and the older key can go."""

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from portal import clock, db
from portal.accounts import painting
from portal.accounts import service as accounts
from portal.connecting.service import sealing
from portal.errors import Conflict, Misconfigured, SecretUnreadable
from portal.keyring import canaries, resealing, rotating
from portal.keyring.files import RingFiles
from portal.marketplaces import details
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.sandbox import Shop
from portal.orders import buyers
from portal.postgres import Addresses
from portal.tables.accounts import CredentialEvent
from portal.tables.wizards import ConnectWizard
from portal.vault import BUYERS, Place, Vault, key_of
from tests.factories import make_account, make_seller, make_user
from tests.keyring.conftest import vault_of, web_of, worker_of
from tests.workshop import save_keys, seen

pytestmark = pytest.mark.anyio

CODE = MARKETPLACE.code
HERE = Place("amazon_account_details", "refresh_token", str(uuid4()))


async def connected_shop(keys: Vault, seller: UUID | None = None) -> AccountRef:
    account = await make_account(seller or await make_seller(), external=f"A{uuid4().hex[:12].upper()}")
    await save_keys(account, sandbox_keys(Shop()), keys)
    return account


async def opened(account: AccountRef, keys: Vault) -> object:
    async with db.transaction(account.seller_id):
        return (await details.fetch(MARKETPLACE, account, keys, purpose="a test", actor="a test")).keys


async def test_everything_is_sealed_anew_and_the_older_keys_go(connected: Addresses, folder: Path, ring_files: RingFiles) -> None:
    """Satellites, wrapped data keys and half-done setups; afterwards the older private keys are in no file and name nothing."""
    before, worker, web = vault_of(folder).newest, worker_of(folder), web_of(folder)
    account = await connected_shop(worker)
    seal = await buyers.seal_at_work(account.seller_id, MARKETPLACE, worker)
    kept = seal.seal("buyer_name", "row", "Farida Shaikh")
    wizard, secret = await half_done_setup(account.seller_id, web)
    renewed = await make_account(account.seller_id, external="A1RENEWED")
    await half_done_setup(account.seller_id, web, account_id=renewed.id)

    done = await rotating.rotate(vault_of(folder), ring_files)

    after = vault_of(folder).newest
    assert done.new == {ring: after[ring] for ring in before}
    assert not set(before.values()) & set(after.values())
    assert done.unreadable == ()
    used = await resealing.in_use()
    assert {key_id for _, key_id in used} <= set(after.values())
    assert {ring for ring, _ in used} == {CODE, BUYERS}
    # Processes that have been running all along, and have not been told.
    assert await opened(account, worker) == await opened(account, worker_of(folder))
    assert (await buyers.seal_at_work(account.seller_id, MARKETPLACE, worker)).open("buyer_name", "row", kept) == "Farida Shaikh"
    async with db.transaction(account.seller_id):
        shown = await buyers.seal_for_page(account.seller_id, CODE, web)
    assert shown is not None
    assert shown.open("buyer_name", "row", kept) == "Farida Shaikh"
    (row,) = await seen(connected, "SELECT sealed FROM connect_wizard_secrets WHERE id = $1", secret)
    assert worker.open(CODE, details.place_of(MARKETPLACE, "refresh_token", wizard), row["sealed"]) == "Atzr|typed"

    assert await on_record(connected) == {
        (str(account.id), "resealed", after[CODE]),
        (str(renewed.id), "resealed", after[CODE]),
        (str(wizard), "secret.resealed", f"{MARKETPLACE.name}: what was typed to connect ({after[CODE]})"),
        ("", "secret.resealed", f"{MARKETPLACE.name}: the key of buyers' details ({after[CODE]})"),
    }

    assert await rotating.retire(vault_of(folder), ring_files) == {key_id: ring for ring, key_id in before.items()}
    told = "".join((folder / name).read_text() for name in ("seal", "open", "buyer-open"))
    assert not [key_id for key_id in before.values() if key_id in told]
    await opened(account, worker_of(folder))
    await canaries.check(vault_of(folder), [*after])


async def on_record(connected: Addresses) -> set[tuple[str, str, str]]:
    """What stands there in the name of the rotation: account, kind, and with which key it is sealed now."""
    events = await seen(connected, "SELECT * FROM marketplace_credential_events WHERE actor = 'key rotation'")
    entries = await seen(connected, "SELECT * FROM audit_entries WHERE actor = 'key rotation'")
    return {(str(one["marketplace_account_id"]), one["kind"], one["code"]) for one in events} | {
        (str(one["marketplace_account_id"] or ""), one["action"], one["after"]) for one in entries
    }


async def test_a_rotation_is_one_quiet_line_of_an_accounts_history(connected: Addresses, folder: Path, ring_files: RingFiles) -> None:
    account = await connected_shop(worker_of(folder))
    for _ in range(2):
        await rotating.rotate(vault_of(folder), ring_files)
    lines = painting.story(await accounts.get(account.seller_id, account.id), await accounts.timeline(account.seller_id, account.id))
    assert [(line.words, line.tone, line.by) for line in lines] == [("Re-sealed with a new key", "neutral", "Key rotation")] * 2
    assert lines[0].happening.code == vault_of(folder).newest[CODE] != lines[1].happening.code


async def half_done_setup(seller: UUID, web: Vault, *, account_id: UUID | None = None) -> tuple[UUID, UUID]:
    """A wizard with one typed secret, sealed by the web. Answers the account it is for, and the secret's id."""
    wizard = ConnectWizard(
        id=uuid4(),
        seller_id=seller,
        user_id=await make_user(seller, f"{uuid4().hex}@example.in"),
        marketplace_code=CODE,
        account_id=account_id or uuid4(),
        expires_at=clock.now(),
    )
    async with db.transaction(seller) as held:
        await wizard.save()
        await sealing.seal(wizard, MARKETPLACE, "refresh_token", "Atzr|typed", web)
        secret = await held.fetchval("SELECT id FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
    return wizard.account_id, secret


def test_a_running_process_seals_with_the_new_key_at_once(folder: Path, ring_files: RingFiles) -> None:
    from portal.keyring import files

    web, worker = web_of(folder), worker_of(folder)
    older = web.seal(CODE, HERE, "Atzr|one")
    new = files.add_keys(ring_files)
    newer = web.seal(CODE, HERE, "Atzr|two")
    assert key_of(newer) == new[CODE] != key_of(older)
    assert (worker.open(CODE, HERE, older), worker.open(CODE, HERE, newer)) == ("Atzr|one", "Atzr|two")


def test_a_broken_ring_file_stops_nobody_who_runs(folder: Path) -> None:
    worker = worker_of(folder)
    sealed = worker.seal(CODE, HERE, "Atzr|one")
    (folder / "open").write_text("half a line")
    assert worker.open(CODE, HERE, sealed) == "Atzr|one"
    worker.seal(CODE, HERE, "Atzr|two")
    with pytest.raises(Misconfigured):
        worker_of(folder)


async def test_what_was_cut_short_goes_on_without_another_key(connected: Addresses, folder: Path, ring_files: RingFiles) -> None:
    class Cut(Exception):
        pass

    async def cut(_: int) -> None:
        raise Cut

    seller = await make_seller()
    accounts = [await connected_shop(worker_of(folder), seller) for _ in range(4)]
    with pytest.raises(Cut):
        await rotating.rotate(vault_of(folder), ring_files, batch=2, told=cut)
    newest = vault_of(folder).newest
    assert sum(held for (_, key_id), held in (await resealing.in_use()).items() if key_id == newest[CODE]) > 0

    with pytest.raises(Misconfigured, match="still in use"):
        await rotating.retire(vault_of(folder), ring_files)
    for account in accounts:
        await opened(account, worker_of(folder))

    done = await rotating.rotate(vault_of(folder), ring_files)
    assert done.new == {}
    assert vault_of(folder).newest == newest
    assert resealing.waiting(await resealing.in_use(), newest) == []
    assert await rotating.retire(vault_of(folder), ring_files)


async def test_two_rotations_do_not_meet(connected: Addresses, folder: Path, ring_files: RingFiles) -> None:
    await connected_shop(worker_of(folder))
    met = []

    async def again(_: int) -> None:
        with pytest.raises(Conflict):
            await rotating.rotate(vault_of(folder), ring_files)
        met.append(True)

    await rotating.rotate(vault_of(folder), ring_files, told=again)
    assert met


async def test_what_does_not_open_is_told_and_keeps_the_older_key(connected: Addresses, folder: Path, ring_files: RingFiles) -> None:
    """The others are sealed anew; the broken one is an event of its account, and until it is replaced the older key stays."""
    good, broken = await connected_shop(worker_of(folder)), await connected_shop(worker_of(folder))
    await seen(
        connected,
        """UPDATE amazon_account_details SET refresh_token = (SELECT refresh_token FROM amazon_account_details WHERE marketplace_account_id = $2)
           WHERE marketplace_account_id = $1""",
        *(broken.id, good.id),
    )
    done = await rotating.rotate(vault_of(folder), ring_files)
    assert done.unreadable == (f"amazon_account_details {broken.id}",)
    async with db.transaction(broken.seller_id):
        events = await CredentialEvent.select(CredentialEvent.kind, CredentialEvent.code)
    assert {"kind": "open_failed", "code": "secret_unreadable"} in events
    await opened(good, worker_of(folder))
    with pytest.raises(Misconfigured, match=CODE):
        await rotating.retire(vault_of(folder), ring_files)

    await save_keys(broken, sandbox_keys(Shop()), worker_of(folder))
    assert await rotating.retire(vault_of(folder), ring_files)
    await opened(broken, worker_of(folder))


async def test_the_older_key_stays_while_a_writer_may_still_name_it(connected: Addresses, folder: Path, ring_files: RingFiles) -> None:
    """A transaction that sealed before the rotation and commits after it is waited for, and then counted."""
    account, older = await connected_shop(worker_of(folder)), worker_of(folder).seal(CODE, HERE, "Atzr|late")
    await rotating.rotate(vault_of(folder), ring_files)
    late = await asyncpg.connect(connected.owner)
    try:
        writing = late.transaction()
        await writing.start()
        await late.execute("UPDATE amazon_account_details SET refresh_token = $2 WHERE marketplace_account_id = $1", account.id, older)
        retiring = asyncio.create_task(rotating.retire(vault_of(folder), ring_files))
        while key_of(older) in (folder / "seal").read_text():
            await asyncio.sleep(0.01)
        assert not retiring.done()
        await writing.commit()
        with pytest.raises(Misconfigured, match="still in use"):
            await retiring
    finally:
        await late.close()
    assert key_of(older) in (folder / "open").read_text()
    worker_of(folder).open(CODE, HERE, older)


async def test_the_doors_of_a_rotation_tell_no_ciphertext(connected: Addresses, folder: Path) -> None:
    account = await connected_shop(worker_of(folder))
    rows = await db.door("door_sealed_by_others", [CODE], ["another"], "", UUID(int=0), 10)
    assert [tuple(row.values()) for row in rows] == [("amazon_account_details", account.id, account.seller_id)]
    web = await asyncpg.connect(connected.web)
    try:
        for door in ("door_sealing_keys()", "door_sealed_by_others('{}', '{}', '', gen_random_uuid(), 1)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await web.fetch(f"SELECT * FROM {door}")
    finally:
        await web.close()


def test_a_retired_key_opens_nothing(folder: Path, ring_files: RingFiles) -> None:
    from portal.keyring import files

    worker = worker_of(folder)
    sealed = worker.seal(CODE, HERE, "Atzr|one")
    files.add_keys(ring_files)
    for path in (ring_files.public, *ring_files.private):
        files.drop(path, [key_of(sealed)])
    with pytest.raises(SecretUnreadable):
        worker_of(folder).open(CODE, HERE, sealed)
