"""What a person sees when something does not work: a page, or for htmx a few lines that land in `#problem`."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException, PermissionDeniedException
from litestar.response import Redirect

from portal import logs
from portal.errors import BadInput, PortalError
from portal.web.pages import is_htmx, page
from portal.web.security import CSRF_COOKIE, safe_next

log = structlog.get_logger(__name__)

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CSRF_DETAIL = "CSRF token verification failed"


def _(sentence: str) -> str:
    """Marks a sentence for the catalogues; the template translates it."""
    return sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """What stopped, why, and what to do now. `href` empty means the page the person was on."""

    status: int
    headline: str
    body: str
    label: str = _("Load page again")
    href: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    tone: str = "bad"


NOT_FOUND = Mishap(
    status=404,
    headline=_("This page does not exist"),
    body=_("The address may have a mistake, or what was here has been removed."),
    label=_("Go to Home"),
    href="/home",
    tone="neutral",
)
NOT_ALLOWED = Mishap(
    status=403,
    headline=_("Your role does not include this"),
    body=_("Ask the owner of this workspace for access."),
    label=_("Go to Home"),
    href="/home",
    tone="warn",
)
STALE_FORM = Mishap(
    status=403,
    headline=_("This page was open for too long"),
    body=_("Nothing was sent. Load the page again, then repeat your last step."),
    tone="warn",
)
WRONG_METHOD = Mishap(
    status=405,
    headline=_("This address takes no such request"),
    body=_("You may have opened the address of a button. Go back and press the button instead."),
    label=_("Go to Home"),
    href="/home",
    tone="neutral",
)
TOO_LARGE = Mishap(
    status=413,
    headline=_("This is too large"),
    body=_("Nothing was saved. Send a smaller file, or paste less text at once."),
)
UNREADABLE = Mishap(
    status=400,
    headline=_("We cannot read this request"),
    body=_("Something in the address or the form has a shape we do not know. Nothing was changed."),
)
OUR_FAULT = Mishap(
    status=500,
    headline=_("Something failed on our side"),
    body=_("Your data is safe. Try again in a minute; our team can find what happened with the id below."),
    label=_("Try again"),
)
BY_STATUS = {mishap.status: mishap for mishap in (NOT_FOUND, NOT_ALLOWED, WRONG_METHOD, TOO_LARGE, UNREADABLE)}
HEADLINES = {
    403: _("You cannot do this"),
    404: _("We cannot find this"),
    409: _("This has changed in the meantime"),
    422: _("There is a problem"),
    429: _("That was too often"),
    503: _("This is not available right now"),
}


def diagnostic_id(prefix: str = "ERR") -> str:
    """A new id a seller can read out on the phone, such as `ERR-8F3K-2Q7M`: Crockford's base32, without I, L, O and U."""
    letters = "".join(secrets.choice(CROCKFORD) for _ in range(8))
    return f"{prefix}-{letters[:4]}-{letters[4:]}"


def portal_error(request: Request[Any, Any, Any], error: PortalError) -> Response[Any]:
    """Our own errors bring their sentence and their status."""
    standard = OUR_FAULT if error.status >= 500 else BY_STATUS.get(error.status, UNREADABLE)
    mishap = Mishap(
        status=error.status,
        headline=HEADLINES.get(error.status, standard.headline),
        body=error.seller_message,
        label=standard.label,
        href=standard.href,
        fields=error.fields if isinstance(error, BadInput) else {},
        tone=standard.tone if error.status != 409 else "warn",
    )
    return _answer(request, mishap, error, code=error.code)


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """What Litestar itself refuses: no such page, no such method, not signed in, stale form, too large."""
    if isinstance(error, NotAuthorizedException):
        return to_sign_in(request)
    if isinstance(error, PermissionDeniedException) and error.detail == CSRF_DETAIL:
        response = _answer(request, STALE_FORM, error, code="stale_form")
        # A cookie signed with an older secret would refuse every form for as long as the browser keeps it.
        response.delete_cookie(CSRF_COOKIE)
        return response
    mishap = BY_STATUS.get(error.status_code, OUR_FAULT if error.status_code >= 500 else UNREADABLE)
    if error.status_code in HEADLINES and error.status_code not in BY_STATUS:
        mishap = replace(mishap, headline=HEADLINES[error.status_code])
    mishap = replace(mishap, status=error.status_code)
    return _answer(request, mishap, error, code=f"http_{error.status_code}", headers=error.headers)


def unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Everything nobody thought of: one page, no detail, an id that finds the traceback in the log."""
    return _answer(request, OUR_FAULT, error, code="unforeseen")


def to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """To the sign-in page and, once signed in, back to where the person was."""
    address = f"/sign-in?next={quote(page_behind(request), safe='/')}"
    if is_htmx(request):
        return Response("", status_code=401, media_type="text/html", headers={"HX-Redirect": address, "Cache-Control": "no-store"})
    return Redirect(address, status_code=303, headers={"Cache-Control": "no-store"})


HANDLERS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    PortalError: portal_error,
    HTTPException: http_error,
    Exception: unforeseen,
}


def _answer(
    request: Request[Any, Any, Any], mishap: Mishap, error: Exception, *, code: str, headers: Mapping[str, str] | None = None
) -> Response[Any]:
    found_by = diagnostic_id()
    _write_down(request, mishap, error, code=code, found_by=found_by)
    return page(
        request,
        whole="mishaps/show.html",
        part="mishaps/_problem.html",
        status=mishap.status,
        secure=True,
        headers=headers,
        mishap=mishap,
        again=mishap.href or page_behind(request),
        diagnostic_id=found_by,
    )


def _write_down(request: Request[Any, Any, Any], mishap: Mishap, error: Exception, *, code: str, found_by: str) -> None:
    # The path only: a query may carry a one-time code.
    facts = {"id": found_by, "code": code, "status": mishap.status, "method": request.method, "path": request.url.path}
    if mishap.status >= 500:
        log.error("mishap", **facts, trace=logs.trace(error))
    else:
        log.info("mishap", **facts, detail=str(error) if isinstance(error, PortalError) else "")


def page_behind(request: Request[Any, Any, Any]) -> str:
    """The page the person is looking at, as a path of ours.

    A part and a POST have no page of their own: there it is the one that sent the request.
    """
    if request.method == "GET" and not is_htmx(request):
        query = request.url.query
        return safe_next(f"{request.url.path}?{query}" if query else request.url.path)
    came_from = urlsplit(request.headers.get("hx-current-url") or request.headers.get("referer") or "")
    if came_from.netloc and came_from.netloc != request.headers.get("host"):
        return "/home"
    return safe_next(f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path)
