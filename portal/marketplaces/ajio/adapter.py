"""The contract, said through whichever door the account's keys open."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Protocol

from portal.errors import BadInput
from portal.marketplaces.ajio.client.panel import PanelClient
from portal.marketplaces.ajio.client.partner import PartnerClient
from portal.marketplaces.ajio.keys import PanelSessionKeys, PartnerApiKeys
from portal.marketplaces.ajio.session import PanelSession, panel_session
from portal.marketplaces.ajio.transports.panel import PanelTransport
from portal.marketplaces.ajio.transports.partner import PartnerTransport
from portal.marketplaces.ajio.wire.body import MARKETPLACE
from portal.marketplaces.contract import AccountRef, Page, ScheduleTarget, SyncContext, Validation
from portal.marketplaces.errors import KeysRejected
from portal.marketplaces.facts import (
    BatchFacts,
    LineOutcome,
    ListingFact,
    OrderFact,
    PayoutFact,
    ReturnFact,
    StageOutcome,
    StockLine,
)
from portal.marketplaces.http import Outside

SUPPORTED_TARGETS = frozenset(ScheduleTarget)


class Transport(Protocol):
    """What either door can be asked for. What it does not share raises NotAllowed with a sentence."""

    async def validate(self, ctx: SyncContext) -> Validation: ...

    def orders(self, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]: ...

    def returns(self, ctx: SyncContext) -> AsyncIterator[Page[ReturnFact]]: ...

    def payouts(self, ctx: SyncContext) -> AsyncIterator[Page[PayoutFact]]: ...

    def listings(self, ctx: SyncContext) -> AsyncIterator[Page[ListingFact]]: ...

    def push(self, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]: ...

    def process(self, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]: ...

    @property
    def rereads(self) -> frozenset[ScheduleTarget]: ...

    def reread(self, external_ids: Sequence[str]) -> AsyncIterator[Page[OrderFact]]:
        """Orders by their ids, where `rereads` names them."""
        ...


@dataclass(frozen=True, slots=True)
class AjioAdapter:
    """One POB of one seller."""

    transport: Transport

    code: ClassVar[str] = "AJIO"
    supported_targets: ClassVar[frozenset[ScheduleTarget]] = SUPPORTED_TARGETS

    async def validate(self, ctx: SyncContext) -> Validation:
        return await self.transport.validate(ctx)

    def sync_orders(self, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]:
        return self.transport.orders(ctx)

    def sync_returns(self, ctx: SyncContext) -> AsyncIterator[Page[ReturnFact]]:
        return self.transport.returns(ctx)

    def sync_payouts(self, ctx: SyncContext) -> AsyncIterator[Page[PayoutFact]]:
        return self.transport.payouts(ctx)

    def sync_listings(self, ctx: SyncContext) -> AsyncIterator[Page[ListingFact]]:
        return self.transport.listings(ctx)

    def push_inventory(self, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
        return self.transport.push(ctx, lines)

    @property
    def rereads(self) -> frozenset[ScheduleTarget]:
        """Only the partner API gives single orders; the panel gives reports."""
        return self.transport.rereads

    def reread(self, ctx: SyncContext, target: ScheduleTarget, external_ids: Sequence[str]) -> AsyncIterator[Page[OrderFact]]:
        return self.transport.reread(external_ids)

    def full_processing(self, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
        return self.transport.process(ctx, batch)


@asynccontextmanager
async def open_ajio(outside: Outside, account: AccountRef, keys: PartnerApiKeys | PanelSessionKeys) -> AsyncIterator[AjioAdapter]:
    """A conversation through the door these keys are for.

    Raises KeysRejected when a panel session's values cannot be read at all: nothing would be gained by sending them.
    """
    timeout_s = float(outside.settings.get("TIMEOUT_S", "60"))
    if isinstance(keys, PartnerApiKeys):
        async with outside.calls(MARKETPLACE, keys.pob_id.strip().upper(), timeout_s=timeout_s) as calls:
            yield AjioAdapter(PartnerTransport(client=PartnerClient(outside=outside, calls=calls, account=account, keys=keys)))
        return
    session = _readable(keys)
    pob_id = session.context.pob(account.external_account_id).id
    # Several POBs of one login are several accounts, and all of them call within that login.
    async with outside.calls(MARKETPLACE, session.context.user_id, timeout_s=timeout_s) as calls:
        yield AjioAdapter(PanelTransport(client=PanelClient(outside=outside, calls=calls, session=session, pob_id=pob_id)))


def _readable(keys: PanelSessionKeys) -> PanelSession:
    try:
        return panel_session(keys)
    except BadInput as problem:
        field = next(iter(problem.fields), None)
        raise KeysRejected(MARKETPLACE, problem.seller_message, field=field, reason="unreadable_keys") from None
