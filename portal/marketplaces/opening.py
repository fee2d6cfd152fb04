"""Open an adapter in this process: what all conversations of one worker share, and how one begins."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from portal.errors import NotFound
from portal.marketplaces.contract import AccountRef, Marketplace, MarketplaceAdapter
from portal.marketplaces.http import Budget, Call, LocalBudget, Outside, Tokens
from portal.settings import Settings


class Doorway:
    """Shared by every conversation of this process: settings, the budgets' memory, and the short-lived passes."""

    def __init__(self, settings: Settings, *, budget: Budget | None = None) -> None:
        self._settings = settings
        self._budget = budget or LocalBudget()
        self._tokens = Tokens()

    @asynccontextmanager
    async def opened(
        self, place: Marketplace, account: AccountRef, keys: Any, *, observe: Callable[[Call], Awaitable[None]] | None = None
    ) -> AsyncIterator[MarketplaceAdapter]:
        """An adapter for one account; closing it closes its connections. NotFound for a marketplace that is not built yet."""
        if place.open is None:
            raise NotFound("marketplace")
        outside = Outside(
            settings=self._settings.of(place.code),
            budget=self._budget,
            tokens=self._tokens,
            allow_private=self._settings.allow_private_marketplaces,
            **({"observe": observe} if observe else {}),
        )
        async with place.open(outside, account, keys) as adapter:
            yield adapter
