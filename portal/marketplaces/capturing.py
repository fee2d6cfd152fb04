"""Taking over a signed-in session from the seller's browser: what a folder says about its extension."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A message of the extension that passed every check. `values` go by the names of the form; absent ones are empty."""

    pairing_code: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capturing:
    """How an extension brings a method's values, in words and in bytes.

    `read` checks a message as the extension sends it: given the folder's settings and the body, what was captured. BadInput with a
    sentence otherwise. `pack` makes the extension for one portal: given the folder's settings, the portal's address and the address
    that takes messages, the bytes of a ZIP.
    """

    read: Callable[[Mapping[str, str], bytes], Captured]
    pack: Callable[[Mapping[str, str], str, str], bytes]
    panel: Callable[[Mapping[str, str]], str]
    """The address where the seller signs in, given the folder's settings."""
    panel_name: str
    most_bytes: int
    reads: tuple[str, ...]
    """What the extension reads, one sentence each; shown before the seller agrees."""
    never: tuple[str, ...]
    """What it never does, one sentence each."""
    terms: str = ""
    """The marketplace's own terms for sellers, as an address."""
