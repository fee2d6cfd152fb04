"""Nobody reaches what is another's by any address: every route there is, asked by every role, signed out, and with another seller's ids."""

import csv
import hashlib
import io
import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from litestar import Litestar, get
from litestar.params import FromPath

from portal.app import HANDLERS, create_app
from portal.people.permissions import Permission, needs, permissions
from portal.settings import Settings
from portal.tables.people import Role
from portal.vault import Vault
from tests.browsing import opened
from tests.factories import make_user
from tests.walls.conftest import Sides
from tests.walls.filling import Filled, Owner, empty, fill, tables_with
from tests.walls.walking import Route, Walker, leads, routes

pytestmark = pytest.mark.anyio

AT_THE_DOOR = ("/sign-in", "/reauthenticate")
REACHED = {
    # Addresses at which an owner sees rows of her own, among them each kind of row that an address can name.
    *("/orders/{order_id}", "/returns/{return_id}", "/payouts/{payout_id}", "/payouts/uploads/{upload_id}", "/listings/{listing_id}"),
    *("/inventory/push/{draft_id}", "/syncs/{run_id}", "/syncs/{run_id}/log.txt", "/accounts/{account_id}/timeline"),
    *("/accounts/{account_id}", "/accounts/{account_id}/reconnect", "/connect/{wizard_id}/1"),
}
NOTHING_THERE = {
    # Her account is one of Amazon: its setup has no browser extension, and neither a sandbox nor a mail server stands beside it.
    "GET /connect/{wizard_id}/capture",
    "POST /connect/{wizard_id}/capture",
    "POST /connect/{wizard_id}/capture/link",
    "GET /connect/{wizard_id}/extension.zip",
    "POST /connect/{wizard_id}/sandbox-keys",
    # Behind its row is no file.
    "GET /batches/{batch_id}/documents/{document_id}",
    "GET /batches/{batch_id}/errands/{errand_id}/file",
}
"""Routes that find nothing even of her own."""
FORMULA = tuple("=+@\t\r")
_TAG = re.compile(r"<[^>]+>")


@pytest.fixture
async def app(sides: Sides, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(sides.addresses.web, keys) as app:
        yield app


async def held_by(owner: Owner, filled: Filled) -> dict[str, str]:
    """A digest of everything a seller has, by table."""
    found = {}
    for table in [*await tables_with(owner, "seller_id"), "sellers"]:
        column = "id" if table == "sellers" else "seller_id"
        rows = await owner.fetch(f'SELECT t::text FROM "{table}" t WHERE {column} = $1 ORDER BY 1', filled.seller_id)
        found[table] = hashlib.sha256("\n".join(row[0] for row in rows).encode()).hexdigest()
    return found


@get("/shelves/{shelf_id:int}", opt=needs(Permission.READ))
async def shelf(shelf_id: FromPath[int]) -> str:
    return ""


def test_a_route_with_a_new_kind_of_id_has_to_be_told(keys: Vault) -> None:
    """Otherwise the walk would go past it."""
    app = create_app(Settings(), vault=keys, handlers=[*HANDLERS, shelf])
    untold = next(route for route in routes(app) if "shelf_id" in route.path)
    with pytest.raises(KeyError, match="shelf_id"):
        untold.address(Filled(seller_id=UUID(int=1), marker=""))


async def test_signed_out_people_get_no_further_than_the_door(sides: Sides, app: Litestar) -> None:
    walker, before = Walker(app), await held_by(sides.owner, sides.asha)
    for route in routes(app):
        answer = await walker.ask(route, sides.asha)
        assert answer.status_code < 500 or route.path == "/readyz", route
        assert sides.asha.marker not in answer.text, route
        if route.permission not in ("", Permission.ANYONE):
            refused = 401 if route.path.startswith("/p/") else 303  # htmx is sent on by a header, not by the status
            assert (answer.status_code, leads(answer).partition("?")[0]) == (refused, "/sign-in"), route
    assert await held_by(sides.owner, sides.asha) == before


@pytest.mark.parametrize("role", list(Role))
async def test_no_address_leads_to_another_sellers_rows(sides: Sides, app: Litestar, role: Role) -> None:
    """As each role of another seller: 403 for what the role may not do, 404 for every row of hers; nothing is shown and nothing changed."""
    user = await make_user(sides.chitra.seller_id, f"{role.lower()}@example.in", role=role)
    walker, before = Walker(app, sides.chitra.seller_id, user), await held_by(sides.owner, sides.asha)
    wrong = []
    for route in routes(app):
        answer = await walker.ask(route, sides.asha)
        assert sides.asha.marker not in answer.text, route
        assert sides.asha.marker not in str(answer.headers), route
        if not _as_expected(route, answer.status_code, role):
            wrong.append((str(route), answer.status_code, leads(answer)))
    assert wrong == []
    assert await held_by(sides.owner, sides.asha) == before


def _as_expected(route: Route, status: int, role: Role) -> bool:
    if status >= 500:
        return route.path == "/readyz"  # no worker is at work here
    if route.permission and route.permission not in permissions(role):
        return status == 403
    if route.names_a_row and route.permission != Permission.ANYONE:
        return status == 404
    return True


async def test_with_her_own_ids_the_same_requests_find_something(sides: Sides, app: Litestar) -> None:
    """The control of the one above: the bodies get past their own checks, so a 404 there is about whose row it is."""
    walker = Walker(app, sides.asha.seller_id, sides.asha.keys["seller_users"])
    lost = {}
    for route in routes(app):
        if route.names_a_row and route.permission != Permission.ANYONE:
            answer = await walker.ask(route, sides.asha)
            if answer.status_code in (403, 404):
                lost[str(route)] = " ".join(_TAG.sub(" ", answer.text).split())[-300:]
            if route.method == "POST" and answer.status_code < 400:
                await empty(sides.owner, sides.asha)
                await fill(sides.owner, number=1)
    assert {route: lost[route] for route in lost if route not in NOTHING_THERE} == {}


async def test_the_owner_reaches_her_own_rows_by_the_same_addresses(sides: Sides, app: Litestar) -> None:
    """The control: were these addresses wrong, the walls would prove nothing. What she reads is escaped, whoever wrote it."""
    user = await make_user(sides.asha.seller_id, "asha@example.in")
    walker = Walker(app, sides.asha.seller_id, user)
    reached, unescaped, formulas = set(), [], []
    for route in routes(app):
        if route.method != "GET":
            continue
        answer = await walker.ask(route, sides.asha)
        html = "text/html" in answer.headers.get("content-type", "")
        if "csv" in answer.headers.get("content-type", ""):
            formulas += [(str(route), cell) for row in csv.reader(io.StringIO(answer.text)) for cell in row if cell[:1] in FORMULA]
        if (answer.status_code >= 500 and route.path != "/readyz") or (html and sides.asha.hostile in answer.text):
            unescaped.append((str(route), answer.status_code))
        if answer.status_code == 200 and sides.asha.marker in answer.text and route.names_a_row:
            reached.add(route.path)
    assert unescaped == []
    assert formulas == []
    assert reached >= REACHED
