"""Which ways to connect a seller is offered: none that leads nowhere, and none that he may not go."""

import pytest

from portal.connecting import service
from portal.connecting.routes.showing import sandbox_keys
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.methods import Method
from portal.marketplaces.registry import MARKETPLACES
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard

SENDING = [place for place in MARKETPLACES if place.handoff is not None]


def offered(place: Marketplace, *, self_hosted: bool, set_up: bool) -> list[str]:
    groups = {place.code: {"APP_ID": "our-application"}} if set_up else {}
    return [one.code for one in service.methods(place, Settings(self_hosted=self_hosted, marketplaces=groups))]


def codes(place: Marketplace, *, oauth: bool) -> list[str]:
    return [one.code for one in place.methods if one.oauth is oauth]


@pytest.mark.parametrize("place", MARKETPLACES, ids=lambda place: place.code)
def test_without_the_operators_application_nobody_is_sent_away(place: Marketplace) -> None:
    assert offered(place, self_hosted=True, set_up=False) == codes(place, oauth=False)
    assert not set(offered(place, self_hosted=False, set_up=False)) & set(codes(place, oauth=True))


@pytest.mark.parametrize("place", SENDING, ids=lambda place: place.code)
def test_a_hosted_portal_offers_only_the_way_through_the_marketplace(place: Marketplace) -> None:
    assert offered(place, self_hosted=False, set_up=True) == codes(place, oauth=True)
    assert set(offered(place, self_hosted=True, set_up=True)) == {one.code for one in place.methods}


def test_who_sends_sellers_away_has_a_handoff_and_the_reverse() -> None:
    for place in MARKETPLACES:
        assert bool(codes(place, oauth=True)) == (place.handoff is not None), place.code


@pytest.mark.parametrize(
    ("place", "method"),
    [pytest.param(place, one, id=f"{place.slug}-{one.code}") for place in MARKETPLACES for one in place.methods if not one.oauth],
)
def test_every_way_with_boxes_can_be_tried_with_the_sandboxs_own_keys(place: Marketplace, method: Method) -> None:
    known = sandbox_keys(ConnectWizard(_ignore_missing=True, marketplace_code=place.code, method=method.code))
    assert known.keys() == method.fields().keys()
    assert all(known[name] for name, one in method.fields().items() if one.required)
