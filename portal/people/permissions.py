"""What each role may do. Routes declare the verb they are, and this table is the only place that knows who may do it.

A route says `opt=needs(Permission.SYNC)`. One without a declaration is closed to everybody.
"""

from enum import StrEnum
from typing import Any

from portal.tables.people import Role


class Permission(StrEnum):
    ANYONE = "anyone"
    """Also people who are not signed in."""
    SELF = "self"
    """Everybody signed in, about themselves: signing out, their own devices."""
    READ = "read"
    SYNC = "sync"
    PUSH_STOCK = "push_stock"
    SCHEDULE = "schedule"
    SEE_BUYERS = "see_buyers"
    SEE_MONEY = "see_money"
    CONNECT = "connect"
    """Connect, reconnect, pause and disconnect accounts."""
    SEE_AUDIT = "see_audit"
    MANAGE_TEAM = "manage_team"
    HELP_SUPPORT = "help_support"
    """Make the file that whoever helps asks for."""
    SET_TAX = "set_tax"
    """Say who makes out invoices, with which numbers, and what each article is taxed at."""
    INVOICE = "invoice"
    """Make and open tax invoices, which tell both the money and the buyer."""
    CLOSE_BUSINESS = "close_business"
    """End the business on this portal: the one thing an admin may not."""


_EVERYBODY = frozenset({Permission.ANYONE, Permission.SELF, Permission.READ})
_DAILY_WORK = _EVERYBODY | {Permission.SYNC, Permission.PUSH_STOCK, Permission.SCHEDULE, Permission.SEE_BUYERS}

BY_ROLE: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - {Permission.CLOSE_BUSINESS},
    Role.OPERATOR: _DAILY_WORK,
    Role.FINANCE: _EVERYBODY | {Permission.SEE_MONEY, Permission.SET_TAX},
    Role.VIEWER: _EVERYBODY,
}

OPT = "permission"


def permissions(role: str) -> frozenset[Permission]:
    """Everything a role may do; nothing for a role nobody knows."""
    try:
        return BY_ROLE[Role(role)]
    except ValueError:
        return frozenset()


def needs(permission: Permission) -> dict[str, Any]:
    """The `opt` of a route handler that takes this permission."""
    return {OPT: permission}
