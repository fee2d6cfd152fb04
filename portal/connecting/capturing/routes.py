"""The page beside the extension, the extension itself, and the one address it sends to."""

from typing import Any
from uuid import UUID

import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.connecting.capturing import moving, pairing, receiving
from portal.errors import NotFound, PortalError
from portal.jobs import Jobs
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard, WizardState
from portal.vault import Vault
from portal.web.pages import SECRET, go, page, part
from portal.web.security import FROM_ANYWHERE

log = structlog.get_logger(__name__)

SECURE = needs(Permission.CONNECT)
FOR_THE_EXTENSION = {"Access-Control-Allow-Origin": "*", "Cache-Control": SECRET}
"""Its answer is a sentence without anything of the seller's in it, so whoever sent the message may read it."""


def address_of(place: Marketplace) -> str:
    """Where a marketplace's extension sends to."""
    return f"/connect/{place.slug}/capture"


@get("/connect/{wizard_id:uuid}/capture", opt=SECURE)
async def show_capture(
    wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]
) -> Response[str] | Redirect:
    """What the extension reads, how to get it, and the button that shows a pairing code."""
    wizard = await service.get(seller_id, wizard_id)
    return _over(wizard) or await _page(request, wizard, settings)


@post("/connect/{wizard_id:uuid}/capture", opt=SECURE, status_code=200)
async def show_code(
    wizard_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
) -> Response[str] | Redirect:
    """The same page with a fresh pairing code on it. No redirect: the code is kept nowhere it could be shown from again."""
    wizard = await service.get(seller_id, wizard_id)
    if over := _over(wizard):
        return over
    form = await request.form()
    if not form.get("agreed"):
        return await _page(
            request, wizard, settings, status=422, errors={"agreed": "Tick the box if you agree; without it nothing is captured."}
        )
    code = await pairing.pair(seller_id, wizard_id, marketplace(wizard.marketplace_code), vault=vault)
    return await _page(request, wizard, settings, code=code)


def _over(wizard: ConnectWizard) -> Redirect | None:
    """To the page that says what became of a setup, where it is over; None while it is open."""
    return None if wizard.state == WizardState.OPEN and not service.timed_out(wizard) else go(f"/connect/{wizard.id}")


async def _page(
    request: Request[Any, Any, Any],
    wizard: ConnectWizard,
    settings: Settings,
    *,
    status: int = 200,
    code: str = "",
    errors: dict[str, str] | None = None,
) -> Response[str]:
    place = marketplace(wizard.marketplace_code)
    method = pairing.captured_by(place)
    assert method.capturing is not None
    return page(
        request,
        whole="connecting/capture.html",
        status=status,
        secure=True,
        packed=not code,
        wizard=wizard,
        place=place,
        capturing=method.capturing,
        panel=method.capturing.panel(settings.of(place.code)),
        standing=await pairing.standing(wizard),
        code=code,
        mails=_mails(settings),
        errors=errors or {},
    )


@post("/connect/{wizard_id:uuid}/capture/link", opt=SECURE)
async def send_link(
    wizard_id: FromPath[UUID], viewer: NamedDependency[Viewer], settings: NamedDependency[Settings], vault: NamedDependency[Vault]
) -> Redirect:
    """A link to this page by mail, for whoever began on a phone. NotFound where no mail goes out."""
    if not _mails(settings):
        raise NotFound("mail")
    await moving.send_link(viewer, wizard_id, vault=vault)
    return go(f"/connect/{wizard_id}/capture", notice=f"Sent to {viewer.email}. Open the link on your computer within 30 minutes.")


@get("/connect/{wizard_id:uuid}/computer/{ticket:uuid}", opt=SECURE)
async def follow_link(
    wizard_id: FromPath[UUID],
    ticket: FromPath[UUID],
    request: Request[Any, Any, Any],
    seller_id: NamedDependency[UUID],
    vault: NamedDependency[Vault],
) -> Redirect:
    """The link of that mail, followed: to the page beside the extension, or a sentence about why not."""
    await service.get(seller_id, wizard_id)
    if await moving.arrived(seller_id, wizard_id, ticket, request.query_params.get("t", ""), vault=vault):
        return go(f"/connect/{wizard_id}/capture")
    return go("/accounts", notice="This link worked once, for 30 minutes. Go on with your setup from here.", tone="info")


def _mails(settings: Settings) -> bool:
    return settings.mails_go_out or settings.shows_mails


@get("/p/connect/{wizard_id:uuid}/capture", opt=SECURE)
async def capture_part(wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[Any]:
    """Whether a session has come in, asked for every two seconds while one is awaited."""
    wizard = await service.get(seller_id, wizard_id)
    return part(
        request,
        "connecting/_capture.html",
        instead=f"/connect/{wizard_id}/capture",
        secure=True,
        wizard=wizard,
        standing=await pairing.standing(wizard),
    )


@get("/connect/{wizard_id:uuid}/extension.zip", opt=SECURE)
async def extension(wizard_id: FromPath[UUID], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]) -> Response[bytes]:
    """The extension, made for this portal: it sends to no other."""
    place = marketplace((await service.get(seller_id, wizard_id)).marketplace_code)
    capturing = pairing.captured_by(place).capturing
    assert capturing is not None
    packed = capturing.pack(settings.of(place.code), settings.public_url, f"{settings.public_url}{address_of(place)}")
    headers = {"Content-Disposition": f'attachment; filename="{place.slug}-extension.zip"', "Cache-Control": SECRET}
    return Response(packed, media_type="application/zip", headers=headers)


def _receiver(place: Marketplace, most_bytes: int) -> HTTPRouteHandler:
    """The address of one marketplace's extension. No cookie and no CSRF token guard it: the pairing code does."""

    # A little more than a message may have, so that one too large gets its sentence.
    @post(address_of(place), opt={**needs(Permission.ANYONE), FROM_ANYWHERE: True}, request_max_body_size=2 * most_bytes, status_code=200)
    async def receive(
        request: Request[Any, Any, Any],
        settings: NamedDependency[Settings],
        vault: NamedDependency[Vault],
        jobs: NamedDependency[Jobs],
    ) -> Response[dict[str, str]]:
        if request.headers.get("origin", "").startswith("http"):
            return _answer("not_from_a_page", "Only the extension sends to this address, no web page.", 403)
        address = request.client.host if request.client else ""
        try:
            body = await request.body()
            await receiving.receive(place, body, address=address, settings=settings, vault=vault, jobs=jobs)
        except ClientException as error:
            return _answer("too_large", "The message is far larger than a session. Capture it again.", error.status_code)
        except PortalError as error:
            log.info("capture_refused", marketplace=place.code, code=error.code)
            return _answer(error.code, error.seller_message, error.status)
        return _answer("received", "Received. Go back to the portal's page; it tests the session now.", 200)

    return receive


def _answer(code: str, message: str, status: int) -> Response[dict[str, str]]:
    return Response({"code": code, "message": message}, status_code=status, headers=FOR_THE_EXTENSION)


ROUTES = (
    show_capture,
    show_code,
    send_link,
    follow_link,
    capture_part,
    extension,
    *(_receiver(place, one.capturing.most_bytes) for place in MARKETPLACES for one in place.methods if one.capturing is not None),
)
