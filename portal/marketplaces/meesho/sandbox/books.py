"""What the sandbox's Meesho does with orders that are processed, each call counted as it is accepted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from portal.marketplaces.meesho.sandbox.requests import Result
from portal.marketplaces.meesho.sandbox.rows import OrderRow
from portal.marketplaces.meesho.sandbox.store import ACCEPTED, CANCELLED, LABELLED, PENDING, Store

MOST_PARCELS = 100

Refusal = tuple[str, str]
"""Meesho's code and words."""


class Books:
    """`refuses` and `labelless` are orders whose acceptance or label is refused, with the reason; `stuck` ones never get their label."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.refuses: dict[str, Refusal] = {}
        self.labelless: dict[str, Refusal] = {}
        self.stuck: set[str] = set()
        self.accepted: Counter[str] = Counter()
        self.cancelled: Counter[str] = Counter()
        self.labelled: Counter[str] = Counter()
        self.manifested: Counter[str] = Counter()
        self.manifests: dict[str, list[str]] = {}
        self._under_way: set[str] = set()

    def told(self) -> dict[str, Any]:
        return {
            "accepted": dict(self.accepted),
            "cancelled": dict(self.cancelled),
            "labelled": dict(self.labelled),
            "manifested": dict(self.manifested),
            "manifests": self.manifests,
        }

    def take_in(self, name: str) -> bool:
        """Whether this order may begin to be accepted: it is pending, and no earlier request has it in hand."""
        row = self._store.find(name)
        free = row is not None and row.status == PENDING.word and not row.hold and name not in self._under_way
        if free:
            self._under_way.add(name)
        return free

    def accept(self, name: str, *, taken: bool) -> Result:
        """The outcome for an order of a request; `taken` says whether `take_in` let it in."""
        if taken:
            self._under_way.discard(name)
        row = self._store.orders.row(name)
        if row.status == CANCELLED.word:
            return _failure(name, "ORDER_CANCELLED", "The customer cancelled this order.")
        if not taken or row.status != PENDING.word:
            return _failure(name, "INVALID_STATE", f"This order is {row.status}.")
        if name in self.refuses:
            return _failure(name, *self.refuses[name])
        self.accepted[name] += 1
        self._store.reach(name, ACCEPTED)
        return _success(name)

    def cancel(self, name: str) -> Result:
        row = self._store.find(name)
        if row is None or row.status not in {PENDING.word, ACCEPTED.word} or name in self.manifested:
            return _failure(name, "INVALID_STATE", "This order can no longer be cancelled.")
        self.cancelled[name] += 1
        self._store.reach(name, CANCELLED)
        return _success(name)

    def label(self, name: str) -> Result:
        """Make the label, with its AWB; again, where it exists."""
        row = self._store.find(name)
        if row is None or row.status != ACCEPTED.word:
            return _failure(name, "INVALID_STATE", "This order is not ready to ship.")
        if name in self.labelless:
            return _failure(name, *self.labelless[name])
        if not row.awb:
            self._store.reach(name, LABELLED)
        return _success(name)

    def manifest(self, carrier: str, names: Sequence[str]) -> tuple[str, dict[str, Refusal]]:
        """The new manifest's number, or the orders it is refused for, with the reason. All or nothing."""
        refused = {name: why for name in names if (why := self._not_on_a_manifest(name, carrier))}
        if refused:
            return "", refused
        number = f"MM{self._store.shop.seed:02d}{len(self.manifests) + 1:05d}"
        self.manifests[number] = list(names)
        self.manifested.update(names)
        return number, {}

    def _not_on_a_manifest(self, name: str, carrier: str) -> Refusal | None:
        row = self._store.find(name)
        if row is None:
            return "NOT_FOUND", "No such sub-order."
        if name in self.manifested:
            return "ALREADY_ON_MANIFEST", f"It is on manifest {self._number_of(name)}."
        if row.status == CANCELLED.word:
            return "ORDER_CANCELLED", "The customer cancelled this order."
        if not row.awb or row.status != ACCEPTED.word:
            return "INVALID_STATE", "It has no label."
        if row.carrier != carrier:
            return "OTHER_CARRIER", f"It goes with {row.carrier}."
        return None

    def _number_of(self, name: str) -> str:
        return next(number for number, names in self.manifests.items() if name in names)

    def on(self, number: str) -> list[OrderRow]:
        """The parcels of a manifest."""
        return [row for name in self.manifests.get(number, []) if (row := self._store.find(name)) is not None]


def _success(name: str) -> Result:
    return {"sub_order_num": name, "status": "SUCCESS", "error_code": None, "message": None}


def _failure(name: str, code: str, message: str) -> Result:
    return {"sub_order_num": name, "status": "FAILURE", "error_code": code, "message": message}
