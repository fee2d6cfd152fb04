"""One page about the portal itself: what it promises, and whether it keeps it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency

from portal.people.permissions import Permission, needs
from portal.settings import Settings
from portal.status import service
from portal.status.page_times import PageTimes
from portal.web.pages import page

ARRIVE_WITHIN = timedelta(hours=1)
PAGE_WITHIN_S = 0.3


@get("/status", opt=needs(Permission.READ))
async def show(
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    settings: NamedDependency[Settings],
    page_times: NamedDependency[PageTimes],
) -> Response[str]:
    """Three objectives with what was measured. None of them counts as met or missed before there is something to tell by."""
    arrivals = await service.arrivals(seller_id)
    survival = await service.survival(seller_id, service.silent_since(settings.lease_s))
    pace = page_times.lately()
    return page(
        request,
        whole="status/show.html",
        arrivals=arrivals,
        arrived=None if arrivals.most is None else arrivals.most <= ARRIVE_WITHIN,
        half=spelt(arrivals.half),
        most=spelt(arrivals.most),
        pace=pace,
        page_ms=None if pace.most_s is None else round(pace.most_s * 1000),
        paced=None if pace.most_s is None else pace.most_s <= PAGE_WITHIN_S,
        survival=survival,
        lost_after=spelt(timedelta(seconds=service.LOST_AFTER_LEASES * settings.lease_s)),
    )


def spelt(length: timedelta | None) -> str:
    """`40 s`, `12 min`, `3 h 5 min`, `2 days 4 h`; a dash for nothing."""
    if length is None:
        return "–"
    seconds = round(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} days {minutes % 1440 // 60} h"


ROUTES = (show,)
