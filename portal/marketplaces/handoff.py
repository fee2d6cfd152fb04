"""Sending a seller to her marketplace to press Allow: what a folder's `handoff.py` brings, and what passes between browser and worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec

from portal.marketplaces.http import Outside


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What her browser brings back. `code` is empty when she pressed Cancel; `shop` is the shop's id where the address names it."""

    code: str = ""
    shop: str = ""

    def __repr__(self) -> str:
        return "Brought(…)"


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the worker needs to turn a code into keys. Good once and for minutes; it travels sealed and never shows in a repr."""

    code: str
    state: str
    redirect_uri: str
    shop: str = ""

    def __repr__(self) -> str:
        return "Granted(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A seller whom the marketplace itself sent, from its own list of applications, to begin here. `parameters` go back with her."""

    shop: str
    address: str
    parameters: Mapping[str, str]

    def onward(self, *, redirect_uri: str, state: str) -> str:
        """Where her browser goes on to."""
        return with_query(self.address, {**self.parameters, "redirect_uri": redirect_uri, "state": state})


class Handoff(Protocol):
    """Consent address out, code to keys back.

    `settings` are the marketplace's own PORTAL_<CODE>_* values. The web process calls all but `keys_for` and has no secret among them.
    """

    def is_set_up(self, settings: Mapping[str, str]) -> bool:
        """Whether the operator has entered the public name of his application."""
        ...

    def consent_address(self, settings: Mapping[str, str], *, redirect_uri: str, state: str) -> str:
        """Where the seller presses Allow. Misconfigured where the application is not set up."""
        ...

    def brought(self, query: Mapping[str, str]) -> Brought:
        """What the address she comes back to says; whatever else it holds is ignored."""
        ...

    def arrival(self, settings: Mapping[str, str], query: Mapping[str, str]) -> Arrival | None:
        """The marketplace's own invitation to begin. None for an address that is none, or that would lead elsewhere."""
        ...

    async def keys_for(self, outside: Outside, granted: Granted) -> Any:
        """The keys, as the dataclass of the method that sends sellers away. Asks once: a code is good once.

        Errors: KeysRejected (`whose` "operator" for the portal's own application), Misconfigured, and the others of a call.
        """
        ...


def with_query(address: str, parameters: Mapping[str, str]) -> str:
    """The address with these parameters behind those that it has."""
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(parameters)}"
