"""The page with the mails of a demo: there only where no mail is sent, and only on this machine."""

from typing import Any

import pytest

from portal import db
from portal.accounts import service as accounts
from portal.app import create_app
from portal.marketplaces.errors import KeysRejected
from portal.notices import service as notices
from portal.outbox import service as outbox
from portal.people import service as people
from portal.postgres import Addresses
from portal.settings import Settings
from portal.vault import Vault
from tests.browsing import LOOPBACK, Browser, opened, signed_up
from tests.factories import make_account, make_seller

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


async def test_a_refusal_that_repeats_is_one_mail_and_one_line_on_the_page(database: Addresses, keys: Vault) -> None:
    async with opened(database.web, keys) as app:
        asha = await signed_up(app)
        viewer = await people.current(asha.session)
        assert viewer is not None
        account = await make_account(viewer.seller_id)
        for _ in range(5):
            await accounts.refused(account, KeysRejected("AMAZON_IN", "The key was refused."), version=1)
            await notices.tell_due()
        page = await asha.get("/home")
    assert page.text.count("Surat store needs reconnecting.") == 1
    async with opened(database.web, keys):
        assert len(await db.door("door_mails_latest")) == 1
