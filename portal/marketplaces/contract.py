"""What a marketplace has to bring, and what it gets: manifest, context, page."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar
from uuid import UUID

import msgspec

from portal.marketplaces.facts import InvoiceAsked, InvoicesMade, ListingFact, PayoutFact, UnreadableRow
from portal.marketplaces.methods import Method
from portal.marketplaces.proving import FirstProof
from portal.marketplaces.stages import Stage

if TYPE_CHECKING:
    from litestar import Litestar

    from portal.marketplaces.adapter import MarketplaceAdapter
    from portal.marketplaces.handoff import Handoff
    from portal.marketplaces.http import Outside
    from portal.marketplaces.sandbox import Shop
    from portal.tables.accounts import AccountDetails

Fact = TypeVar("Fact")


QUARTER_HOUR = 15


class ScheduleTarget(StrEnum):
    """What a run works on. The names are fixed; pages translate them."""

    ORDERS = "ORDERS"
    RETURNS = "RETURNS"
    PAYOUTS = "PAYOUTS"
    LISTINGS = "LISTINGS"
    INVENTORY = "INVENTORY"
    FULL_PROCESSING = "FULL_PROCESSING"


class Page(msgspec.Struct, Generic[Fact], frozen=True, kw_only=True):
    """One step of a run: facts that are kept together, with where to go on after them.

    `cursor` is whatever the adapter needs to continue after this page in another process (None: this was the last page).
    `watermark` comes with the last page: what the next run of this target gets as `since`.
    `total` is the number of facts the whole run will bring, as far as the marketplace tells.
    `readable` are ids that `reread` was asked for and that this page brings, where a fact goes by another name than its row did.
    `cut` says why the marketplace or a limit ended the run before its end; then the run is partial. A retry goes on at this page's
    cursor, or reads the whole window again when it has none.
    """

    facts: tuple[Fact, ...]
    cursor: str | None
    watermark: str | None = None
    total: int | None = None
    set_aside: tuple[UnreadableRow, ...] = ()
    readable: tuple[str, ...] = ()
    cut: str = ""


class Invoicing(StrEnum):
    """Who makes out the tax invoice of an order."""

    SELLER = "seller"
    """The seller to the buyer."""
    MARKETPLACE = "marketplace"
    """The marketplace in the seller's name; the seller's own is only for orders that came without one."""
    VENDOR = "vendor"
    """The seller to the marketplace, which buys each order and sells it on. A stage asks for it; see SyncContext.issue_invoices."""


class Fulfilment(StrEnum):
    """Whose stock an order goes out from, and who brings it."""

    THEIR_STOCK = "their_stock"
    """From the marketplace's own warehouse, by the marketplace."""
    THEIR_COURIER = "their_courier"
    """From the seller, by the marketplace's courier."""
    OWN_COURIER = "own_courier"
    """From the seller, by his own courier."""
    OWN_STOCK = "own_stock"
    """From the seller; the word does not tell by whom."""


