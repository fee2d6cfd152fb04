"""The ways to connect to a marketplace: what each asks for, box by box, and when what it was given ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from portal.marketplaces.capturing import Capturing
    from portal.marketplaces.contract import ScheduleTarget
    from portal.marketplaces.sandbox import Shop


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyField:
    """One box of the connect form: everything the wizard shows about it.

    `pattern` must match or the value cannot be right (shown with `mistake`); `usual` is the common shape (a warning only).
    `secret` values are sealed and never come back into HTML; `concealed` ones are typed as a password.
    `identity` marks the field that is the shop's external account id.
    """

    label: str
    where: str
    mistake: str = ""
    pattern: str = ""
    usual: str = ""
    secret: bool = False
    concealed: bool = False
    multiline: bool = False
    required: bool = True
    identity: bool = False
    fold_case: bool = False
    aliases: tuple[str, ...] = ()
    """Other names of this value in mails and JSON, for "paste everything at once"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A part of a credential that ends on a day, where only the seller can renew it. What we renew ourselves is no deadline.

    `column` is the sealed column that ends; the satellite keeps the day beside it, as `{column}_expires_at`. `life` counts from
    the day it was saved; without one only the marketplace knows, and tells it with a live check (`Validation.expires_at`), which
    counts for the first deadline that is `told`. `warn` is how long before its end a seller hears of it, within the last quarter
    of its life. `what` names it in a sentence, `advice` says what to do.
    """

    column: str
    what: str
    advice: str
    life: timedelta | None = None
    warn: timedelta = timedelta(days=30)
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to connect to a marketplace. `keys` is a frozen dataclass whose fields carry a KeyField: it is the form.

    `code` is stored in the satellite's method column. `oauth` methods ask for no keys; the seller is sent away instead, as the
    manifest's `handoff` says. `self_hosted_only` methods are offered while PORTAL_SELF_HOSTED is true, with `warning` above the
    boxes. `capturing` methods can have their boxes filled by a browser extension. `prepare` stands in for the manifest's. `closed`
    names the kinds of work that the marketplace supports and this way does not open, each with the sentence that says so.
    `removal` tells a seller who has disconnected how to take the access back at the marketplace itself, a sentence a step.
    """

    code: str
    name: str
    explanation: str
    keys: type[Any]
    warning: str = ""
    oauth: bool = False
    self_hosted_only: bool = False
    sendable: bool = True
    """Whether somebody else can send these details; not those that are captured in a browser or given by pressing Allow."""
    deadlines: tuple[Deadline, ...] = ()
    removal: tuple[str, ...] = ()
    capturing: "Capturing | None" = None
    prepare: tuple[str, ...] = ()
    closed: "Mapping[ScheduleTarget, str]" = field(default_factory=dict)
    sandbox_keys: "Callable[[Shop], dict[str, str]] | None" = None
    """What the sandbox takes by this way, where the manifest's `sandbox_keys` are those of another."""

    def fields(self) -> dict[str, KeyField]:
        """Field name to its description, in the order of the form."""
        hints = get_type_hints(self.keys, include_extras=True)
        described: dict[str, KeyField] = {}
        for one in fields(self.keys):
            described[one.name] = next(meta for meta in hints[one.name].__metadata__ if isinstance(meta, KeyField))
        return described

    @property
    def identity(self) -> str | None:
        """The name of the field that is the shop's id, where the seller types it."""
        return next((name for name, one in self.fields().items() if one.identity), None)


def key(description: KeyField) -> Any:
    """The dataclass field of a key: secrets stay out of every repr."""
    return field(repr=not description.secret)
