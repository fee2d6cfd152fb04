"""The page with the mails of a demo: there only where no mail is sent, and only on this machine."""

from typing import Any

import pytest

from portal.app import create_app
from portal.outbox import service as outbox
from portal.postgres import Addresses
from portal.settings import Settings
from portal.vault import Vault
from tests.browsing import LOOPBACK, Browser
from tests.factories import make_seller

pytestmark = pytest.mark.anyio


async def shown(database: Addresses, keys: Vault, **chosen: Any) -> tuple[int, str]:
    settings = Settings(database_url=database.web, **{"public_url": LOOPBACK, **chosen})
    app = create_app(settings, vault=keys)
    async with app.lifespan():
        await outbox.post(
            await make_seller(),
            to="asha@example.in",
            subject="Choose <b>",
            body=["First.", "Second."],
            link="/reset-password/1",
            signed=True,
        )
        answer = await Browser(app, base=settings.public_url).get("/outbox")
        return answer.status_code, answer.text


async def test_a_demo_lists_its_mails_with_links_that_work(database: Addresses, keys: Vault) -> None:
    status, page = await shown(database, keys, demo=True)
    assert status == 200
    assert "Choose &lt;b&gt;" in page
    assert "<p>Second.</p>" in page
    assert 'href="/reset-password/1?t=' in page


@pytest.mark.parametrize(
    "chosen",
    [
        {"demo": False},
        {"demo": True, "sends_mail": True},
        {"demo": True, "smtp_url": "smtp://127.0.0.1"},
        {"demo": True, "public_url": "https://portal.example.in"},
    ],
)
async def test_anywhere_else_there_is_no_such_page(database: Addresses, keys: Vault, chosen: dict[str, Any]) -> None:
    assert (await shown(database, keys, **chosen))[0] == 404
