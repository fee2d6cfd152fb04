"""The first page of the day."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency

from portal.accounts import service as accounts
from portal.home import service
from portal.home.chart import bars
from portal.marketplaces.contract import ScheduleTarget
from portal.people.permissions import Permission, needs
from portal.runs import freshness, painting
from portal.runs import service as runs
from portal.web.pages import page


@get("/home", opt=needs(Permission.READ))
async def show(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], unfinished: NamedDependency[list[Any]]) -> Response[str]:
    """Today's figures, what needs attention, and the setups that wait to be continued."""
    today = await service.today(seller_id)
    broken = [account for account in await accounts.all_of(seller_id) if account.needs_reconnect]
    return page(
        request,
        whole="home/show.html",
        today=today,
        chart=bars([(day.day, day.orders) for day in today.days]),
        broken=broken,
        unfinished=unfinished,
        runs=await runs.history(seller_id, limit=5),
        painting=painting,
        problems=[one for one in await runs.problems(seller_id) if one.code != "keys_rejected"],
        freshness=await freshness.of_accounts(seller_id, ScheduleTarget.ORDERS),
    )


ROUTES = (show,)
