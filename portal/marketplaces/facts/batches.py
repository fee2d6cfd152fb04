"""What a stage of processing is handed, and what it makes of it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from portal.marketplaces.errands import Brought, Errand
from portal.marketplaces.facts.orders import OrderFact
from portal.marketplaces.facts.unreadable import UnreadableRow


class Decision(StrEnum):
    """What a person can say about an order that is held."""

    RETRY = "retry"
    REDUCE = "reduce"
    AS_ORDERED = "as_ordered"
    DROP = "drop"
    CORRECT = "correct"


class BatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order in a batch: pieces ordered, and pieces confirmed once that is decided."""

    external_item_id: str
    sku: str
    ordered: int
    confirmed: int | None = None


class BatchOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order that waits for a stage. `marks` is what earlier stages found out about it, by name.

    `decision` is what a person said when it was held, until the stage that held it has taken it in; `decided_at` is when that was, and
    tells one attempt from the next.
    """

    external_order_id: str
    lines: tuple[BatchLine, ...]
    marks: dict[str, str]
    decision: str = ""
    decided_at: datetime | None = None


class BatchFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine hands an adapter for one stage: the orders that wait for it, oldest first.

    `stock` is what is left to promise of each SKU, one that it lacks was never told. `tax_number` is the seller's own, empty while nobody told it.
    `brought` is what the seller brought back from the errand that this stage asked of him, until an outcome has taken it in.
    """

    batch_id: UUID
    stage: str
    orders: tuple[BatchOrder, ...]
    stock: dict[str, int] = {}
    stock_policy: str = "ask"
    tax_number: str = ""
    brought: Brought | None = None


class PassedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that went through the stage. `confirmed` replaces the promised pieces by item where it is not empty; `marks` are added.

    A stage that promises pieces has decided them against `BatchFacts.stock`: what does not fit any more when it is written is held.
    """

    external_order_id: str
    confirmed: dict[str, int] = {}
    marks: dict[str, str] = {}


class MarkedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that stays at its stage, with marks added: what a later step, or another worker, has to know."""

    external_order_id: str
    marks: dict[str, str]


class HeldOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that waits for a person: why, in a sentence, and what that person may say. `corrects` are marks to fill in, with their labels."""

    external_order_id: str
    code: str
    reason: str
    decisions: tuple[Decision, ...] = (Decision.RETRY, Decision.DROP)
    corrects: tuple[tuple[str, str], ...] = ()


class DocumentFact(msgspec.Struct, frozen=True, kw_only=True):
    """A paper as the marketplace gave it: of one order, or of many where `external_order_id` is empty and `number` names it."""

    kind: str
    content: bytes
    external_order_id: str = ""
    number: str = ""
    mime: str = "application/pdf"

    def __repr__(self) -> str:
        return f"DocumentFact({self.kind}, {self.external_order_id or self.number}, {len(self.content)} bytes)"


class StageOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a stage, committed as it comes. Orders it does not name still wait for the stage, and so do those it only marks.

    `orders` are facts read on the way, kept like those of a sync; those of the first stage join the batch. `gone` are orders that
    leave it for good, with the reason. With `resume_at` nothing can be done before then, and `waiting_for` says why. With an `errand`
    nothing can be done before the seller has been on it; it is the stage's last outcome. `took` what the seller brought from the last
    errand: from then on nobody sees it again.
    """

    stage: str
    marked: tuple[MarkedOrder, ...] = ()
    passed: tuple[PassedOrder, ...] = ()
    held: tuple[HeldOrder, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()
    orders: tuple[OrderFact, ...] = ()
    documents: tuple[DocumentFact, ...] = ()
    resume_at: datetime | None = None
    waiting_for: str = ""
    errand: Errand | None = None
    took: bool = False
    set_aside: tuple[UnreadableRow, ...] = ()
