"""The words of the mails about accounts, said in the language of the moment: their reader's."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from portal.language import gettext, mark, ngettext
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import CredentialEvent, EventKind, MarketplaceAccount
from portal.web.filters import said, words_of

CHANGES = {
    EventKind.SAVED: mark("Keys were saved"),
    EventKind.REPLACED: mark("The keys were replaced"),
    EventKind.RECONNECTED: mark("The account was connected again with new keys"),
    EventKind.DISCONNECTED: mark("The account was disconnected and its keys were deleted"),
}
WAITING = {
    24: mark("It has waited for a day."),
    72: mark("It has waited for three days. This is our last mail about it."),
}
"""What is added so many hours after the first mail."""

SECURE = "/secure-account"


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """One mail: `body` is its paragraphs, `link` a path of ours."""

    subject: str
    body: Sequence[str]
    link: str


def retold(words: Words) -> Words:
    """A mail whose English sentences are finished already, in the language of the moment as far as the catalogue knows them."""
    return Words(subject=said(words.subject), body=tuple(said(paragraph) for paragraph in words.body), link=words.link)


def reconnect(account: MarketplaceAccount, *, since: datetime, hours: int) -> Words:
    """The marketplace refuses the keys since `since`; `hours` later nobody has reconnected (0 for the first mail)."""
    name = marketplace(account.marketplace_code).name
    stands = gettext("Nothing syncs for this account until you reconnect it. Your data is safe.")
    waited = gettext(WAITING[hours]) if hours in WAITING else ""
    return Words(
        subject=gettext("%(name)s needs to be reconnected", name=account.name),
        body=(
            gettext(
                "%(marketplace)s does not accept the saved keys of %(name)s any more, since %(when)s IST.",
                marketplace=name,
                name=account.name,
                when=words_of(since),
            ),
            " ".join(one for one in (said(account.reconnect_reason), stands, waited) if one),
            gettext("Reconnect here:"),
        ),
        link=f"/accounts/{account.id}/reconnect",
    )


def expiry(account: MarketplaceAccount, *, end: datetime, days: int) -> Words:
    """The keys end on `end`, in `days` days."""
    tomorrow = gettext("The keys of %(name)s end tomorrow", name=account.name)
    later = ngettext("The keys of %(name)s end in %(n)s day", "The keys of %(name)s end in %(n)s days", days, name=account.name)
    return Words(
        subject=tomorrow if days == 1 else later,
        body=(
            gettext(
                "%(marketplace)s will stop accepting the saved keys of %(name)s on %(when)s IST.",
                marketplace=marketplace(account.marketplace_code).name,
                name=account.name,
                when=words_of(end),
            ),
            gettext("Renew them before then, and no sync is missed."),
            gettext("Reconnect here:"),
        ),
        link=f"/accounts/{account.id}/reconnect",
    )


def change(account: MarketplaceAccount, events: Sequence[CredentialEvent]) -> Words:
    """These changes of the keys, in one mail, with a way out for whoever did not make them."""
    name = marketplace(account.marketplace_code).name
    return Words(
        subject=gettext("Keys of %(name)s changed", name=account.name),
        body=(
            gettext("Something changed about how we reach %(name)s on %(marketplace)s:", name=account.name, marketplace=name),
            "\n".join(_line(event) for event in events),
            gettext("Was it you, or somebody in your team? Then all is well. If not, secure your account now:"),
        ),
        link=SECURE,
    )


def _line(event: CredentialEvent) -> str:
    what, when = gettext(CHANGES[EventKind(event.kind)]), words_of(event.occurred_at)
    if event.actor in {"", "worker"}:
        return gettext("%(what)s, %(when)s IST.", what=what, when=when)
    return gettext("%(what)s by %(who)s, %(when)s IST.", what=what, who=event.actor, when=when)
