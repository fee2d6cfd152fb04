"""AJIO's words for where an order or a return stands, in ours. What we do not know stays UNKNOWN and keeps its own word."""

from portal.marketplaces.facts import OrderStatus, ReturnKind, ReturnStatus

ORDER_STATUSES = {
    "NEW": OrderStatus.OPEN,
    "ACKNOWLEDGED": OrderStatus.ACCEPTED,
    "CONFIRMED": OrderStatus.CONFIRMED,
    "POCREATED": OrderStatus.CONFIRMED,
    "PACKED": OrderStatus.PACKED,
    "READYTODISPATCH": OrderStatus.READY,
    "READYTOSHIP": OrderStatus.READY,
    "READYTOSHIPPED": OrderStatus.READY,
    "DISPATCHED": OrderStatus.SHIPPED,
    "SHIPPED": OrderStatus.SHIPPED,
    "DELIVERED": OrderStatus.DELIVERED,
    "CANCELLED": OrderStatus.CANCELLED,
}
PROGRESS = (
    # An order of several lines stands where its slowest living line stands.
    OrderStatus.UNKNOWN,
    OrderStatus.OPEN,
    OrderStatus.ON_HOLD,
    OrderStatus.ACCEPTED,
    OrderStatus.CONFIRMED,
    OrderStatus.PACKED,
    OrderStatus.READY,
    OrderStatus.SHIPPED,
    OrderStatus.DELIVERED,
    OrderStatus.CANCELLED,
)
RETURN_STATUSES = {
    "RETURNINITIATED": ReturnStatus.INITIATED,
    "RETURNCREATED": ReturnStatus.INITIATED,
    "SHIPMENTPICKED": ReturnStatus.PICKED_UP,
    "RETURNINTRANSIT": ReturnStatus.IN_TRANSIT,
    "SHIPMENTOUTFORDELIVERY": ReturnStatus.IN_TRANSIT,
    "RETURNDELIVERED": ReturnStatus.DELIVERED,
    "SHIPMENTRETURNED": ReturnStatus.DELIVERED,
    "RETURNPROCESSED": ReturnStatus.DELIVERED,
    "CREDITNOTECREATED": ReturnStatus.DELIVERED,
    "RETURNCANCELLED": ReturnStatus.CANCELLED,
}
RETURN_KINDS = {
    "RTO": ReturnKind.RTO,
    "CUSTOMERRETURN": ReturnKind.CUSTOMER,
    "CUSTOMER": ReturnKind.CUSTOMER,
    "RTV": ReturnKind.CUSTOMER,
}
LISTING_STATUSES = {"PUBLISHED": "active", "UNPUBLISHED": "inactive"}


def plain(word: str) -> str:
    """The word without case, blanks and separators: `Ready to Ship`, `READY_TO_SHIP` and `ready-to-ship` are one."""
    return "".join(letter for letter in word if letter.isalnum()).upper()


def order_status(word: str, *, po_number: str) -> OrderStatus:
    """An acknowledged order without a purchase order is still inside AJIO's hold of about four hours."""
    status = ORDER_STATUSES.get(plain(word), OrderStatus.UNKNOWN)
    if status is OrderStatus.ACCEPTED and not po_number:
        return OrderStatus.ON_HOLD
    return status


def return_status(word: str) -> ReturnStatus:
    return RETURN_STATUSES.get(plain(word), ReturnStatus.UNKNOWN)


def return_kind(word: str) -> ReturnKind | None:
    return RETURN_KINDS.get(plain(word))


def listing_status(word: str) -> str:
    return LISTING_STATUSES.get(plain(word), "unknown")
