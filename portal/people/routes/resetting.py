"""Getting back in: a link by mail to choose a new password, and what to do when something was not you."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody

from portal.errors import BadInput, PortalError
from portal.mail import LINKS
from portal.people.guarding import signed_in
from portal.people.permissions import Permission, needs
from portal.people.routes.browsers import Form, Web, visit_of
from portal.people.service import TooManyTries, resetting
from portal.people.service.resetting import LinkSpent
from portal.vault import Vault
from portal.web.pages import go, page

ANYONE = needs(Permission.ANYONE)
UNTOLD = {"Referrer-Policy": "no-referrer"}
"""For pages whose address opens something."""


@get("/forgot-password", opt=ANYONE)
async def forgot_form(request: Web) -> Response[Any]:
    return _forgot_page(request)


@post("/forgot-password", opt=ANYONE)
async def forgot(request: Web, data: URLEncodedBody[Form], vault: NamedDependency[Vault]) -> Response[Any]:
    """The same answer whether or not somebody has this e-mail address, after the same time: the mail is written after it is sent."""
    email = data.get("email", "")
    try:
        await resetting.knock(visit_of(request, email, vault))
    except TooManyTries as error:
        return _forgot_page(request, error)
    answer = page(request, whole="people/forgotten.html", secure=True)
    answer.background = BackgroundTask(resetting.send_reset, email)
    return answer


@get("/reset-password/{reset_id:uuid}", opt=ANYONE)
async def reset_form(request: Web, reset_id: FromPath[UUID], vault: NamedDependency[Vault]) -> Response[Any]:
    """A field for the new password, when the link still works."""
    given = request.query_params.get("t", "")
    try:
        await resetting.check_link(reset_id, given, vault.derived(LINKS))
    except LinkSpent as error:
        return _spent_page(request, error)
    return _reset_page(request, reset_id, given)


@post("/reset-password/{reset_id:uuid}", opt=ANYONE)
async def reset(request: Web, reset_id: FromPath[UUID], data: URLEncodedBody[Form], vault: NamedDependency[Vault]) -> Response[Any]:
    """Every browser of this person is signed out; they sign in with the new password."""
    given = data.get("t", "")
    try:
        await resetting.reset(reset_id, given, vault.derived(LINKS), data.get("password", ""), visit=visit_of(request, "", vault))
    except LinkSpent as error:
        return _spent_page(request, error)
    except BadInput as error:
        return _reset_page(request, reset_id, given, error)
    return go("/sign-in", notice="Your password is changed. Sign in with it.")


@get("/secure-account", opt=ANYONE)
async def secure_account(request: Web) -> Response[Any]:
    """Where the mails about changes lead whoever did not make them."""
    return page(request, whole="people/secure_account.html", inside=signed_in(request))


def _forgot_page(request: Web, error: PortalError | None = None) -> Response[str]:
    return page(
        request,
        whole="people/forgot.html",
        secure=True,
        status=error.status if error else 200,
        message=error.seller_message if error else "",
    )


def _reset_page(request: Web, reset_id: UUID, given: str, error: BadInput | None = None) -> Response[str]:
    return page(
        request,
        whole="people/reset.html",
        secure=True,
        headers=UNTOLD,
        status=error.status if error else 200,
        reset_id=reset_id,
        given=given,
        errors=error.fields if error else {},
    )


def _spent_page(request: Web, error: LinkSpent) -> Response[str]:
    return page(
        request,
        whole="people/link_spent.html",
        secure=True,
        status=error.status,
        message=error.seller_message,
        forgotten=True,
    )


HANDLERS = (forgot_form, forgot, reset_form, reset, secure_account)
