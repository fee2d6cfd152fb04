"""The button that changes the language, on every page, for whoever presses it."""

from litestar import post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from portal import language
from portal.errors import BadInput
from portal.people import service
from portal.people.permissions import Permission, needs
from portal.people.routes.browsers import Form, Web
from portal.people.service import Viewer
from portal.settings import Settings
from portal.web import speaking
from portal.web.pages import go
from portal.web.security import safe_next


@post("/language", opt=needs(Permission.ANYONE))
async def choose(request: Web, data: URLEncodedBody[Form], settings: NamedDependency[Settings]) -> Redirect:
    """Back to the same page in the language chosen: kept in this browser, and with the person who is signed in."""
    code = data.get("language", "")
    if code not in language.LANGUAGES:
        raise BadInput("We do not have this language.")
    viewer = request.state.get("viewer")
    if isinstance(viewer, Viewer):
        await service.choose_language(viewer, code)
    back = go(safe_next(data.get("next", "")))
    back.cookies.append(speaking.cookie(code, settings))
    return back


HANDLERS = (choose,)
