"""A session alone, hours after its password, changes nothing that matters: every such address asks again who sits there."""

import pytest
from litestar import Litestar

from portal.people.guarding import REAUTHENTICATE, recently_authenticated
from portal.vault import Vault
from tests.browsing import opened
from tests.factories import make_user
from tests.walls.conftest import Sides
from tests.walls.test_routes import held_by
from tests.walls.walking import Route, Walker, leads, routes

pytestmark = pytest.mark.anyio

MATTERS = {
    # What a thief of a session would want: to stay, to bring somebody in, to read or replace what is kept, to destroy.
    "POST /settings/security/password",
    "POST /settings/security/second-step",
    "POST /settings/security/second-step/off",
    "POST /settings/security/second-step/codes",
    "POST /settings/team/invitations",
    "POST /settings/team/{user_id}/role",
    "POST /settings/team/{user_id}/remove",
    "POST /settings/close",
    "POST /settings/support/bundle",
    "POST /settings/export",
    "POST /accounts/{account_id}/disconnect",
    "POST /accounts/{account_id}/reconnect",
    "POST /connect/{wizard_id}/as-reconnect",
}


class Stale(Walker):
    """Somebody whose password was typed too long ago."""

    def __init__(self, app: Litestar, sides: Sides, user: object) -> None:
        super().__init__(app, sides.asha.seller_id, user)  # type: ignore[arg-type]
        self._owner = sides.owner

    async def arrive(self) -> None:
        await super().arrive()
        await self._owner.execute("UPDATE sessions SET proven_at = now() - interval '11 minutes'")


def asks(route: Route) -> bool:
    return recently_authenticated in route.handler.resolve_guards()


async def test_what_matters_asks_again(sides: Sides, keys: Vault) -> None:
    """Each of them, by its owner and with her own ids: the page that asks, and nothing has changed but what waits for the answer."""
    async with opened(sides.addresses.web, keys) as app:
        guarded = {str(route): route for route in routes(app) if asks(route)}
        assert set(guarded) >= MATTERS
        walker = Stale(app, sides, await make_user(sides.asha.seller_id, "asha@example.in"))
        before = await held_by(sides.owner, sides.asha)
        for name, route in guarded.items():
            answer = await walker.ask(route, sides.asha)
            assert (answer.status_code, leads(answer).partition("?")[0]) == (303, REAUTHENTICATE), name
        after = await held_by(sides.owner, sides.asha)
        assert {table for table in after if after[table] != before[table]} <= {"sessions", "intended_posts", "audit_entries", "audit_heads"}
