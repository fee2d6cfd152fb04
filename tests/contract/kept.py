"""What tables hold after some pages: by external id, a later fact instead of an earlier one, payouts put together from their parts."""

from collections.abc import Iterable
from typing import Any

import msgspec

from portal.marketplaces.contract import Page, ScheduleTarget
from portal.marketplaces.facts import PayoutFact

ID = {
    ScheduleTarget.ORDERS: "external_order_id",
    ScheduleTarget.RETURNS: "external_return_id",
    ScheduleTarget.PAYOUTS: "external_payout_id",
    ScheduleTarget.LISTINGS: "sku",
}


def ids(target: ScheduleTarget, pages: Iterable[Page[Any]]) -> list[str]:
    """Every fact's id in the order they came."""
    return [getattr(fact, ID[target]) for page in pages for fact in page.facts]


def kept(target: ScheduleTarget, pages: Iterable[Page[Any]]) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for page in pages:
        for fact in page.facts:
            name = getattr(fact, ID[target])
            held[name] = _joined(held.get(name), fact) if isinstance(fact, PayoutFact) else fact
    return held


def _joined(before: PayoutFact | None, part: PayoutFact) -> PayoutFact:
    lines = {line.line_key: line for fact in (before, part) if fact for line in fact.lines}
    net = part.net_amount if part.net_amount is not None or before is None else before.net_amount
    return msgspec.structs.replace(part, net_amount=net, lines=tuple(lines[key] for key in sorted(lines)))
