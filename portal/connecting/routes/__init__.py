"""The wizard's pages: five plain forms, one question each, built from the marketplace's own description of its keys."""

from portal.connecting.routes.beginning import Unfinished, begin, choose_marketplace, discard, resume, unfinished
from portal.connecting.routes.entering import show, take_choice, take_details, take_ready, take_sandbox_keys
from portal.connecting.routes.proving import confirm, test_again, test_part
from portal.connecting.routes.reconnecting import explain_reconnect, reconnect

__all__ = ["ROUTES", "Unfinished", "unfinished"]

ROUTES = (
    choose_marketplace,
    begin,
    explain_reconnect,
    reconnect,
    resume,
    show,
    take_choice,
    take_ready,
    take_details,
    take_sandbox_keys,
    test_part,
    test_again,
    confirm,
    discard,
)
