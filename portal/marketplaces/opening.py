"""Open an adapter in this process: what all conversations of one worker share, and how one begins."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx

from portal import clock
from portal.errors import NotFound
from portal.marketplaces.adapter import MarketplaceAdapter
from portal.marketplaces.budgets import SharedBudgets
from portal.marketplaces.circuits import SharedCircuits
from portal.marketplaces.contract import AccountRef, Check, Marketplace, Permission, SyncContext, Validation, nobody_counts, nobody_watches
from portal.marketplaces.dialling import hosts_of
from portal.marketplaces.errors import Unreachable
from portal.marketplaces.handoff import Granted
from portal.marketplaces.http import Call, Outside, Tokens, nobody_keeps, unobserved
from portal.marketplaces.tally import Tally
from portal.settings import Settings

CHECK_WITHIN_S = 30.0
"""How long a live check may take. Somebody is looking at it."""

EXCHANGE_WITHIN_S = 10.0
"""How long the exchange of a code may take; a live check follows within the same patience."""

CODE_LIFE = timedelta(minutes=5)
"""How long a marketplace's code for a permission lives."""


class Doorway:
    """Shared by every conversation of this process: settings and short-lived passes; with all other workers: budgets and circuits.

    `transport` is what calls go through instead of the network; tests listen there.
    """

    def __init__(self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._budgets = SharedBudgets()
        self._circuits = SharedCircuits()
        self._tokens = Tokens()
        self.tally = Tally()

    @asynccontextmanager
    async def opened(
        self,
        place: Marketplace,
        account: AccountRef,
        keys: Any,
        *,
        observe: Callable[[Call], Awaitable[None]] | None = None,
        keep: Callable[[Mapping[str, str]], Awaitable[None]] = nobody_keeps,
    ) -> AsyncIterator[MarketplaceAdapter]:
        """An adapter for one account; closing it closes its connections. NotFound for a marketplace that is not built yet.

        `keep` takes the parts of the keys that the marketplace replaces meanwhile.
        """
        if place.open is None:
            raise NotFound("marketplace")
        async with place.open(self._outside(place, account, observe, keep), account, keys) as adapter:
            yield adapter

    async def validated(
        self,
        place: Marketplace,
        account: AccountRef,
        keys: Any,
        *,
        checked: Callable[[Check], Awaitable[None]] = nobody_watches,
        tried: Callable[[Permission], Awaitable[None]] = nobody_counts,
        keep: Callable[[Mapping[str, str]], Awaitable[None]] = nobody_keeps,
    ) -> Validation:
        """What a live check of these keys finds. Raises the adapter's errors; Unreachable when it takes longer than CHECK_WITHIN_S."""
        try:
            async with asyncio.timeout(CHECK_WITHIN_S), self.opened(place, account, keys, keep=keep) as adapter:
                return await adapter.validate(SyncContext(account=account, now=clock.now(), checked=checked, tried=tried))
        except TimeoutError as error:
            raise Unreachable(place.name, reason="timeout") from error

    async def keys_for(self, place: Marketplace, account: AccountRef, granted: Granted) -> Any:
        """The keys for a code that the account's seller brought back. Raises what the folder's handoff raises; Unreachable after EXCHANGE_WITHIN_S."""
        if place.handoff is None:
            raise NotFound("way to connect")
        try:
            async with asyncio.timeout(EXCHANGE_WITHIN_S):
                return await place.handoff.keys_for(self._outside(place, account), granted)
        except TimeoutError as error:
            raise Unreachable(place.name, reason="timeout") from error

    def _outside(
        self,
        place: Marketplace,
        account: AccountRef,
        observe: Callable[[Call], Awaitable[None]] | None = None,
        keep: Callable[[Mapping[str, str]], Awaitable[None]] = nobody_keeps,
    ) -> Outside:
        async def observed(call: Call) -> None:
            self.tally.count(place.code, call)
            await (observe or unobserved)(call)

        settings = self._settings.of(place.code)
        return Outside(
            settings=settings,
            hosts=(*place.hosts, *hosts_of(settings)),
            budget=self._budgets.of(account),
            circuit=self._circuits.of(account),
            tokens=self._tokens,
            allow_private=self._settings.allow_private_marketplaces,
            observe=observed,
            keep=keep,
            transport=self._transport,
        )
