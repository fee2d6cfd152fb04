"""Open an adapter in this process: what all conversations of one worker share, and how one begins."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from portal import clock
from portal.errors import NotFound
from portal.marketplaces.budgets import SharedBudgets
from portal.marketplaces.circuits import SharedCircuits
from portal.marketplaces.contract import AccountRef, Check, Marketplace, MarketplaceAdapter, SyncContext, Validation, nobody_watches
from portal.marketplaces.errors import Unreachable
from portal.marketplaces.http import Call, Outside, Tokens, unobserved
from portal.marketplaces.tally import Tally
from portal.settings import Settings

CHECK_WITHIN_S = 30.0
"""How long a live check may take. Somebody is looking at it."""


class Doorway:
    """Shared by every conversation of this process: settings, short-lived passes, the count of calls; with all other workers: budgets, circuits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._budgets = SharedBudgets()
        self._circuits = SharedCircuits()
        self._tokens = Tokens()
        self.tally = Tally()

    @asynccontextmanager
    async def opened(
        self, place: Marketplace, account: AccountRef, keys: Any, *, observe: Callable[[Call], Awaitable[None]] | None = None
    ) -> AsyncIterator[MarketplaceAdapter]:
        """An adapter for one account; closing it closes its connections. NotFound for a marketplace that is not built yet."""
        if place.open is None:
            raise NotFound("marketplace")

        async def observed(call: Call) -> None:
            self.tally.count(place.code, call)
            await (observe or unobserved)(call)

        outside = Outside(
            settings=self._settings.of(place.code),
            budget=self._budgets.of(account),
            circuit=self._circuits.of(account),
            tokens=self._tokens,
            allow_private=self._settings.allow_private_marketplaces,
            observe=observed,
        )
        async with place.open(outside, account, keys) as adapter:
            yield adapter

    async def validated(
        self, place: Marketplace, account: AccountRef, keys: Any, *, checked: Callable[[Check], Awaitable[None]] = nobody_watches
    ) -> Validation:
        """What a live check of these keys finds. Raises the adapter's errors; Unreachable when it takes longer than CHECK_WITHIN_S."""
        try:
            async with asyncio.timeout(CHECK_WITHIN_S), self.opened(place, account, keys) as adapter:
                return await adapter.validate(SyncContext(account=account, now=clock.now(), checked=checked))
        except TimeoutError as error:
            raise Unreachable(place.name, reason="timeout") from error
