"""Keys, form, satellite and key file are one thing under one set of names."""

import dataclasses
import re

from portal.marketplaces.meesho import MARKETPLACE
from portal.marketplaces.meesho.keys import MeeshoKeys
from portal.marketplaces.meesho.tables import MeeshoAccountDetails
from portal.marketplaces.sandbox import Shop
from tests.marketplaces.meesho.shopping import SHOP

MARKS = ("fingerprint", "saved_by", "saved_at", "last_accepted_at")


def test_keys_and_satellite_have_the_same_fields() -> None:
    """A secret has its four marks beside it; a public id has none."""
    columns = {column._meta.name for column in MeeshoAccountDetails._meta.columns}
    described = MARKETPLACE.method().fields()
    expected = {"marketplace_account_id", "seller_id", "marketplace_code", MARKETPLACE.method_column}
    for name, field in described.items():
        expected |= {name, *(f"{name}_{mark}" for mark in MARKS)} if field.secret else {name}

    assert columns == expected
    assert [field.name for field in dataclasses.fields(MeeshoKeys)] == list(described) == ["supplier_identifier", "api_key", "api_secret"]
    assert MARKETPLACE.method().identity == "supplier_identifier"


def test_secrets_stay_out_of_a_repr() -> None:
    shown = repr(MeeshoKeys(supplier_identifier="ab12c", api_key="my-key", api_secret="my-secret"))

    assert "ab12c" in shown
    assert "my-key" not in shown
    assert "my-secret" not in shown


def test_sandbox_keys_pass_the_form_and_say_what_they_are() -> None:
    assert MARKETPLACE.sandbox_keys is not None
    values = MARKETPLACE.sandbox_keys(SHOP)

    for name, field in MARKETPLACE.method().fields().items():
        assert re.search(field.pattern, values[name])
        assert "sandbox" in values[name]
    assert values != MARKETPLACE.sandbox_keys(Shop(seed=2))
    assert values["api_key"] != values["api_secret"]


def test_a_value_with_a_space_inside_cannot_be_right() -> None:
    for field in MARKETPLACE.method().fields().values():
        assert not re.search(field.pattern, "two words")
        assert field.label
        assert field.where
        assert field.mistake


def test_the_manifest_tells_what_a_seller_needs_to_ask_for() -> None:
    for word in ("supplier identifier", "API key", "API secret"):
        assert word in MARKETPLACE.request_message
    assert MARKETPLACE.role == "portal_meesho"
