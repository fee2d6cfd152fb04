"""Hidden means not rendered: a page offers its reader only what the reader's role may, and shows money to nobody else."""

import re
from collections.abc import AsyncIterator, Iterator
from html import unescape

import pytest
from litestar import Litestar

from portal.people.permissions import Permission, permissions
from portal.tables.people import Role
from portal.vault import Vault
from tests.browsing import opened
from tests.factories import make_seller, make_user
from tests.walls.conftest import Sides
from tests.walls.walking import Route, Walker, routes

pytestmark = pytest.mark.anyio

LINK = re.compile(r'\b(?:href|hx-get|hx-sse:connect)="(/[^"#?]*)')
FORM = re.compile(r"<form\b[^>]*>")
TARGET = re.compile(r'\b(?:action|hx-post|formaction)="(/[^"#?]*)')
RUPEES = "₹"


@pytest.fixture
async def app(sides: Sides, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(sides.addresses.web, keys) as app:
        yield app


def offered(page: str) -> Iterator[tuple[str, str]]:
    """Method and address of everything a page leads to."""
    yield from (("GET", unescape(href)) for href in LINK.findall(page))
    for form in FORM.findall(page):
        method = "POST" if 'method="post"' in form else "GET"
        yield from ((method, unescape(action)) for action in TARGET.findall(form))


class Map:
    """Which route an address belongs to."""

    def __init__(self, every: list[Route]) -> None:
        # Addresses without a parameter first: `/connect/locating` is no `/connect/{wizard_id}`.
        ordered = sorted(every, key=lambda route: "{" in route.path)
        self._known = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", route.path)), route) for route in ordered]

    def route(self, method: str, address: str) -> Route | None:
        return next((route for pattern, route in self._known if route.method == method and pattern.fullmatch(address)), None)


async def test_a_page_offers_and_shows_only_what_its_readers_role_may(sides: Sides, app: Litestar) -> None:
    """Every page with rows of one's own and with none yet, as every role: each link and each button leads somewhere the role may go, and rupees stand
    only where money may be seen."""
    # What lies planted there is no ciphertext, so a page that opens it would fail.
    await sides.owner.execute("DELETE FROM buyer_data_keys")
    every, newcomer = list(routes(app)), await make_seller("Dev Works")
    known = Map(every)
    too_much, lost, rich = [], set(), set()
    for role in Role:
        user = await make_user(sides.asha.seller_id, f"{role.lower()}@example.in", role=role)
        beginner = Walker(app, newcomer, await make_user(newcomer, f"{role.lower()}@new.example.in", role=role))
        walker, may = Walker(app, sides.asha.seller_id, user), permissions(role) | {""}
        open_to = [route for route in every if route.method == "GET" and route.permission in may]
        asked = [*((walker, route) for route in open_to), *((beginner, route) for route in open_to if not route.names_a_row)]
        for who, one in asked:
            answer = await who.ask(one, sides.asha)
            if "text/html" not in answer.headers.get("content-type", ""):
                continue
            if RUPEES in answer.text:
                rich.add(role)
                too_much += [(role, str(one), "money")] if Permission.SEE_MONEY not in may else []
            for method, address in offered(answer.text):
                there = known.route(method, address)
                if there is None:
                    lost.add((str(one), method, address))
                elif there.permission not in may:
                    too_much.append((role, str(one), f"{method} {address}"))
    assert sorted(set(too_much)) == []
    assert lost == set()
    assert rich == {Role.OWNER, Role.ADMIN, Role.FINANCE}
