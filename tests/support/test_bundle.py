"""The file for support: what helps is in it, and nothing of the business, of people or of secrets."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar import Litestar

from portal import clock, db
from portal.people import service as people
from portal.postgres import Addresses
from portal.settings import Settings
from portal.support import service
from portal.tables.accounts import CredentialEvent, EventKind, MarketplaceAccount
from portal.tables.calls import SyncCall
from portal.tables.syncs import SetAside, SyncEvent, SyncRun
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up
from tests.factories import PASSWORD, make_account
from tests.workshop import seen

pytestmark = pytest.mark.anyio

CANARY = "canary"
BUNDLE = "/settings/support/bundle"


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    secrets: dict[str, Any] = {"smtp_url": f"smtp://user:{CANARY}@mail.example", "mail_from": f"{CANARY}@example.in", "sends_mail": True}
    async with opened(database.web, keys, marketplaces={"AMAZON_IN": {"CLIENT_ID": CANARY}}, **secrets) as app:
        yield app


async def planted(seller_id: UUID) -> UUID:
    """A run with a canary in every text that a person or a marketplace chose."""
    account = await make_account(seller_id, external=CANARY, name=f"{CANARY} store")
    run = uuid4()
    at: dict[str, Any] = {"seller_id": seller_id, "marketplace_account_id": account.id}
    async with db.transaction(seller_id):
        await MarketplaceAccount.update(
            dict.fromkeys(
                (*(MarketplaceAccount.external_name, MarketplaceAccount.last_validation_message), MarketplaceAccount.reconnect_reason),
                CANARY,
            ),
            force=True,
        )
        words: dict[str, Any] = dict.fromkeys(("requested_by", "error_message", "partial_reason", "cursor", "since", "watermark"), CANARY)
        await SyncRun.insert(
            SyncRun(id=run, **at, target="ORDERS", trigger="manual", diagnostic_id="SYN-TEST-0001", error_code="wire_changed", **words)
        )
        await SyncEvent.insert(SyncEvent(seller_id=seller_id, run_id=run, seq=1, kind="page", message=CANARY, detail=CANARY))
        await SyncCall.insert(
            SyncCall(seller_id=seller_id, run_id=run, seq=1, operation="orders", method="GET", path=f"/orders/{CANARY}", status=200)
        )
        await SetAside.insert(
            SetAside(run_id=run, **at, target="ORDERS", external_id=CANARY, reason=CANARY, raw_form=CANARY, retry_asked_by=CANARY)
        )
        await CredentialEvent.insert(
            CredentialEvent(**at, kind=EventKind.REJECTED, code="refused", message=CANARY, words=CANARY, actor=CANARY)
        )
    return run


async def seller_of(browser: Browser) -> UUID:
    viewer = await people.current(browser.session)
    assert viewer is not None
    return viewer.seller_id


def parts_of(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        return {name: json.loads(bundle.read(name)) for name in bundle.namelist()}


async def test_the_file_holds_what_happened_and_no_canary(app: Litestar, database: Addresses) -> None:
    asha = await signed_up(app, f"{CANARY}@example.in", f"{CANARY} Textiles")
    run = await planted(await seller_of(asha))
    answer = await asha.post(BUNDLE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    parts = parts_of(answer.content)
    assert CANARY not in json.dumps(parts).lower()
    assert [(one["id"], one["error_code"]) for one in parts["runs.json"]] == [(str(run), "wire_changed")]
    assert [one["operation"] for one in parts["exchanges.json"]] == ["orders"]
    assert parts["set_asides.json"][0]["rows"] == 1
    assert parts["settings.json"]["PORTAL_SMTP_URL"] == parts["settings.json"]["PORTAL_AMAZON_IN_CLIENT_ID"] == "set"
    assert set(parts["settings.json"].values()) == {"set", "default"}
    assert parts["health.json"]["audit_trail"] == "ok"
    (entry,) = await seen(database, "SELECT * FROM audit_entries WHERE action = 'support.bundled'")
    assert entry["after"] == "1 syncs, 1 exchanges"


async def test_only_named_columns_leave(app: Litestar) -> None:
    """A column that a later version adds stays inside until somebody names it here."""
    asha = await signed_up(app)
    await planted(await seller_of(asha))
    parts = parts_of((await asha.post(BUNDLE)).content)
    for name, columns in (("accounts", service.ACCOUNTS), ("runs", service.RUN), ("lines", service.LINE), ("exchanges", service.CALL)):
        assert {column for one in parts[f"{name}.json"] for column in one} == set(columns)


async def test_it_asks_first_who_sits_there_and_then_goes_on(app: Litestar) -> None:
    asha = await signed_up(app)
    with clock.stopped_at(clock.now() + timedelta(minutes=11)):
        assert (await asha.get("/settings/support")).headers["location"].startswith("/reauthenticate")
        asked = (await asha.post(BUNDLE)).headers["location"]
        await asha.get(asked)
        answer = await asha.post("/reauthenticate", {"password": PASSWORD, "then": asked.rpartition("then=")[2], "next": "/home"})
        assert answer.headers["content-type"] == "application/zip"
        assert (await asha.get("/settings/support")).status_code == 200


async def test_the_file_is_about_its_own_seller(app: Litestar) -> None:
    asha, chitra = await signed_up(app), await signed_up(app, "chitra@example.in", "Chitra Crafts")
    await planted(await seller_of(asha))
    parts = parts_of((await chitra.post(BUNDLE)).content)
    assert [parts[f"{name}.json"] for name in ("accounts", "runs", "lines", "exchanges", "credential_events", "set_asides")] == [[]] * 6


def test_a_setting_is_told_by_name_only() -> None:
    told = service.settings_told(Settings(metrics_token=CANARY))
    assert told["PORTAL_METRICS_TOKEN"] == "set"
    assert told["PORTAL_SMTP_URL"] == "default"
    assert CANARY not in str(told)
