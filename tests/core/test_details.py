"""Keys at rest: a ciphertext opens in its own place only, and form, dataclass and satellite agree on every marketplace."""

import base64
from dataclasses import fields
from uuid import uuid4

import asyncpg
import pytest

from portal import db
from portal.errors import NotFound, SecretUnreadable
from portal.marketplaces import details
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.marketplaces.contract import AccountRef, Marketplace
from portal.marketplaces.registry import MARKETPLACES
from portal.marketplaces.sandbox import Shop
from portal.postgres import Addresses
from portal.vault import Place, Vault, generate, load
from tests.factories import make_account, make_seller
from tests.workshop import everything_in, save_keys, seen

pytestmark = pytest.mark.anyio

CODE = MARKETPLACE.code
HERE = Place("amazon_account_details", "refresh_token", str(uuid4()))
LIVE = [place for place in MARKETPLACES if place.details is not None]


def test_a_ciphertext_opens_in_its_own_place_only(keys: Vault) -> None:
    """Not in another column, another account's row or another table, and not with another marketplace's key."""
    sealed = keys.seal(CODE, HERE, "Atzr|one")
    assert keys.open(CODE, HERE, sealed) == "Atzr|one"
    for place in (
        Place(HERE.table, "lwa_client_secret", HERE.owner),
        Place(HERE.table, HERE.column, str(uuid4())),
        Place("meesho_account_details", HERE.column, HERE.owner),
    ):
        with pytest.raises(SecretUnreadable):
            keys.open(CODE, place, sealed)
    with pytest.raises(SecretUnreadable):
        keys.open("MEESHO", HERE, sealed)


def test_a_flipped_bit_does_not_open(keys: Vault) -> None:
    version, key_id, body = keys.seal(CODE, HERE, "Atzr|one").split(".")
    raw = base64.urlsafe_b64decode(body)
    for bit in range(0, len(raw) * 8, 7):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SecretUnreadable):
            keys.open(CODE, HERE, f"{version}.{key_id}.{base64.urlsafe_b64encode(flipped).decode()}")


@pytest.mark.parametrize("broken", ["", "s1", "s1..", "s1.00000000.AAAA", "s2.x.y", "Atzr|plain", "s1.{id}.", "s1.{id}.not base64 ü"])
def test_what_was_never_sealed_does_not_open(keys: Vault, broken: str) -> None:
    key_id = keys.seal(CODE, HERE, "x").split(".")[1]
    with pytest.raises(SecretUnreadable) as caught:
        keys.open(CODE, HERE, broken.replace("{id}", key_id))
    assert "Atzr" not in str(caught.value)


def test_who_holds_only_public_keys_opens_nothing(rings: tuple[str, str]) -> None:
    web = load(seal_keys=rings[0])
    with pytest.raises(SecretUnreadable):
        web.open(CODE, HERE, web.seal(CODE, HERE, "Atzr|one"))


def test_another_installations_keys_open_nothing(keys: Vault) -> None:
    public, private = generate([CODE])
    with pytest.raises(SecretUnreadable):
        load(seal_keys=public, open_keys=private).open(CODE, HERE, keys.seal(CODE, HERE, "Atzr|one"))


def test_the_same_secret_never_looks_the_same(keys: Vault) -> None:
    """Two accounts with one secret cannot be told from the database; the fingerprint is keyed for the same reason."""
    assert keys.seal(CODE, HERE, "Atzr|one") != keys.seal(CODE, HERE, "Atzr|one")
    assert keys.fingerprint("Atzr|one") == keys.fingerprint("Atzr|one") != load(seal_keys=generate([CODE])[0]).fingerprint("Atzr|one")


