"""Every route says what it takes, and roles get what the table gives them."""

from collections.abc import AsyncIterator, Iterator

import pytest
from litestar import Litestar, get
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler

from portal import db
from portal.app import HANDLERS, create_app
from portal.people import service
from portal.people.guarding import PUBLIC
from portal.people.permissions import BY_ROLE, OPT, Permission, needs, permissions
from portal.postgres import Addresses
from portal.settings import Settings
from portal.tables.people import Role, SellerUser
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up

pytestmark = pytest.mark.anyio


@get("/money", opt=needs(Permission.SEE_MONEY))
async def money() -> str:
    return "a figure"


@get("/forgotten")
async def forgotten() -> str:
    return "no declaration"


def ours(app: Litestar) -> Iterator[BaseRouteHandler]:
    """Every handler we wrote; Litestar answers OPTIONS by itself."""
    for route in app.routes:
        handlers = getattr(route, "route_handlers", None) or [getattr(route, "route_handler")]  # noqa: B009 (routes have one or the other)
        for handler in handlers:
            if not (isinstance(handler, HTTPRouteHandler) and handler.http_methods == {"OPTIONS"}):
                yield handler


def undeclared(app: Litestar) -> list[str]:
    return [str(handler) for handler in ours(app) if handler.opt.get(PUBLIC) is not True and handler.opt.get(OPT) not in set(Permission)]


async def test_every_route_declares_what_it_takes(keys: Vault) -> None:
    assert undeclared(create_app(Settings(), vault=keys)) == []


async def test_the_check_finds_a_route_that_forgot(keys: Vault) -> None:
    assert len(undeclared(create_app(Settings(), vault=keys, handlers=[*HANDLERS, forgotten]))) == 1


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys, handlers=[*HANDLERS, money, forgotten]) as app:
        yield app


async def take_role(browser: Browser, role: Role) -> None:
    viewer = await service.current(browser.session)
    assert viewer is not None
    async with db.transaction(viewer.seller_id):
        await SellerUser.update({SellerUser.role: role}).where(SellerUser.id == viewer.user_id)


@pytest.mark.parametrize("role", list(Role))
async def test_money_is_for_owner_admin_and_finance(app: Litestar, role: Role) -> None:
    """A role that may not is refused by address too, with a page that still knows who reads it."""
    browser = await signed_up(app)
    await take_role(browser, role)
    answer = await browser.get("/money")
    if role in {Role.OWNER, Role.ADMIN, Role.FINANCE}:
        assert answer.text == "a figure"
    else:
        assert answer.status_code == 403
        assert "Your role does not include this." in answer.text
        assert "Sign out" in answer.text


async def test_a_route_that_declares_nothing_is_closed_even_to_the_owner(app: Litestar) -> None:
    assert (await (await signed_up(app)).get("/forgotten")).status_code == 403
    assert (await Browser(app).get("/forgotten")).status_code == 303


async def test_roles_hold_what_the_specification_says() -> None:
    """An owner may everything; an admin all but ending the business; daily work adds the operator; finance sees money; a viewer reads."""
    may = {permission: {role for role in Role if permission in permissions(role)} for permission in Permission}
    assert may[Permission.CONNECT] == {Role.OWNER, Role.ADMIN}
    assert may[Permission.SYNC] == may[Permission.PUSH_STOCK] == may[Permission.SCHEDULE] == {Role.OWNER, Role.ADMIN, Role.OPERATOR}
    assert may[Permission.SEE_MONEY] == {Role.OWNER, Role.ADMIN, Role.FINANCE}
    assert may[Permission.READ] == set(Role)
    assert permissions(Role.OWNER) == set(Permission)
    assert permissions(Role.OWNER) - permissions(Role.ADMIN) == {Permission.CLOSE_BUSINESS}
    assert permissions(Role.FINANCE) - permissions(Role.VIEWER) == {Permission.SEE_MONEY, Permission.SET_TAX}
    assert may[Permission.INVOICE] == may[Permission.SEE_MONEY] & may[Permission.SEE_BUYERS]
    assert permissions(Role.VIEWER) == {Permission.ANYONE, Permission.SELF, Permission.READ}
    assert may[Permission.SEE_BUYERS] == {Role.OWNER, Role.ADMIN, Role.OPERATOR}
    assert set(BY_ROLE) == set(Role)
    assert permissions("INVENTED") == frozenset()
