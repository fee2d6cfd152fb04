"""Whether an account can take stock at all."""

from collections.abc import Mapping

from portal.errors import Conflict
from portal.tables.accounts import AccountState


def refuse_unless_working(account: Mapping[str, object]) -> None:
    if account["state"] != AccountState.ACTIVE:
        raise Conflict(f"{account['name']} is {account['state']}, so its stock cannot be pushed. Nothing was sent.")
    if account["needs_reconnect"]:
        raise Conflict(f"{account['name']} needs reconnecting before stock can be pushed. Nothing was sent.")
