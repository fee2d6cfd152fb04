"""Which ways to connect a seller is offered: none that leads nowhere."""

import pytest

from portal.connecting import service
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import MARKETPLACES
from portal.settings import Settings


@pytest.mark.parametrize("place", MARKETPLACES, ids=lambda place: place.code)
def test_every_way_that_is_offered_asks_for_something_to_type(place: Marketplace) -> None:
    for self_hosted in (True, False):
        offered = service.methods(place, Settings(self_hosted=self_hosted))
        assert not [one.code for one in offered if one.oauth]
        assert self_hosted or not [one.code for one in offered if one.self_hosted_only]
    assert service.methods(place, Settings(self_hosted=True))
