"""The form, the key file, the satellite and the manifest speak of the same keys."""

import re
from typing import Any, get_args

import pytest

from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.adapter import AmazonAdapter
from portal.marketplaces.amazon_in.client import API_URL, LWA_URL, MARKETPLACE_ID
from portal.marketplaces.amazon_in.keys import PrivateAppKeys
from portal.marketplaces.amazon_in.sandbox import sandbox_keys, sandbox_settings
from portal.marketplaces.amazon_in.tables import AmazonAccountDetails
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.sandbox import Shop

METHOD = MARKETPLACE.method()
FIELDS = METHOD.fields()


def test_the_form_asks_for_what_the_key_file_holds() -> None:
    assert list(FIELDS) == ["selling_partner_id", "lwa_client_id", "lwa_client_secret", "refresh_token"]
    assert sandbox_keys(Shop()).keys() == FIELDS.keys()
    assert METHOD.identity == "selling_partner_id"
    assert METHOD.code == "private_app"
    assert METHOD.self_hosted_only


def test_every_key_has_its_column_and_every_secret_its_marks() -> None:
    columns = {column._meta.name: column for column in AmazonAccountDetails._meta.columns}
    assert MARKETPLACE.method_column in columns
    for name, description in FIELDS.items():
        assert bool(columns[name]._meta.secret) is description.secret
        marks = {f"{name}_{mark}" for mark in ("fingerprint", "saved_by", "saved_at", "last_accepted_at")}
        assert (marks <= columns.keys()) is description.secret


def test_secrets_stay_out_of_the_repr() -> None:
    values = sandbox_keys(Shop())
    shown = repr(PrivateAppKeys(**values))
    assert values["selling_partner_id"] in shown
    for name, description in FIELDS.items():
        assert (values[name] in shown) is not description.secret


def test_sandbox_keys_pass_the_form_and_say_what_they_are() -> None:
    for name, value in sandbox_keys(Shop(seed=42)).items():
        assert re.fullmatch(FIELDS[name].pattern, value)
        assert "sandbox" in value.lower()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("selling_partner_id", "priya@example.in"),
        ("lwa_client_id", "amzn1.sp.solution.1234"),
        ("lwa_client_secret", "two words of sixteen"),
        ("refresh_token", "Atza|an-access-token"),
    ],
)
def test_values_that_cannot_be_right_are_told_apart(name: str, wrong: str) -> None:
    assert not re.fullmatch(FIELDS[name].pattern, wrong)
    assert FIELDS[name].mistake.endswith(".")


def test_without_settings_the_real_hosts_are_called() -> None:
    assert (API_URL, LWA_URL) == ("https://sellingpartnerapi-eu.amazon.com", "https://api.amazon.com/auth/o2/token")
    assert MARKETPLACE_ID == "A21TJRUUN4KGV"
    assert sandbox_settings("http://127.0.0.1:9/amazon/")["PORTAL_AMAZON_IN_LWA_URL"] == "http://127.0.0.1:9/amazon/auth/o2/token"


def test_the_manifest_promises_what_the_adapter_does() -> None:
    assert MARKETPLACE.supported_targets == AmazonAdapter.supported_targets
    assert MARKETPLACE.supported_targets == set(ScheduleTarget)
    assert (MARKETPLACE.code, MARKETPLACE.slug, MARKETPLACE.status) == ("AMAZON_IN", "amazon", "live")
    annotation: Any = PrivateAppKeys.__annotations__["selling_partner_id"]
    assert get_args(annotation)[1] is FIELDS["selling_partner_id"]
