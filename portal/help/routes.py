"""Answers to what sellers ask, readable before anybody has signed in."""

from typing import Any

from litestar import Request, Response, get

from portal.marketplaces.registry import MARKETPLACES
from portal.people.permissions import Permission, needs
from portal.web.pages import page


@get("/help", opt=needs(Permission.ANYONE))
async def show(request: Request[Any, Any, Any]) -> Response[str]:
    """One page with every answer; each has an address of its own."""
    return page(request, whole="help/show.html", marketplaces=[place.name for place in MARKETPLACES if place.open])


ROUTES = (show,)
