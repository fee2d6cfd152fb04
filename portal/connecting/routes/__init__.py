"""The wizard's pages: five plain forms, one question each, built from the marketplace's own description of its keys."""

from portal.connecting.capturing import routes as capturing
from portal.connecting.handoff import routes as handoff
from portal.connecting.routes.beginning import Unfinished, begin, choose_marketplace, discard, resume, unfinished
from portal.connecting.routes.entering import show, take_block, take_choice, take_details, take_ready, take_sandbox_keys, take_swap
from portal.connecting.routes.proving import choose_shop, confirm, save_untested, test_again, test_part
from portal.connecting.routes.reconnecting import connect_as_new, explain_reconnect, reconnect, reconnect_the_other
from portal.connecting.routes.waiting import show_waiting, wait

__all__ = ["ROUTES", "Unfinished", "unfinished"]

ROUTES = (
    choose_marketplace,
    begin,
    explain_reconnect,
    reconnect,
    connect_as_new,
    reconnect_the_other,
    resume,
    show,
    take_choice,
    take_ready,
    take_details,
    take_block,
    take_swap,
    wait,
    show_waiting,
    take_sandbox_keys,
    test_part,
    test_again,
    save_untested,
    choose_shop,
    confirm,
    discard,
    *handoff.ROUTES,
    *capturing.ROUTES,
)
