"""Work that the sandbox's Meesho takes in at once and does later: idempotency keys, and requests to ask about by their id."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from portal.marketplaces.meesho.sandbox.gate import Turned

Result = dict[str, Any]
Done = Mapping[str, Any]
"""What a finished request tells beside its state: `results`, and `url` where it made a paper."""


class Refused(Exception):
    """The request is let in, and wrong."""

    def __init__(self, turned: Turned) -> None:
        super().__init__(turned.code)
        self.turned = turned


def invalid(message: str, details: tuple[dict[str, str], ...] = ()) -> Refused:
    return Refused(Turned(422, "VALIDATION_FAILED", message, details))


@dataclass(slots=True)
class _Asked:
    work: Callable[[], list[Result]]
    paper: Callable[[], str] | None
    due: float
    never: bool
    results: list[Result] | None = None
    polled: int = 0


class Requests:
    """Takes each Idempotency-Key once, and works requests off behind the caller's back: at the next call after `lag_s` seconds."""

    def __init__(self) -> None:
        self.lag_s = 0.0
        self._asked: dict[str, _Asked] = {}
        self._kept: dict[str, tuple[bytes, bytes]] = {}

    def once(self, headers: Mapping[str, str], body: bytes, take: Callable[[bytes], bytes]) -> bytes:
        """What `take` answers; the same Idempotency-Key again gets the same answer and changes nothing."""
        self.settle()
        named = headers.get("idempotency-key", "")
        try:
            uuid.UUID(named)
        except ValueError:
            raise invalid("Idempotency-Key must be a UUID.") from None
        if named in self._kept:
            before, answer = self._kept[named]
            if before != body:
                raise Refused(Turned(409, "INVALID_STATE", "This Idempotency-Key came with another body."))
            return answer
        answer = take(body)
        self._kept[named] = (body, answer)
        return answer

    def begin(self, work: Callable[[], list[Result]], *, paper: Callable[[], str] | None = None, never: bool = False) -> bytes:
        """Take work in, and answer the id to ask by. `paper` makes a fresh link to what it printed; with `never` it stays undone."""
        request_id = f"req-{len(self._asked) + 1}"
        self._asked[request_id] = _Asked(work, paper, time.monotonic() + self.lag_s, never)
        return msgspec.json.encode({"request_id": request_id})

    def settle(self) -> None:
        """Do what is due."""
        for asked in self._asked.values():
            if asked.results is None and not asked.never and asked.due <= time.monotonic():
                asked.results = asked.work()

    def answer(self, request_id: str) -> bytes:
        """PROCESSING when asked for the first time and while it is undone, PROCESSED from then on."""
        self.settle()
        if request_id not in self._asked:
            raise Refused(Turned(404, "NOT_FOUND", "No such request."))
        asked = self._asked[request_id]
        asked.polled += 1
        if asked.polled == 1 or asked.results is None:
            return msgspec.json.encode({"request_id": request_id, "status": "PROCESSING", "progress_percent": 40, "results": []})
        told: dict[str, Any] = {"request_id": request_id, "status": "PROCESSED", "progress_percent": 100, "results": asked.results}
        if asked.paper is not None and any(result["status"] == "SUCCESS" for result in asked.results):
            told["url"] = asked.paper()
        return msgspec.json.encode(told)

    def hurry(self) -> None:
        """Do everything that was taken in, and be quick from now on."""
        self.lag_s = 0.0
        for asked in self._asked.values():
            asked.due = 0.0
        self.settle()

    def forget(self) -> None:
        """As after a day: all is done, and no key and no request is known any more."""
        self.hurry()
        self._asked.clear()
        self._kept.clear()
