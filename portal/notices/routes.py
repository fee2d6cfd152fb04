"""The page that lists mails instead of sending them: in a demo on this machine only."""

from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency

from portal.errors import NotFound
from portal.mail import LINKS
from portal.outbox import service as outbox
from portal.people.permissions import Permission, needs
from portal.settings import Settings
from portal.vault import Vault
from portal.web.pages import page


@get("/outbox", opt=needs(Permission.ANYONE))
async def show(request: Request[Any, Any, State], settings: NamedDependency[Settings], vault: NamedDependency[Vault]) -> Response[Any]:
    """The newest mails of everybody, their links working. Anywhere but in such a demo there is no such page."""
    if not settings.shows_mails:
        raise NotFound
    return page(request, whole="notices/outbox.html", secure=True, mails=await outbox.latest(settings, vault.derived(LINKS)))


ROUTES = (show,)
