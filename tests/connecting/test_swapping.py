"""Two values in each other's boxes: noticed, never shown, and exchanged with one click by somebody who can open neither."""

import pytest

from portal.connecting import service
from portal.connecting.service.swapping import looks_secret, swapped
from portal.errors import BadInput
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.methods import KeyField, Method
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.marketplaces.sandbox import Shop
from portal.tables.wizards import TestState
from tests.connecting.conftest import SECRETS, Setup
from tests.workshop import seen

pytestmark = pytest.mark.anyio

FIELDS = {
    "shop": KeyField(label="Shop code", where="", pattern=r"\S{1,40}", usual=r"[a-z]{4,8}"),
    "key": KeyField(label="Key", where="", pattern=r"\S{8,64}", usual=r"K-\S{8,64}", secret=True),
    "secret": KeyField(label="Secret", where="", pattern=r"\S{8,64}", secret=True),
}


@pytest.mark.parametrize(
    ("typed", "pairs"),
    [
        ({"shop": "K-1234567890", "key": "surat"}, [("shop", "key")]),
        ({"shop": "surat", "key": "K-1234567890"}, []),
        ({"shop": "surat", "key": "something-odd", "secret": "K-1234567890"}, [("key", "secret")]),
        ({"shop": "surat", "key": "K-1234567890", "secret": "something-else"}, []),
        ({"shop": "K-1234567890"}, []),
        ({"shop": "", "key": "surat"}, []),
        ({"shop": "not a shop", "key": "not a key"}, []),
    ],
)
def test_only_values_that_fit_better_the_other_way_round_look_swapped(typed: dict[str, str], pairs: list[tuple[str, str]]) -> None:
    assert swapped(FIELDS, typed) == pairs


def test_a_secret_in_an_open_box_is_known_by_a_shape_of_its_own_only() -> None:
    assert looks_secret(FIELDS, "shop", "K-1234567890") == "Key"
    assert looks_secret(FIELDS, "shop", "an-odd-but-possible-code") == "", "any word fits the secret's pattern"
    assert looks_secret(FIELDS, "shop", "surat") == ""


@pytest.mark.parametrize(
    "method", [method for place in MARKETPLACES for method in place.methods if not method.oauth], ids=lambda one: one.code
)
def test_right_keys_never_look_swapped(method: Method) -> None:
    place = next(place for place in MARKETPLACES if method in place.methods)
    assert place.sandbox_keys is not None
    known = sandbox_panel_keys(Shop()) if method.code == "portal_session" else place.sandbox_keys(Shop())
    typed = {name: known.get(name, "") for name in method.fields()}
    assert swapped(method.fields(), typed) == []
    assert [name for name in typed if looks_secret(method.fields(), name, typed[name])] == []


async def offered(setup: Setup) -> Setup:
    """A setup whose client secret and refresh token were typed into each other's boxes."""
    one = await setup.begun()
    with pytest.raises(BadInput) as caught:
        await one.enter({"lwa_client_secret": one.typed["refresh_token"], "refresh_token": one.typed["lwa_client_secret"]})
    assert list(caught.value.fields) == ["lwa_client_secret", "refresh_token"]
    assert "Are the two swapped?" in caught.value.fields["refresh_token"]
    return one


async def test_one_click_puts_both_where_they_belong(setup: Setup) -> None:
    one = await offered(setup)
    row = await one.row()
    assert [(swap.one, swap.other) for swap in service.swaps_of(row)] == [("lwa_client_secret", "refresh_token")]
    assert row.test_state == TestState.NONE, "nothing is tested before it is clear which is which"
    await service.swap(one.seller, one.id)
    await service.swap(one.seller, one.id)
    kept = await service.secrets_of(await one.row())
    assert {name: shown.fingerprint for name, shown in kept.items()} == {
        name: one.works.vault.fingerprint(one.typed[name]) for name in SECRETS
    }
    await one.enter(dict.fromkeys(SECRETS, ""))
    assert (await one.test()).test_state == TestState.PASSED
    rows = await seen(one.works.addresses, "SELECT column_name FROM connect_wizard_secrets")
    assert {row["column_name"] for row in rows} == set(SECRETS)


async def test_an_open_value_and_a_secret_are_exchanged_and_the_secret_is_never_kept_open(setup: Setup) -> None:
    one = await setup.begun()
    with pytest.raises(BadInput):
        await one.enter({"selling_partner_id": one.typed["refresh_token"], "refresh_token": one.typed["selling_partner_id"]})
    row = await one.row()
    assert one.typed["refresh_token"] not in row.values
    assert one.typed["refresh_token"] not in row.swaps
    await service.swap(one.seller, one.id)
    row = await one.row()
    assert service.values_of(row)["selling_partner_id"] == one.typed["selling_partner_id"]
    await one.enter(dict.fromkeys(SECRETS, ""))
    assert (await one.test()).test_state == TestState.PASSED


async def test_typing_again_withdraws_the_offer(setup: Setup) -> None:
    one = await offered(setup)
    await one.enter()
    row = await one.row()
    assert service.swaps_of(row) == []
    assert (await one.test()).test_state == TestState.PASSED
    before = await service.secrets_of(await one.row())
    await service.swap(one.seller, one.id)
    assert await service.secrets_of(await one.row()) == before


async def test_an_offer_lasts_while_the_boxes_stay_empty(setup: Setup) -> None:
    one = await offered(setup)
    with pytest.raises(BadInput):
        await one.enter(dict.fromkeys(SECRETS, ""))
    await service.swap(one.seller, one.id)
    assert (await service.secrets_of(await one.row())).keys() == set(SECRETS)


async def test_an_open_box_with_a_secret_in_it_comes_back_empty(setup: Setup) -> None:
    one = await setup.begun()
    with pytest.raises(BadInput) as caught:
        await one.enter({"selling_partner_id": one.typed["lwa_client_id"], "lwa_client_id": ""})
    assert caught.value.fields["selling_partner_id"].startswith("This looks like the LWA client identifier.")
    assert service.values_of(await one.row())["selling_partner_id"] == ""


async def test_one_value_in_two_boxes_is_told(setup: Setup) -> None:
    one = await setup.begun()
    with pytest.raises(BadInput) as caught:
        await one.enter({"refresh_token": one.typed["lwa_client_secret"]})
    assert caught.value.fields == {"refresh_token": "This is the same value as LWA client secret. Copy this one too."}


async def test_an_unusual_value_is_remarked_on_and_tried_all_the_same(setup: Setup) -> None:
    one = await setup.begun()
    await one.enter({"refresh_token": "Atzr|short"})
    row = await one.row()
    assert row.test_state == TestState.RUNNING
    assert service.notes_of(row) == {"refresh_token": "This does not have the usual shape of a Refresh token. We try it all the same."}


def test_every_marketplaces_fields_are_told_apart_by_label() -> None:
    """The offer names the two boxes; it must name two."""
    for place in MARKETPLACES:
        for method in place.methods:
            labels = [one.label for one in marketplace(place.code).method(method.code).fields().values()]
            assert len(set(labels)) == len(labels)
