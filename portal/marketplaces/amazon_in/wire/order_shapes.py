"""The parts of an Orders v2026-01-01 page that we read, under Amazon's own names: msgspec then translates nothing per row.

Only what an order cannot do without is required; every enum is an open string.
"""

import msgspec

from portal.marketplaces.amazon_in.wire.answers import Moment, Money

# ruff: noqa: N815


class WireBuyer(msgspec.Struct, gc=False):
    buyerName: str | None = None
    buyerEmail: str | None = None


class WireAddress(msgspec.Struct, gc=False):
    name: str | None = None
    addressLine1: str | None = None
    addressLine2: str | None = None
    addressLine3: str | None = None
    city: str | None = None
    stateOrRegion: str | None = None
    postalCode: str | None = None
    phone: str | None = None


class WireRecipient(msgspec.Struct, gc=False):
    deliveryAddress: WireAddress | None = None


class WireProceeds(msgspec.Struct, gc=False):
    grandTotal: Money | None = None


class WirePaymentExecution(msgspec.Struct, gc=False):
    paymentMethod: str | None = None


class WirePayment(msgspec.Struct, gc=False):
    paymentExecutions: list[WirePaymentExecution] | None = None


class WireWindow(msgspec.Struct, gc=False):
    latestDateTime: Moment | None = None


class WireFulfillment(msgspec.Struct, gc=False):
    fulfillmentStatus: str | None = None
    fulfilledBy: str | None = None
    shipByWindow: WireWindow | None = None


class WirePrice(msgspec.Struct, gc=False):
    unitPrice: Money | None = None


class WireProduct(msgspec.Struct, gc=False):
    title: str | None = None
    sellerSku: str | None = None
    price: WirePrice | None = None


class WireMark(msgspec.Struct, gc=False):
    """An object whose presence is all that matters."""


class WireCancellation(msgspec.Struct, gc=False):
    cancellationRequest: WireMark | None = None
    cancellationExecution: WireMark | None = None


class WireSerialNumbers(msgspec.Struct, gc=False):
    requirementType: str | None = None


class WirePacking(msgspec.Struct, gc=False):
    serialNumberRequirement: WireSerialNumbers | None = None


class WireItemFulfillment(msgspec.Struct, gc=False):
    packing: WirePacking | None = None


class WireItem(msgspec.Struct, gc=False):
    orderItemId: str
    quantityOrdered: int
    product: WireProduct | None = None
    cancellation: WireCancellation | None = None
    fulfillment: WireItemFulfillment | None = None


class WirePackageStatus(msgspec.Struct, gc=False):
    status: str | None = None
    detailedStatus: str | None = None


class WirePackageItem(msgspec.Struct, gc=False):
    orderItemId: str
    quantity: int


class WirePackage(msgspec.Struct, gc=False):
    packageReferenceId: str
    packageStatus: WirePackageStatus | None = None
    carrier: str | None = None
    shipTime: Moment | None = None
    trackingNumber: str | None = None
    packageItems: list[WirePackageItem] | None = None


class WireOrder(msgspec.Struct, gc=False):
    orderId: str
    createdTime: Moment
    lastUpdatedTime: Moment
    orderItems: list[WireItem]
    programs: list[str] | None = None
    buyer: WireBuyer | None = None
    recipient: WireRecipient | None = None
    proceeds: WireProceeds | None = None
    payment: WirePayment | None = None
    fulfillment: WireFulfillment | None = None
    packages: list[WirePackage] | None = None


class WirePagination(msgspec.Struct, gc=False):
    nextToken: str | None = None


class WirePage(msgspec.Struct):
    orders: list[WireOrder]
    pagination: WirePagination | None = None
    lastUpdatedBefore: Moment | None = None


class WireRawPage(msgspec.Struct):
    orders: list[msgspec.Raw]
    pagination: WirePagination | None = None
    lastUpdatedBefore: Moment | None = None
