"""Form, key file, satellite and manifest say the same."""

import re
from dataclasses import fields, is_dataclass

import pytest

from portal.marketplaces.adapter import MarketplaceAdapter
from portal.marketplaces.ajio import MARKETPLACE
from portal.marketplaces.ajio.adapter import AjioAdapter
from portal.marketplaces.ajio.keys import PanelSessionKeys, PartnerApiKeys
from portal.marketplaces.ajio.sandbox import sandbox_keys, sandbox_panel_keys, sandbox_settings
from portal.marketplaces.ajio.tables import AjioAccountDetails
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.methods import Method
from portal.marketplaces.sandbox import Shop

COLUMNS = {column._meta.name: column for column in AjioAccountDetails._meta.columns}


def test_the_first_method_is_the_partner_api() -> None:
    assert [method.code for method in MARKETPLACE.methods] == ["partner_api", "portal_session"]
    assert MARKETPLACE.method().keys is PartnerApiKeys
    assert MARKETPLACE.method_of({"method": "portal_session"}).keys is PanelSessionKeys


@pytest.mark.parametrize("method", MARKETPLACE.methods, ids=lambda method: method.code)
def test_every_field_is_a_column_and_every_secret_is_sealed_with_its_marks(method: Method) -> None:
    for name, described in method.fields().items():
        assert name in COLUMNS
        assert COLUMNS[name]._meta.secret is described.secret
        if described.secret:
            assert {f"{name}_{mark}" for mark in ("fingerprint", "saved_by", "saved_at", "last_accepted_at")} <= COLUMNS.keys()


def test_the_satellite_holds_nothing_that_no_form_asks_for() -> None:
    asked = {name for method in MARKETPLACE.methods for name in method.fields()}
    sealed = {name for name, column in COLUMNS.items() if column._meta.secret}
    assert sealed == asked - {"pob_id"}
    assert MARKETPLACE.method_column in COLUMNS


@pytest.mark.parametrize("values", [sandbox_keys(Shop(seed=12)), sandbox_panel_keys(Shop(seed=12))], ids=["partner", "panel"])
def test_key_files_fit_the_form_and_say_they_are_the_sandboxes(values: dict[str, str]) -> None:
    method = MARKETPLACE.method_of(values)
    given = {name: value for name, value in values.items() if name != MARKETPLACE.method_column}
    assert list(given) == list(method.fields())
    assert all("sandbox" in value.lower() for value in given.values() if value)
    for name, described in method.fields().items():
        if given[name]:
            assert re.match(described.pattern, given[name])
        else:
            assert not described.required


@pytest.mark.parametrize("keys", [PartnerApiKeys, PanelSessionKeys])
def test_no_secret_stands_in_a_repr(keys: type) -> None:
    assert is_dataclass(keys)
    text = repr(keys(**{one.name: f"very-secret-{one.name}" for one in fields(keys)}))
    assert re.findall(r"very-secret-(\w+)", text) == (["pob_id"] if keys is PartnerApiKeys else [])


@pytest.mark.parametrize(
    ("value", "fits"), [("DV1234", True), ("dvAB12", True), ("seller@example.in", False), ("AB1234", False), ("DV 1234", False)]
)
def test_the_pob_id_is_checked_by_shape(value: str, fits: bool) -> None:
    pattern = MARKETPLACE.method().fields()["pob_id"].pattern
    assert bool(re.match(pattern, value)) is fits
    assert MARKETPLACE.method().identity == "pob_id"


def test_the_adapter_is_what_the_manifest_promises() -> None:
    adapter: type[MarketplaceAdapter] = AjioAdapter
    assert adapter.code == MARKETPLACE.code
    assert adapter.supported_targets == MARKETPLACE.supported_targets
    assert ScheduleTarget.PAYOUTS in MARKETPLACE.supported_targets


def test_settings_are_named_as_operators_write_them() -> None:
    assert set(sandbox_settings("http://127.0.0.1:1")) == {
        "PORTAL_AJIO_URL",
        "PORTAL_AJIO_PREFIX",
        "PORTAL_AJIO_PORTAL_URL",
        "PORTAL_AJIO_RATE",
        "PORTAL_AJIO_HOLD_MINUTES",
    }
