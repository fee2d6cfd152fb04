"""How many pieces of each order are promised: never more than there are, first come first served."""

from collections.abc import Mapping, Sequence

import msgspec

from portal.marketplaces.facts import BatchOrder, Decision, HeldOrder, PassedOrder

ALL_SHORT = (Decision.DROP, Decision.RETRY, Decision.AS_ORDERED)
UNKNOWN = (Decision.AS_ORDERED, Decision.RETRY, Decision.DROP)
"""Nobody but the seller knows what there is: trying again helps only when the stock has been told meanwhile."""
SHORT = (Decision.REDUCE, Decision.DROP, Decision.AS_ORDERED, Decision.RETRY)


class Allotted(msgspec.Struct, frozen=True, kw_only=True):
    passed: tuple[PassedOrder, ...]
    held: tuple[HeldOrder, ...]


def allot(orders: Sequence[BatchOrder], stock: Mapping[str, int], policy: str, *, whole_lines: bool = False) -> Allotted:
    """Pieces for each line, in the order of `orders`. `stock` is what there is of each SKU; one it does not name was never told.

    `policy` reduce promises what is left, zero none of a line that is short, ask holds the order. An order of which nothing would be
    left is held whatever the policy: sending a buyer nothing is a person's decision. With `whole_lines` the marketplace takes a line
    whole or not at all, so what a reduced order sends is its lines of which there is enough.
    """
    left = dict(stock)
    passed: list[PassedOrder] = []
    held: list[HeldOrder] = []
    for order in orders:
        short = [line.sku for line in order.lines if line.sku not in left or left[line.sku] < _asked(order, line.sku)]
        if not short or order.decision == Decision.AS_ORDERED:
            pieces = {line.external_item_id: line.ordered for line in order.lines}
        elif policy == "ask" and order.decision != Decision.REDUCE:
            reducible = any(_reduced(order, left, zero=whole_lines).values())
            held.append(_held(order, short[0], left, SHORT if reducible else ALL_SHORT))
            continue
        else:
            zero = whole_lines or (policy == "zero" and order.decision != Decision.REDUCE)
            pieces = _reduced(order, left, zero=zero)
            if not any(pieces.values()):
                held.append(_held(order, short[0], left, ALL_SHORT))
                continue
        for line in order.lines:
            left[line.sku] = max(0, left.get(line.sku, 0) - pieces[line.external_item_id])
        passed.append(PassedOrder(external_order_id=order.external_order_id, confirmed=pieces))
    return Allotted(passed=tuple(passed), held=tuple(held))


def _asked(order: BatchOrder, sku: str) -> int:
    """Pieces of this SKU in all lines of the order."""
    return sum(line.ordered for line in order.lines if line.sku == sku)


def _reduced(order: BatchOrder, left: Mapping[str, int], *, zero: bool) -> dict[str, int]:
    remaining = dict(left)
    pieces = {}
    for line in order.lines:
        there = remaining.get(line.sku, 0)
        pieces[line.external_item_id] = min(line.ordered, there) if not zero or there >= line.ordered else 0
        remaining[line.sku] = there - pieces[line.external_item_id]
    return pieces


def _held(order: BatchOrder, sku: str, left: Mapping[str, int], decisions: tuple[Decision, ...]) -> HeldOrder:
    asked = _asked(order, sku)
    if sku not in left:
        reason = (
            f"We have never read the stock of {sku or 'a line without SKU'}, so we cannot promise {asked} of it. Read the listings first."
        )
        return HeldOrder(external_order_id=order.external_order_id, code="stock_unknown", reason=reason, decisions=UNKNOWN)
    reason = f"{asked} of {sku} are ordered and {left[sku]} are left."
    return HeldOrder(external_order_id=order.external_order_id, code="stock_short", reason=reason, decisions=decisions)
