"""What a manifest promises: the form, the key file, the satellite and the settings agree, for every marketplace there is."""

import re
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

import pytest
from piccolo.columns import Text, Timestamptz, Varchar

from portal.marketplaces.contract import Marketplace, ScheduleTarget
from portal.marketplaces.details import sealed_columns
from portal.marketplaces.methods import Method
from portal.marketplaces.registry import MARKETPLACES
from portal.marketplaces.sandbox import Shop
from tests.contract.stalls import LIVE, code_of

every_marketplace = pytest.mark.parametrize("place", LIVE, ids=code_of)
METHODS = [pytest.param(place, method, id=f"{place.code}-{method.code}") for place in LIVE for method in place.methods]
LOGOS = Path(__file__).resolve().parents[2] / "static" / "marketplaces"
MARKS = {"fingerprint": Varchar, "saved_by": Varchar, "saved_at": Timestamptz, "last_accepted_at": Timestamptz}


def columns(place: Marketplace) -> dict[str, object]:
    assert place.details is not None
    return {column._meta.db_column_name: column for column in place.details._meta.columns}


def test_there_are_marketplaces_and_each_is_complete() -> None:
    assert [place.code for place in MARKETPLACES] == [place.code for place in LIVE]
    assert len({place.slug for place in LIVE}) == len({place.code for place in LIVE}) == len(LIVE)


@every_marketplace
def test_codes_and_slugs_serve_as_names_everywhere(place: Marketplace) -> None:
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", place.code)
    assert len(place.code) <= 20
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", place.slug), "the slug is part of addresses and of a database role"
    assert place.source
    assert ElementTree.parse(LOGOS / f"{place.slug}.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(("place", "method"), METHODS)
def test_every_key_is_a_column_and_every_secret_a_sealed_one_with_its_marks(place: Marketplace, method: Method) -> None:
    held = columns(place)
    for name, described in method.fields().items():
        assert name in held, name
        assert (name in sealed_columns(place)) is described.secret, name
        if described.secret:
            assert type(held[name]) is Text
            assert {mark: type(held[f"{name}_{mark}"]) for mark in MARKS} == MARKS, name


@pytest.mark.parametrize(("place", "method"), METHODS)
def test_every_field_says_what_it_is_and_where_to_find_it(place: Marketplace, method: Method) -> None:
    for name, described in method.fields().items():
        assert described.label[:1].isupper(), name
        assert described.where.endswith("."), name
        assert described.mistake.endswith(".") or not described.pattern, name
        re.compile(described.pattern)
        re.compile(described.usual)
        if described.identity:
            assert not described.secret, "what names the shop is shown on pages"


@pytest.mark.parametrize(("place", "method"), METHODS)
def test_secrets_stay_out_of_a_repr(place: Marketplace, method: Method) -> None:
    values = {one.name: f"value-of-{one.name}" for one in fields(method.keys)}
    shown = repr(method.keys(**values))
    assert {name for name, described in method.fields().items() if described.secret and values[name] in shown} == set()


@every_marketplace
def test_the_satellite_holds_nothing_that_no_form_asks_for(place: Marketplace) -> None:
    asked = {name for method in place.methods for name in method.fields()}
    marks = {f"{name}_{mark}" for name in sealed_columns(place) for mark in MARKS}
    parents = {"marketplace_account_id", "seller_id", "marketplace_code"}
    days = {f"{end.column}_expires_at" for method in place.methods for end in method.deadlines}
    assert set(columns(place)) == asked | marks | days | parents | {place.method_column}
    assert place.details is not None
    assert place.details._meta.tablename.endswith("_account_details"), "who may read it follows from this name"


@every_marketplace
def test_sandbox_keys_pass_the_form_and_say_what_they_are(place: Marketplace) -> None:
    assert place.sandbox_keys is not None
    values = place.sandbox_keys(Shop(seed=3))
    method = place.method_of(values)
    described = method.fields()
    assert set(values) - {place.method_column} <= set(described)
    for name, one in described.items():
        value = values.get(name, "")
        assert value or not one.required, name
        assert not value or re.fullmatch(one.pattern or ".*", value, re.DOTALL), name
        if one.secret and value:
            assert "sandbox" in value.lower(), f"{name} must not look like somebody's"
    assert values == place.sandbox_keys(Shop(seed=3))
    assert values != place.sandbox_keys(Shop(seed=4))


@every_marketplace
def test_settings_belong_to_the_marketplaces_own_group(place: Marketplace) -> None:
    assert place.sandbox_settings is not None
    named = place.sandbox_settings("http://127.0.0.1:8100/there")
    assert all(name.startswith(f"PORTAL_{place.code}_") for name in named)
    assert any("http://127.0.0.1:8100/there" in value for value in named.values())
    assert float(named.get(f"PORTAL_{place.code}_RATE", "1")) > 0


@every_marketplace
def test_what_comes_by_call_or_by_file_is_promised(place: Marketplace) -> None:
    assert ScheduleTarget.ORDERS in place.supported_targets
    assert bool(place.read_payout_file) is bool(place.payout_file_hint)
    assert bool(place.read_listing_file) is bool(place.listing_file_hint)