class Check(StrEnum):
    """The four lines a seller sees while keys are tested, in this order."""

    REACHED = "reached"
    ACCEPTED = "accepted"
    PERMISSIONS = "permissions"
    SHOP = "shop"


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """Whether these keys may do one kind of work. `allowed` None: not tried. `proof` is a sentence such as "Read order 403-1"."""

    target: ScheduleTarget
    allowed: bool | None
    message: str = ""
    proof: str = ""


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place that a shop ships from, as the marketplace knows it. `name` is empty where it has none."""

    id: str
    name: str = ""


class FoundShop(msgspec.Struct, frozen=True, kw_only=True):
    """One of several shops that the same keys open. `id` is what an account of it is known by; `name` is empty where it has none."""

    id: str
    name: str = ""


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """What a live check found: the shop these keys belong to, and what they open."""

    external_account_id: str
    seller_name: str
    permissions: tuple[Permission, ...] = ()
    expires_at: datetime | None = None
    """When the seller himself must act; None where nothing is published or we renew it ourselves."""
    note: str = ""
    locations: tuple[Location, ...] = ()
    """Where the shop ships from, as far as the check met it; empty where the marketplace tells none."""
    first_proof: FirstProof | None = None
    """What was read on the way, to be shown to somebody who connects; None where a marketplace brings nothing to show."""
    shops: tuple[FoundShop, ...] = ()
    """The shops to choose from, where the keys open several and the account names none of them. Then nothing else was tried, and
    `external_account_id` is empty; a check of an account that names one of them finds that one."""


class AccountRef(msgspec.Struct, frozen=True, kw_only=True):
    """The account an adapter works for, free of tables.

    `external_account_id` is empty while a new account is being tested, unless its seller has chosen one of several shops.
    `ships_from` is the id of the location that stock goes to, where a shop has several and its seller has chosen one.
    """

    id: UUID
    seller_id: UUID
    code: str
    external_account_id: str
    name: str
    ships_from: str = ""


async def _nothing_open() -> Sequence[str]:
    return ()


async def _nobody_reads(_: str) -> None:
    return None


async def _nobody_ships(_: Sequence[Location]) -> None:
    return None


async def nobody_watches(_: Check) -> None:
    return None


async def nobody_counts(_: Permission) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncContext:
    """What one run gives its adapter.

    `since` is the watermark of the last complete run of this target (None: first run, read `first_days` back).
    `cursor` continues an interrupted run; it is what the adapter's own last page carried.
    `until` ends a backfill; None means up to now. `first_day` begins one.
    `known_open` brings external ids of orders we hold that are not finished, for marketplaces without a change filter.
    `issue_invoices` makes out the seller's own invoices in his own numbers; None where he has not settled how, or the marketplace
    does not buy.
    `met` tells locations of the shop that turned up on the way, for marketplaces without a list of them.
    `note` adds a line to the run's log, in words for the seller. `checked` ticks one line of a live test, `tried` tells one kind of
    data as soon as it was tried.
    """

    account: AccountRef
    now: datetime
    since: str | None = None
    cursor: str | None = None
    first_days: int = 30
    first_day: datetime | None = None
    until: datetime | None = None
    known_open: Callable[[], Awaitable[Sequence[str]]] = _nothing_open
    met: Callable[[Sequence[Location]], Awaitable[None]] = _nobody_ships
    note: Callable[[str], Awaitable[None]] = _nobody_reads
    checked: Callable[[Check], Awaitable[None]] = nobody_watches
    tried: Callable[[Permission], Awaitable[None]] = nobody_counts
    issue_invoices: Callable[[Sequence[InvoiceAsked]], Awaitable[InvoicesMade]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marketplace:
    """The manifest: all the rest of the portal ever knows about a marketplace.

    `slug` names it in addresses (`/oauth/{slug}/start`), `ring` its key ring and its database role (`portal_{slug}`).
    `source` says which edition of which documentation the folder follows. `method_column` is where the satellite keeps the
    method's code. `usual_total_s` bounds the quick live test.
    """

    code: str
    name: str
    slug: str
    source: str
    status: str = "live"
    country: str = "IN"
    currency: str = "INR"
    supported_targets: frozenset[ScheduleTarget] = frozenset()
    stages: tuple[Stage, ...] = ()
    """What full processing goes through, in order; empty where it is not supported."""
    fulfilments: Mapping[str, Fulfilment] = field(default_factory=dict, hash=False)
    """What the marketplace's own words for it mean, as they stand in `OrderFact.fulfilment`."""
    invoicing: Invoicing = Invoicing.SELLER
    invoicing_hint: str = ""
    """What a seller has to mind when he settles how his invoices are made out, one sentence."""
    rereads: frozenset[ScheduleTarget] = frozenset()
    """Targets whose single rows can be read again by id, with any of its methods; see Rereading."""
    methods: tuple[Method, ...] = ()
    method_column: str = "method"
    hosts: tuple[str, ...] = ()
    """Hosts its client calls, each with all below it. Nobody else is called, but for those that the operator's settings name."""
    details: "type[AccountDetails] | None" = None
    open: "Callable[[Outside, AccountRef, Any], AbstractAsyncContextManager[MarketplaceAdapter]] | None" = None
    demo_locations: int = 1
    """How many places the demonstration's shop sells or ships from; with several, its setup asks which."""
    sandbox: "Callable[[Shop], Litestar] | None" = None
    sandbox_keys: "Callable[[Shop], dict[str, str]] | None" = None
    sandbox_settings: "Callable[[str], Mapping[str, str]] | None" = None
    """Given the sandbox's base address, the PORTAL_* settings that point this marketplace there."""
    handoff: "Handoff | None" = None
    """How sellers are sent away to press Allow; None where no method does that."""
    least_minutes: Mapping[ScheduleTarget, int] = field(default_factory=dict)
    """How many minutes apart scheduled syncs of a target may be at the least, where that is more than a quarter of an hour."""
    lists_locations: bool = True
    """Whether it tells all locations of a shop at once. Else those are known that were met so far, and one that is not met again stays."""
    identity_name: str = "shop id"
    prepare: tuple[str, ...] = ()
    """Step 2 of the wizard: what the seller should have at hand, one sentence each."""
    request_message: str = ""
    """What a seller can send to the marketplace's contact person to ask for the keys; empty where keys are self-service."""
    read_payout_file: "Callable[[str, BinaryIO], Iterator[PayoutFact | UnreadableRow]] | None" = None
    """Given a file's name and its open bytes, its settlements, in parts if that is easier, and the rows it could not read, whose
    `external_id` says which ("row 17"). Lazy, and run in a thread. Raises BadInput for a file that is not one of theirs."""
    payout_file_hint: str = ""
    """Where the seller finds that file, one sentence."""
    read_listing_file: "Callable[[str, BinaryIO], Iterator[ListingFact | UnreadableRow]] | None" = None
    """Likewise for listings, where they come by file."""
    listing_file_hint: str = ""

    def least_interval(self, target: ScheduleTarget) -> int:
        """The shortest time between scheduled syncs of this target, in minutes."""
        return self.least_minutes.get(target, QUARTER_HOUR)

    @property
    def role(self) -> str:
        """The database role that alone may read the satellite's sealed columns."""
        return f"portal_{self.slug}"

    def method(self, code: str | None = None) -> Method:
        """The method with this code; the first one when none is named. KeyError for an unknown one."""
        if code is None:
            return self.methods[0]
        return {one.code: one for one in self.methods}[code]

    def opened_by(self, method: Method) -> frozenset[ScheduleTarget]:
        """The kinds of work that can be done for an account which was connected in this way."""
        return self.supported_targets - method.closed.keys()

    def method_of(self, values: Mapping[str, object]) -> Method:
        """The method that a key file means: by its method column, else the first."""
        named = values.get(self.method_column)
        return self.method(str(named) if named else None)


def later(module: str, function: str) -> Callable[..., Any]:
    """A function that is imported when it is first called: a sandbox brings a web framework that no worker and no command needs."""

    def call(*arguments: Any) -> Any:
        return getattr(import_module(module), function)(*arguments)

    return call


def mask(identifier: str) -> str:
    """An id for the page: enough to recognise, not enough to copy. `DV****21`."""
    if len(identifier) <= 4:
        return identifier
    return f"{identifier[:2]}****{identifier[-2:]}"
