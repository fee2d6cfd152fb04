"""Easy Ship 2022-03-23 of the sandbox: slots, packages and scheduling; and tokens for buyers' data."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID
from portal.marketplaces.amazon_in.sandbox.courses import CANCELLED, LABEL_CANCELLED, OPEN, MadeOrder
from portal.marketplaces.amazon_in.sandbox.gate import Asked, admitted, bad_input, bent, complain
from portal.marketplaces.amazon_in.sandbox.state import State
from portal.marketplaces.sandbox import Fault

PREFIX = "/easyShip/2022-03-23"
LEAST_WEIGHT = 11


class Dimensions(msgspec.Struct, forbid_unknown_fields=True):
    length: float
    width: float
    height: float
    unit: str


class Weight(msgspec.Struct, forbid_unknown_fields=True):
    value: float
    unit: str


class SlotsWanted(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    marketplace_id: str
    amazon_order_id: str
    package_dimensions: Dimensions
    package_weight: Weight


class Slot(msgspec.Struct, rename="camel"):
    slot_id: str


class Serials(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    order_item_id: str
    order_item_serial_numbers: list[str]


class Details(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    package_time_slot: Slot
    package_items: list[Serials] = []
    package_identifier: str = ""


class Scheduled(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    amazon_order_id: str
    marketplace_id: str
    package_details: Details


class Resource(msgspec.Struct, forbid_unknown_fields=True):
    method: str
    path: str


class RestrictedWanted(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    restricted_resources: list[Resource]


def routes(state: State) -> list[HTTPRouteHandler]:
    @post(f"{PREFIX}/timeSlot", status_code=200)
    async def time_slots(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "listHandoverSlots")
        told = _read(await request.body(), SlotsWanted)
        order = _order(state, told.amazon_order_id, told.marketplace_id)
        sides = (told.package_dimensions.length, told.package_dimensions.width, told.package_dimensions.height)
        if min(sides) <= 0 or told.package_weight.value < LEAST_WEIGHT:
            raise bad_input("The package's dimensions or weight are not valid.")
        if order.course not in (OPEN, LABEL_CANCELLED):
            raise complain(404, "InvalidOrderState", "The request cannot be applied to the order in its current state.")
        if order.order_id in state.desk.no_slots:
            raise complain(404, "TimeSlotNotAvailable", "No time slot is available.")
        parcel = {
            "packageDimensions": msgspec.to_builtins(told.package_dimensions),
            "packageWeight": msgspec.to_builtins(told.package_weight),
        }
        state.desk.parcels[order.order_id] = {name: _whole(part) for name, part in parcel.items()}
        return bent(ordered, msgspec.json.encode({"amazonOrderId": order.order_id, "timeSlots": state.desk.offered()}))

    @get(f"{PREFIX}/package")
    async def get_package(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "getScheduledPackage")
        query = request.query_params
        order = _order(state, query.get("amazonOrderId", ""), query.get("marketplaceId", ""))
        package = state.desk.package(order)
        if package is None:
            raise complain(404, "ResourceNotFound", "The specified resource does not exist.")
        if ordered and ordered.fault is Fault.UNKNOWN_VALUE:
            package["packageStatus"] = "Teleported"
        return bent(ordered, msgspec.json.encode(package))

    @post(f"{PREFIX}/package", status_code=200)
    async def schedule(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "createScheduledPackage")
        told = _read(await request.body(), Scheduled)
        order = _order(state, told.amazon_order_id, told.marketplace_id)
        slot = told.package_details.package_time_slot.slot_id
        serials = _bookable(state, order, slot, told.package_details)
        state.desk.schedule(order, slot, serials, told.package_details.package_identifier, state.shown_until)
        return bent(ordered, msgspec.json.encode(state.desk.package(state.orders[order.number])))

    @post("/tokens/2021-03-01/restrictedDataToken", status_code=200)
    async def restricted(request: Asked) -> Response[Any]:
        ordered = await admitted(state, request, "createRestrictedDataToken")
        wanted = _read(await request.body(), RestrictedWanted).restricted_resources
        if len(wanted) != 1 or wanted[0].method != "GET" or not wanted[0].path.startswith("/reports/2021-06-30/documents/"):
            raise bad_input("The restricted resource is not valid.")
        token = state.new_restricted_pass(wanted[0].path)
        return bent(ordered, msgspec.json.encode({"restrictedDataToken": token, "expiresIn": 3600}))

    return [time_slots, get_package, schedule, restricted]


def _read(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        raise bad_input("Request has missing or invalid parameters and cannot be parsed.") from None


def _order(state: State, order_id: str, marketplace_id: str) -> MadeOrder:
    order = state.orders.by_id(order_id)
    if state.desk.closed:
        raise complain(404, "RegionNotSupported", "Amazon Easy Ship is not supported in the specified marketplace.")
    if order is None or marketplace_id != MARKETPLACE_ID:
        raise complain(404, "ResourceNotFound", "The specified resource does not exist.")
    return order


def _bookable(state: State, order: MadeOrder, slot: str, details: Details) -> list[str]:
    """The serial numbers that come with it. Refusal for what Amazon would not book."""
    desk = state.desk
    if order.course is CANCELLED:
        raise complain(404, "InvalidOrderState", "The request cannot be applied to the order in its current state.")
    if order.course not in (OPEN, LABEL_CANCELLED):
        raise complain(400, "ScheduledPackageAlreadyExists", "The order has already been scheduled.")
    if slot not in {one["slotId"] for one in desk.offered()}:
        raise complain(400, "InvalidTimeSlotId", "The specified time slot identifier is not valid.")
    if desk.slot_gone[order.order_id] > 0:
        desk.slot_gone[order.order_id] -= 1
        raise complain(400, "RetryableAfterGettingNewSlots", "Request a new time slot and try to schedule again.")
    told = {one.order_item_id: one.order_item_serial_numbers for one in details.package_items}
    first = state.orders.items(order)[0]
    if order.order_id in state.orders.wants_serials and len(told.get(first.item_id, [])) != first.quantity:
        raise bad_input("Serial numbers are missing.")
    return [number for numbers in told.values() for number in numbers]


def _whole(part: dict[str, Any]) -> dict[str, Any]:
    """Without `.0` behind whole numbers, as they were sent."""
    return {name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in part.items()}
