"""Form, key file and satellite say the same, and the shapes they ask for are the right ones."""

import re
from dataclasses import fields

import pytest

from portal.marketplaces.flipkart import MARKETPLACE
from portal.marketplaces.flipkart.keys import FlipkartSelfAccessKeys
from portal.marketplaces.flipkart.tables import FlipkartAccountDetails
from portal.marketplaces.sandbox import Shop


def columns() -> dict[str, bool]:
    """The satellite's columns, and whether each is sealed."""
    return {column._meta.name: bool(column._meta.secret) for column in FlipkartAccountDetails._meta.columns}


@pytest.mark.parametrize("method", MARKETPLACE.methods, ids=lambda method: method.code)
def test_every_key_has_its_column_sealed_where_it_is_secret(method: object) -> None:
    described = method.fields()  # type: ignore[attr-defined]
    for name, field in described.items():
        assert columns()[name] is field.secret
        marks = {f"{name}_{mark}" for mark in ("fingerprint", "saved_by", "saved_at", "last_accepted_at")}
        assert (marks <= columns().keys()) is field.secret
        assert field.label
        assert field.where


def test_the_method_column_exists() -> None:
    assert MARKETPLACE.method_column in columns()


def test_own_applications_are_for_self_hosters_and_come_with_a_warning() -> None:
    method = MARKETPLACE.method("self_access")
    assert method.self_hosted_only
    assert "deactivate" in method.warning
    assert method.identity == "app_id"
    third = MARKETPLACE.method("third_party")
    assert third.oauth
    assert not third.self_hosted_only


def test_secrets_stay_out_of_reprs() -> None:
    keys = FlipkartSelfAccessKeys(app_id="app-id-of-sixteen", app_secret="quite-a-secret")
    assert "quite-a-secret" not in repr(keys)


def test_the_sandbox_hands_out_a_key_file_that_fits_the_form() -> None:
    assert MARKETPLACE.sandbox_keys is not None
    values = MARKETPLACE.sandbox_keys(Shop())
    method = MARKETPLACE.method_of(values)
    assert set(values) == {"auth_mode", *(field.name for field in fields(method.keys))}
    for name, field in method.fields().items():
        assert "sandbox" in values[name]
        assert re.fullmatch(field.pattern, values[name])


@pytest.mark.parametrize("typed", ["", "short", "has a blank in the middle", "x" * 65])
def test_what_cannot_be_an_application_id_is_told(typed: str) -> None:
    field = MARKETPLACE.method("self_access").fields()["app_id"]
    assert not re.fullmatch(field.pattern, typed)
    assert field.mistake


def test_another_seed_is_another_shop() -> None:
    assert MARKETPLACE.sandbox_keys is not None
    assert MARKETPLACE.sandbox_keys(Shop(seed=1)) == MARKETPLACE.sandbox_keys(Shop(seed=1))
    assert MARKETPLACE.sandbox_keys(Shop(seed=1)) != MARKETPLACE.sandbox_keys(Shop(seed=2))
