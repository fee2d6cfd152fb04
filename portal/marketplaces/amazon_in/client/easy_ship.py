"""Easy Ship 2022-03-23: slots, packages, scheduling. Documented; one call a second each.

The call that schedules many at once is documented for Poland and the Netherlands only, so orders are scheduled one by one.
"""

from dataclasses import dataclass
from typing import Any

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, AmazonClient
from portal.marketplaces.amazon_in.refusals import InvalidRequest, NoSuchThing
from portal.marketplaces.amazon_in.wire.easy_ship import NOT_IN_THIS_STATE, Package, Slot, read_package, read_slots

PREFIX = "/easyShip/2022-03-23"


@dataclass(frozen=True, slots=True)
class EasyShip:
    """Parcels of one seller. InvalidRequest and NoSuchThing carry Amazon's complaint about one order; see wire.easy_ship."""

    client: AmazonClient

    async def slots(self, body: Any) -> list[Slot]:
        """When a parcel of this size can be handed over. Asking changes nothing."""
        return read_slots(await self.client.call("listHandoverSlots", "POST", f"{PREFIX}/timeSlot", json=body, safe=True))

    async def package(self, order_id: str) -> Package | None:
        """The order's package as it is now; None before it is scheduled."""
        params = {"amazonOrderId": order_id, "marketplaceId": MARKETPLACE_ID}
        try:
            return read_package(await self.client.call("getScheduledPackage", "GET", f"{PREFIX}/package", params=params))
        except (InvalidRequest, NoSuchThing) as error:
            if error.complaint.code in NOT_IN_THIS_STATE:
                return None
            raise

    async def schedule(self, body: Any) -> Package:
        """Book the hand-over of one order. Made once: after a lost answer ask for the package first."""
        return read_package(await self.client.call("createScheduledPackage", "POST", f"{PREFIX}/package", json=body))
