"""The trail in words: what each action is called, and the groups people look for."""

from portal.audit.asking import SYSTEM
from portal.tables.audit import Action, Result


def _(sentence: str) -> str:
    """Marks a sentence for translation; templates translate it where they show it."""
    return sentence


WORDS = {
    Action.SIGNED_UP: _("Business added"),
    Action.CLOSED: _("Business closed"),
    Action.SIGNED_IN: _("Signed in"),
    Action.SIGN_IN_REFUSED: _("Sign-in refused"),
    Action.SIGNED_OUT: _("Signed out"),
    Action.PROOF_REFUSED: _("Confirmation refused"),
    Action.SESSIONS_ENDED: _("Devices signed out"),
    Action.PASSWORD_CHANGED: _("Password changed"),
    Action.RESET_ASKED: _("New password asked for"),
    Action.SECOND_STEP_ON: _("Second step turned on"),
    Action.SECOND_STEP_OFF: _("Second step turned off"),
    Action.CODES_RENEWED: _("Recovery codes renewed"),
    Action.CODE_USED_UP: _("Recovery code used"),
    Action.INVITED: _("Invited to the team"),
    Action.INVITATION_WITHDRAWN: _("Invitation withdrawn"),
    Action.JOINED: _("Joined the team"),
    Action.ROLE_CHANGED: _("Role changed"),
    Action.MEMBER_REMOVED: _("Removed from the team"),
    Action.CONNECTED: _("Account connected"),
    Action.RECONNECTED: _("Account reconnected"),
    Action.SECRET_REPLACED: _("Secret replaced"),
    Action.PAUSED: _("Account paused"),
    Action.RESUMED: _("Account resumed"),
    Action.DISCONNECTED: _("Account disconnected"),
    Action.ERASED: _("Erased"),
    Action.EXPIRY_HIDDEN: _("Reminder hidden"),
    Action.LOCATION_CHOSEN: _("Location of stock chosen"),
    Action.SECRET_OPENED: _("Secret opened"),
    Action.SECRET_UNREADABLE: _("Secret did not open"),
    Action.SECRET_RESEALED: _("Re-sealed with a new key"),
    Action.SCHEDULE_SAVED: _("Schedule saved"),
    Action.SCHEDULE_PAUSED: _("Schedule paused"),
    Action.SCHEDULE_RESUMED: _("Schedule resumed"),
    Action.SCHEDULE_ENDED: _("Schedule ended"),
    Action.DAYS_ASKED: _("Earlier days read again"),
    Action.ASIDES_RETRIED: _("Rows set aside read again"),
    Action.STOCK_APPROVED: _("Stock push approved"),
    Action.STOCK_RETRIED: _("Refused stock sent again"),
    Action.PAYOUTS_UPLOADED: _("Settlements uploaded"),
    Action.LISTINGS_UPLOADED: _("Listings uploaded"),
    Action.HELD_DECIDED: _("Held order decided"),
    Action.TAKEN_OUT: _("Order taken out of its manifest"),
    Action.MANIFESTS_CLOSED: _("Manifests closed"),
    Action.ERRAND_DONE: _("Work in the seller panel reported"),
    Action.RULES_SAVED: _("Processing rules saved"),
    Action.TAX_SAVED: _("Invoice settings saved"),
    Action.ARTICLES_SAVED: _("HSN codes and rates saved"),
    Action.INVOICE_ISSUED: _("Tax invoice issued"),
    Action.BUYER_SHOWN: _("Buyer shown"),
    Action.BUYERS_PRINTED: _("Buyers opened for slips"),
    Action.PAPERS_PRINTED: _("Papers printed"),
    Action.LOG_DOWNLOADED: _("Sync log downloaded"),
    Action.TRAIL_EXPORTED: _("Audit trail exported"),
    Action.EVERYTHING_EXPORTED: _("Everything exported"),
    Action.SUPPORT_BUNDLED: _("Support bundle made"),
}

TOPICS = {
    # the first word of an action: what the filter calls it
    "person": _("Signing in and security"),
    "team": _("Team and roles"),
    "account": _("Accounts"),
    "secret": _("Secrets opened"),
    "schedule": _("Schedules"),
    "sync": _("Reading again"),
    "stock": _("Stock"),
    "payouts": _("Settlement files"),
    "listings": _("Listing files"),
    "batch": _("Batches"),
    "buyer": _("Buyers shown"),
    "papers": _("Papers printed"),
    "tax": _("Tax invoices"),
    "log": _("Sync logs"),
    "audit": _("Exports of this trail"),
    "support": _("Support"),
    "business": _("Business"),
}

OURSELVES = {SYSTEM: _("System"), "worker": _("System"), "key rotation": _("Key rotation")}
"""Actors that are no person."""

RESULTS = {Result.DONE: (_("Done"), "ok"), Result.REFUSED: (_("Refused"), "bad")}


def words(action: str) -> str:
    """What an action is called; its own words where something wrote one that is not listed here."""
    return WORDS[Action(action)] if action in set(Action) else action.replace("_", " ").replace(".", " ").capitalize()


def result(of: str) -> tuple[str, str]:
    """The words and the tone of a result."""
    return RESULTS[Result(of)]