@pytest.mark.parametrize("place", LIVE, ids=lambda place: place.code)
def test_keys_form_and_satellite_agree(place: Marketplace) -> None:
    """Every box has a column; every secret box a sealed one with its marks, and every sealed column a box."""
    assert place.details is not None
    columns = {column._meta.db_column_name: column for column in place.details._meta.columns}
    sealed = set(details.sealed_columns(place))
    secret_boxes: set[str] = set()
    assert place.method_column in columns
    for method in place.methods:
        for name, box in method.fields().items():
            assert name in columns, f"{method.code} asks for {name}, which has no column"
            assert box.secret == (name in sealed), name
        secret_boxes |= {name for name, box in method.fields().items() if box.secret}
        for one in fields(method.keys):
            assert one.repr == (one.name not in sealed), f"{one.name} shows in the repr of {method.keys.__name__}"
    assert secret_boxes == sealed
    for name in sealed:
        assert {f"{name}_{mark}" for mark in ("fingerprint", "saved_by", "saved_at", "last_accepted_at")} <= columns.keys()


@pytest.mark.parametrize("place", LIVE, ids=lambda place: place.code)
def test_open_keys_do_not_show_in_a_repr(place: Marketplace) -> None:
    for method in place.methods:
        values = {one.name: f"value-of-{one.name}" for one in fields(method.keys)}
        shown = repr(method.keys(**values))
        assert [name for name, box in method.fields().items() if box.secret and values[name] in shown] == []


@pytest.fixture
async def account(connected: Addresses, keys: Vault) -> AccountRef:
    account = await make_account(await make_seller())
    await save_keys(account, sandbox_keys(Shop()), keys)
    return account


async def fetched(account: AccountRef, keys: Vault) -> object:
    async with db.transaction(account.seller_id):
        return (await details.fetch(MARKETPLACE, account, keys, purpose="a test", actor="a test")).keys


async def test_what_was_saved_opens_and_each_opening_is_on_record(connected: Addresses, account: AccountRef, keys: Vault) -> None:
    opened = await fetched(account, keys)
    assert {name: getattr(opened, name) for name in sandbox_keys(Shop())} == sandbox_keys(Shop())
    events = await seen(connected, "SELECT kind, message, actor FROM marketplace_credential_events")
    assert [tuple(event) for event in events] == [("opened", "a test", "a test")]


async def test_a_column_or_a_row_copied_elsewhere_does_not_open(connected: Addresses, account: AccountRef, keys: Vault) -> None:
    """Whoever can write to the database still cannot make one account use another's keys."""
    other = await make_account(account.seller_id, external="A2SECOND", name="Pune store")
    await save_keys(other, sandbox_keys(Shop(seed=2)), keys)
    row = "FROM amazon_account_details s WHERE s.marketplace_account_id = $2 AND d.marketplace_account_id = $1"
    await seen(connected, f"UPDATE amazon_account_details d SET refresh_token = s.refresh_token {row}", account.id, other.id)
    with pytest.raises(SecretUnreadable):
        await fetched(account, keys)
    await seen(connected, "UPDATE amazon_account_details SET lwa_client_secret = lwa_client_id WHERE marketplace_account_id = $1", other.id)
    with pytest.raises(SecretUnreadable):
        await fetched(other, keys)
    assert await seen(connected, "SELECT 1 FROM marketplace_credential_events") == [], "nothing was opened, and nothing says so"


async def test_an_account_without_keys_and_a_strangers_account_are_not_found(account: AccountRef, keys: Vault) -> None:
    bare = await make_account(account.seller_id, external="A2SECOND", name="Pune store")
    chitra = await make_seller("Chitra Crafts")
    stolen = AccountRef(id=account.id, seller_id=chitra, code=account.code, external_account_id="A1ASHA", name="Mine")
    for one in (bare, stolen):
        with pytest.raises(NotFound):
            await fetched(one, keys)


async def test_no_saved_secret_is_readable_in_the_database(connected: Addresses, account: AccountRef) -> None:
    dump = await everything_in(connected)
    values = sandbox_keys(Shop())
    assert values.pop("selling_partner_id") in dump, "what is public shows that the dump is whole"
    assert [name for name, value in values.items() if value in dump] == []


async def test_what_happened_to_a_credential_cannot_be_rewritten(account: AccountRef, keys: Vault) -> None:
    await fetched(account, keys)
    for attempt in ("UPDATE marketplace_credential_events SET kind = 'saved'", "DELETE FROM marketplace_credential_events"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.transaction(account.seller_id) as held:
                await held.execute(attempt)
