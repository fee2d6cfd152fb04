"""Everything in one file: whole, harmless to a spreadsheet, without buyers, and one seller's alone."""

import csv
import html
import io
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from portal import clock, files
from portal.errors import NotFound
from portal.exports import asking, making
from portal.exports.contents import SHEETS
from portal.people import service as people
from portal.postgres import Addresses
from portal.settings import Settings
from portal.tables.exports import ExportState
from portal.tables.people import Role
from portal.vault import Vault
from tests.browsing import opened, signed_up
from tests.factories import make_account, make_seller
from tests.invoicing.making import KURTA, PRIYANKA, rows, sold
from tests.workshop import queueing

pytestmark = pytest.mark.anyio

WICKED = '=HYPERLINK("http://198.51.100.1","Kurta")'


def sheets(content: bytes) -> dict[str, list[dict[str, str]]]:
    """The tables of an export, each as rows by column."""
    with ZipFile(io.BytesIO(content)) as bundle:
        return {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(bundle.read(name).decode("utf-8-sig"))))
            for name in bundle.namelist()
        }


async def test_everything_leaves_in_one_file_and_nothing_of_anybody_else(connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    asha, chitra = await make_seller(), await make_seller("Chitra Crafts")
    account, hers = await make_account(asha), await make_account(chitra, external="C1", name="Craft store")
    item = type(KURTA)(external_item_id="1", sku="-KURTA", title=WICKED, quantity=2, unit_amount=Decimal("-499.50"))
    await sold(account, keys, items=(item,))
    await sold(account, keys, number=2)
    await sold(hers, keys, number=3)
    settings = Settings(database_url=connected.worker, data_dir=tmp_path)
    async with queueing(connected.worker) as jobs:
        export_id = await asking.ask(asha, jobs=jobs, by="Asha")
        assert await asking.ask(asha, jobs=jobs, by="Asha") == export_id, "pressing twice makes one"
        context: dict[str, Any] = {"settings": settings}
        await making.make_export(context, export_id=str(export_id))
        made = await asking.newest(asha)
        assert made is not None
        assert (made.state, made.sheets_done, made.stored is not None) == (ExportState.DONE, len(SHEETS), True)
        assert made.stored is not None
        content = await files.at(settings).read(made.stored.key, sha256=made.stored.sha256)
        found = sheets(content)
        assert set(found) == {sheet.name for sheet in SHEETS}
        assert [row["order"] for row in found["orders"]] == ["403-0000001", "403-0000002"]
        assert made.rows == sum(len(one) for one in found.values())
        first = found["order-items"][0]
        assert (first["title"], first["sku"], first["price_each"]) == (f"'{WICKED}", "'-KURTA", "-499.5")
        assert first["marketplace"] == "Amazon India"
        with ZipFile(io.BytesIO(content)) as bundle:
            everything = b"".join(bundle.read(name) for name in bundle.namelist()).decode()
        assert PRIYANKA.name not in everything
        assert PRIYANKA.address.splitlines()[0] not in everything
        assert "Craft store" not in everything
        assert await asking.newest(chitra) is None

        await making.make_export(context, export_id=str(export_id))
        assert (await asking.newest(asha)) == made, "a second delivery changes nothing"
        await rows(asha, "UPDATE exports SET expires_at = $1", clock.now() - timedelta(seconds=1))
        assert await making.forget_ended(files.at(settings)) == 1
        assert await rows(asha, "SELECT FROM exports") == []
        with pytest.raises(NotFound):
            await files.at(settings).read(made.stored.key, sha256=made.stored.sha256)
    (entry,) = await rows(asha, "SELECT actor FROM audit_entries WHERE action = 'business.exported'")
    assert entry["actor"] == "Asha"


async def test_a_worker_that_was_thought_lost_puts_nothing_under_the_file_of_the_next(
    connected: Addresses, keys: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = await make_seller()
    account = await make_account(asha)
    await sold(account, keys)
    settings = Settings(database_url=connected.worker, data_dir=tmp_path)
    context: dict[str, Any] = {"settings": settings}
    keep_file, kept_by_others = files.Files.keep_file, list[str]()

    async def overtaken(store: files.Files, key: str, file: Path, mime: str) -> files.Stored:
        """The first to get here stands still until another has made the same export, with an order more in it."""
        if not kept_by_others:
            kept_by_others.append(key)
            await sold(account, keys, number=2)
            await making.make_export(context, export_id=str(export_id))
        return await keep_file(store, key, file, mime)

    monkeypatch.setattr(files.Files, "keep_file", overtaken)
    async with queueing(connected.worker) as jobs:
        export_id = await asking.ask(asha, jobs=jobs, by="Asha")
        await making.make_export(context, export_id=str(export_id))
    made = await asking.newest(asha)
    assert made is not None
    assert made.stored is not None
    assert len(sheets(await files.at(settings).read(made.stored.key, sha256=made.stored.sha256))["orders"]) == 2
    with pytest.raises(NotFound):
        await files.at(settings).read(kept_by_others[0])


async def test_the_page_shows_how_far_it_is_and_hands_it_to_owners_alone(database: Addresses, keys: Vault, tmp_path: Path) -> None:
    async with opened(database.web, keys, data_dir=tmp_path) as app:
        browser = await signed_up(app)
        viewer = await people.current(browser.session)
        assert viewer is not None
        asha = viewer.seller_id
        assert "Make the file" in (await browser.get("/settings/export")).text
        assert 'href="/settings/export"' in (await browser.get("/settings/close")).text
        assert (await browser.post("/settings/export")).status_code == 303
        waiting = (await browser.get("/settings/export")).text
        assert "The file is being made" in waiting
        assert 'hx-trigger="every 2s"' in waiting
        export = await asking.newest(asha)
        assert export is not None
        await making.make_export({"settings": Settings(database_url=database.web, data_dir=tmp_path)}, export_id=str(export.id))
        link = re.search(r'href="(/documents/close_business/[^"]+)"', (await browser.get("/settings/export")).text)
        assert link is not None
        handed_out = await browser.get(html.unescape(link[1]))
        assert handed_out.headers["content-type"] == "application/zip"
        assert sheets(handed_out.content)["orders"] == []
        await rows(asha, "UPDATE exports SET state = 'making', progressed_at = $1", clock.now() - asking.STUCK)
        assert "Making the file stopped" in (await browser.get("/settings/export")).text
        await rows(asha, "UPDATE seller_users SET role = $1", Role.ADMIN)
        assert (await browser.get("/settings/export")).status_code == 403
        assert (await browser.get(html.unescape(link[1]))).status_code == 403
