"""The web application: which features there are, what their routes may ask for, and what every request passes through."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import ClientException
from litestar.types import ControllerRouterHandler

import portal
from portal import db, files, health
from portal.accounts import routes as accounts
from portal.connecting import routes as connecting
from portal.documents import routes as documents
from portal.errors import Misconfigured
from portal.exports import routes as exports
from portal.figures import Figures
from portal.health import WorkerWatch
from portal.help import routes as help_pages
from portal.home import routes as home
from portal.inventory import routes as inventory
from portal.invoicing import routes as invoicing
from portal.jobs import UPKEEP, Jobs, Queues, queue_name
from portal.language import mark
from portal.listings import routes as listings
from portal.marketplaces.circuits import OutageWatch
from portal.marketplaces.registry import CODES
from portal.notices import routes as notices
from portal.nudges import Ears
from portal.orders import invoice_routes as invoices
from portal.orders import routes as orders
from portal.payouts import routes as payouts
from portal.payouts import sweeping
from portal.people import guarding
from portal.people import routes as people
from portal.people.permissions import Permission
from portal.people.service import Viewer
from portal.processing import routes as processing
from portal.processing.prints import routes as prints
from portal.processing.reports import routes as run_reports
from portal.returns import routes as returns
from portal.runs import routes as runs
from portal.runs.feeds import Feeds
from portal.scheduling import routes as scheduling
from portal.settings import Settings
from portal.status import routes as status
from portal.status.page_times import PageTimes
from portal.support import routes as support
from portal.traffic import Traffic
from portal.trail import routes as trail
from portal.vault import Vault
from portal.web import mishaps, packing, security, speaking
from portal.web.pages import Place
from portal.web.shell import WebShell

TOP = Path(__file__).resolve().parent.parent

# A feature is one line here, and one in PLACES when it has a page in the navigation.
HANDLERS: tuple[ControllerRouterHandler, ...] = (
    *health.HANDLERS,
    *people.HANDLERS,
    *notices.ROUTES,
    *help_pages.ROUTES,
    *home.ROUTES,
    orders.ROUTES,
    invoices.ROUTES,
    returns.ROUTES,
    payouts.ROUTES,
    listings.ROUTES,
    inventory.ROUTES,
    *runs.ROUTES,
    *documents.ROUTES,
    *invoicing.ROUTES,
    *accounts.ROUTES,
    *scheduling.ROUTES,
    *processing.ROUTES,
    *prints.ROUTES,
    *run_reports.ROUTES,
    *connecting.ROUTES,
    *status.ROUTES,
    *trail.ROUTES,
    *support.ROUTES,
    *exports.ROUTES,
)


class Entry(NamedTuple):
    """A place of the navigation and what it takes to see it there."""

    place: Place
    permission: Permission


PLACES: tuple[Entry, ...] = (
    Entry(Place("/home", mark("Home"), "home"), Permission.READ),
    Entry(Place("/orders", mark("Orders"), "box"), Permission.READ),
    Entry(Place("/accounts", mark("Accounts"), "plug"), Permission.READ),
    Entry(Place("/syncs", mark("Sync history"), "sync"), Permission.READ),
    Entry(Place("/batches", mark("Batches")), Permission.READ),
    Entry(Place("/returns", mark("Returns")), Permission.READ),
    Entry(Place("/payouts", mark("Payouts")), Permission.SEE_MONEY),
    Entry(Place("/listings", mark("Listings")), Permission.READ),
    Entry(Place("/inventory", mark("Inventory")), Permission.READ),
    Entry(Place("/settings/profile", mark("Settings")), Permission.SELF),
    Entry(Place("/status", mark("Status")), Permission.READ),
)


def create_app(
    settings: Settings,
    *,
    vault: Vault,
    jobs: Jobs | None = None,
    handlers: Sequence[ControllerRouterHandler] = HANDLERS,
) -> Litestar:
    """The application, not yet connected to anything: its lifespan opens database, queue and ears, and closes them.

    `settings.database_url` is the address of the web's own login. `jobs` replaces the real enqueuing; `handlers` the features served.
    """
    figures = Figures(settings)
    traffic = Traffic(figures.registry)
    shell = WebShell(
        settings,
        templates=TOP / "templates",
        static=TOP / "static",
        csrf_secret=vault.derived("csrf") or secrets.token_hex(32),
        places=(),
        version=portal.__version__,
        # Probes and Prometheus call this machine by its own names, whatever sellers type.
        extra_hosts=("localhost", "127.0.0.1", "::1"),
    )

    async def around(viewer: Viewer) -> dict[str, object]:
        places = tuple(entry.place for entry in PLACES if viewer.may(entry.permission))
        banner = await accounts.banner(viewer.seller_id, may_connect=viewer.may(Permission.CONNECT))
        return {
            "places": places,
            "banner": banner,
            "worker_silent_since": await app.state["worker_watch"].silent_since(),
            "outages": [accounts.outage_told(one) for one in await app.state["outage_watch"].of(viewer.seller_id)],
        }

    recognise = guarding.Recognise(around)
    app = Litestar(
        route_handlers=handlers,
        plugins=[shell],
        middleware=[recognise],
        after_exception=[recognise.lost],
        guards=[guarding.permitted],
        dependencies=_dependencies(settings=settings, vault=vault, figures=figures, page_times=traffic.page_times),
        exception_handlers={
            **dict.fromkeys((*db.LOST_CONNECTION, ConnectionError), _database_gone),
            guarding.ReauthNeeded: guarding.to_reauthenticate,
            asyncpg.CharacterNotInRepertoireError: _unreadable,
        },
        lifespan=[_connected],
        request_max_body_size=security.BODY_LIMIT,
        state=State({"settings": settings, "jobs": jobs}),
        openapi_config=None,
        logging_config=None,
    )
    app.asgi_handler = traffic.around(speaking.understood(packing.packed(app.asgi_handler)))
    return app


def _dependencies(*, settings: Settings, vault: Vault, figures: Figures, page_times: PageTimes) -> dict[str, Provide]:
    """What routes may ask for by name, as `NamedDependency[...]`: settings, vault, viewer, seller_id, jobs, ears, feeds, queues."""

    def provide_settings() -> Settings:
        return settings

    def provide_vault() -> Vault:
        return vault

    def provide_figures() -> Figures:
        return figures

    def provide_page_times() -> PageTimes:
        return page_times

    def provide_jobs(state: State) -> Jobs:
        return state["jobs"]  # type: ignore[no-any-return]

    def provide_ears(state: State) -> Ears:
        return state["ears"]  # type: ignore[no-any-return]

    def provide_feeds(state: State) -> Feeds:
        return state["feeds"]  # type: ignore[no-any-return]

    def provide_queues(state: State) -> Queues:
        return state["queues"]  # type: ignore[no-any-return]

    found: dict[str, Callable[..., Any]] = {
        "settings": provide_settings,
        "vault": provide_vault,
        "figures": provide_figures,
        "page_times": provide_page_times,
        "jobs": provide_jobs,
        "ears": provide_ears,
        "feeds": provide_feeds,
        "queues": provide_queues,
        "viewer": guarding.provide_viewer,
        "seller_id": guarding.provide_seller_id,
    }
    # A page of one feature may show what another one holds; only this module knows both.
    return {name: Provide(dependency, sync_to_thread=False) for name, dependency in found.items()} | {
        "unfinished": Provide(connecting.unfinished)
    }


@asynccontextmanager
async def _connected(app: Litestar) -> AsyncIterator[None]:
    settings: Settings = app.state["settings"]
    if settings.database_url is None:
        raise Misconfigured("The web has no database.", hint="Set PORTAL_DATABASE_URL, or start everything with `python -m portal up`.")
    await files.check(settings)
    app.state["worker_watch"], app.state["outage_watch"] = WorkerWatch(), OutageWatch()
    async with AsyncExitStack() as opened:
        # A test may have opened the pool already, and closes it itself.
        if not db.is_open():
            await db.connect(settings.database_url, name="portal-web")
            opened.push_async_callback(db.disconnect)
        names = (UPKEEP, *(queue_name(code) for code in CODES))
        queues = await opened.enter_async_context(Queues(names, database_url=settings.database_url, queue_url=settings.queue_url))
        app.state["queues"] = queues
        app.state["jobs"] = app.state["jobs"] or Jobs(queues)
        ears = await opened.enter_async_context(Ears(settings.database_url))
        app.state["ears"] = ears
        app.state["feeds"] = await opened.enter_async_context(
            Feeds(ears, most=settings.streams, most_per_person=settings.streams_per_person)
        )
        await opened.enter_async_context(sweeping.swept(settings.data_dir))
        yield


def _unreadable(request: Request[Any, Any, State], _: Exception) -> Any:
    """A letter that the database holds in no text (the zero byte) came with the request, in whatever field or address."""
    return mishaps.http_error(request, ClientException("a zero byte in the request"))


def _database_gone(request: Request[Any, Any, State], error: Exception) -> Any:
    """The same page whether the database was away when we asked or went while we did."""
    gone = db.DatabaseUnavailable("The database does not answer. Your data is safe. Try again in a minute.", detail=type(error).__name__)
    gone.__cause__ = error
    return mishaps.portal_error(request, gone)
