"""A link to a document works for one seller, for the roles it was made for, until its hour, and for the bytes it was made for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from portal import clock
from portal.documents import links, routes
from portal.files import Files, Stored
from portal.people.permissions import Permission
from portal.tables.people import Role
from portal.vault import Vault
from tests.visiting import Browser, Person, browsing

pytestmark = pytest.mark.anyio

ROUTES: list[Any] = [*routes.ROUTES]
ASHA, RAVI = uuid4(), uuid4()


@pytest.fixture
async def label(tmp_path: Path) -> Stored:
    return await Files(tmp_path / "documents").keep("batches/7/label-1.pdf", b"%PDF the label", "application/pdf")


@asynccontextmanager
async def visitor(keys: Vault, tmp_path: Path, *, seller: UUID = ASHA, role: Role = Role.OPERATOR) -> AsyncIterator[Browser]:
    async with browsing(Person(seller, role), ROUTES, vault=keys, data_dir=tmp_path) as browser:
        yield browser


def made(keys: Vault, label: Stored, permission: Permission = Permission.SEE_BUYERS) -> str:
    return links.link(keys.derived(links.SECRET), ASHA, label, permission=permission, until=clock.now() + timedelta(hours=1))


async def test_a_link_brings_the_document(keys: Vault, label: Stored, tmp_path: Path) -> None:
    async with visitor(keys, tmp_path) as browser:
        answer = await browser.get(made(keys, label))
    assert (answer.status_code, answer.content) == (200, b"%PDF the label")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="label-1.pdf"'
    assert answer.headers["cache-control"] == "private, no-store"


async def test_it_is_nothing_to_another_seller(keys: Vault, label: Stored, tmp_path: Path) -> None:
    async with visitor(keys, tmp_path, seller=RAVI) as browser:
        assert (await browser.get(made(keys, label))).status_code == 404


async def test_it_ends(keys: Vault, label: Stored, tmp_path: Path) -> None:
    link = made(keys, label)
    with clock.stopped_at(clock.now() + timedelta(minutes=61)):
        async with visitor(keys, tmp_path) as browser:
            assert (await browser.get(link)).status_code == 410


async def test_a_role_that_may_not_see_buyers_does_not_get_them_by_link(keys: Vault, label: Stored, tmp_path: Path) -> None:
    async with visitor(keys, tmp_path, role=Role.VIEWER) as browser:
        assert (await browser.get(made(keys, label))).status_code == 403
        assert (await browser.get(made(keys, label, Permission.READ))).status_code == 200


@pytest.mark.parametrize("part", range(2, 6))
async def test_no_part_of_it_can_be_changed(part: int, keys: Vault, label: Stored, tmp_path: Path) -> None:
    path, _, signature = made(keys, label).partition("?t=")
    parts = path.split("/")
    parts[part] = {2: "read", 3: str(int(parts[3]) + 999_999), 4: "0" * 64, 5: "reports"}[part]
    async with visitor(keys, tmp_path) as browser:
        assert (await browser.get(f"{'/'.join(parts)}?t={signature}")).status_code == 404
        assert (await browser.get(path)).status_code == 404


async def test_other_bytes_than_the_link_was_made_for_are_not_handed_out(keys: Vault, label: Stored, tmp_path: Path) -> None:
    link = made(keys, label)
    await Files(tmp_path / "documents").keep(label.key, b"%PDF another", "application/pdf")
    async with visitor(keys, tmp_path) as browser:
        answer = await browser.get(link)
    assert answer.status_code == 500
    assert b"another" not in answer.content
