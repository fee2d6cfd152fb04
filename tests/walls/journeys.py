"""Everything a seller does that touches her secrets or her buyers, in a whole town. Each journey answers the canaries it brought in."""

import io
import json
import re
import zipfile
from uuid import UUID

from portal import clock, db
from portal.listings import service as listings
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget, SyncContext
from portal.marketplaces.facts import ListingFact
from portal.marketplaces.http import Outside
from portal.marketplaces.registry import marketplace
from portal.processing import rules
from portal.processing.closing import Rule
from portal.tables.processing import ClosePolicy
from portal.tables.syncs import RunState
from tests.browsing import Browser
from tests.connecting.consenting import Consents, query_of
from tests.contract.desks import Line
from tests.walls.town import Town, rows

PAIRING = re.compile(r'<code id="pairing-code">([^<]+)</code>')
LEAST = 6
"""Letters of a value that is looked for; shorter ones stand anywhere by chance."""


async def connect(one: Town, place: Marketplace) -> tuple[UUID, set[str]]:
    """The whole wizard with the sandbox's key file. Answers the account, and its secrets and buyers."""
    assert place.sandbox_keys is not None
    values = place.sandbox_keys(one.shop)
    method = place.method_of(values)
    wizard = await _begun(one, place, method.code, f"{place.name} shop")
    typed = {name: values.get(name, "") for name in method.fields()}
    await one.post(f"{wizard}/3", {**typed, **_hidden((await one.get(f"{wizard}/3")).text)})
    await one.tested(wizard)
    await one.get(f"{wizard}/4")
    account_id = await one.confirmed(wizard)
    secrets = {values[name] for name, field in method.fields().items() if field.secret and values.get(name)}
    return account_id, secrets | await _buyers(one, place, account_id)


async def reconnect(one: Town, place: Marketplace, account_id: UUID) -> None:
    """The same keys once more, as after they were renewed."""
    assert place.sandbox_keys is not None
    values = place.sandbox_keys(one.shop)
    method = place.method_of(values)
    await one.get(f"/accounts/{account_id}/reconnect")
    wizard = (await one.post(f"/accounts/{account_id}/reconnect")).headers["location"].removesuffix("/3")
    typed = {name: values.get(name, "") for name in method.fields()}
    await one.post(f"{wizard}/3", {**typed, **_hidden((await one.get(f"{wizard}/3")).text)})
    await one.tested(wizard)
    await one.confirmed(wizard)


async def hand_off(one: Town, place: Marketplace) -> set[str]:
    """Through the marketplace's own page of consent and back. Answers the code that travelled; the state stands in the address on purpose."""
    consents = Consents(place, one.app, one.side, one.settings, one.vault, Line())
    wizard = await _begun(one, place, consents.method, f"{place.name} by consent")
    back = query_of(await consents.allowed(one.asha, wizard))
    await one.tested(wizard)
    await one.get(f"{wizard}/4")
    one.answers += consents.said
    return {value for name, value in back.items() if name.endswith("code")}


async def capture(one: Town) -> set[str]:
    """A session out of her browser, by the extension. Answers its cookies and tokens, and the pairing code."""
    place = marketplace("AJIO")
    values = sandbox_panel_keys(one.shop)
    wizard = await _begun(one, place, values["method"], "By the panel")
    await one.get(f"{wizard}/capture")
    shown = await one.asha.post(f"{wizard}/capture", {"agreed": "1"})
    found = PAIRING.search(shown.text)
    assert found is not None, shown.text
    cookies = [{**cookie, "domain": "127.0.0.1", "path": "/", "secure": False} for cookie in json.loads(values["session_cookies"])]
    blobs = {"session_cookies": cookies, "access_token": values["access_token"], "refresh_token": None}
    message = {"version": 1, "pairing_code": found[1], "captured_at": clock.now().isoformat(), "origin": one.base}
    headers = {
        "origin": "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "sec-fetch-site": "cross-site",
        "content-type": "text/plain",
    }
    content = json.dumps({**message, "blobs": {**blobs, "seller_context": json.loads(values["seller_context"])}})
    answer = await Browser(one.app, address="10.0.0.7").http.post(f"/connect/{place.slug}/capture", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    one.answers.append(f"capture {answer.headers} {answer.text}")
    await one.tested(wizard)
    await one.get(f"{wizard}/4")
    return {found[1], values["access_token"], *(cookie["value"] for cookie in cookies)}


async def process(one: Town, account_id: UUID) -> None:
    """A batch through all stages, papers and all."""
    account = await one.account(account_id)
    async with db.transaction(one.viewer.seller_id):
        rule = Rule(close_policy=ClosePolicy.IMMEDIATE, tax_number="27AAPFU0939F1ZV")
        await rules.save(account.seller_id, account.id, rule, by=one.viewer.called)
        skus = [row["sku"] for row in await rows(one, "SELECT DISTINCT sku FROM order_items")]
        plenty = [
            ListingFact(sku=sku, external_listing_id=sku, title=sku, status="active", raw_status="", quantity_seen=10_000) for sku in skus
        ]
        await listings.keep(account, plenty)
    run = await one.over((await one.synced(account_id, ScheduleTarget.FULL_PROCESSING)).id, waited_out=True)
    assert run.state in (RunState.SUCCEEDED, RunState.PARTIAL), run.error_message
    for batch in await rows(one, "SELECT id FROM batches"):
        await one.get(f"/batches/{batch['id']}")


async def look_at_a_buyer(one: Town) -> None:
    """The one page that shows a buyer in clear, and so is not among the answers."""
    (order,) = await rows(one, "SELECT id FROM orders WHERE buyer_name IS NOT NULL LIMIT 1")
    shown = await one.asha.post(f"/orders/{order['id']}/buyer")
    assert shown.status_code == 200


async def take_away(one: Town) -> None:
    """The bundle for support and the audit trail as a file: both leave the house."""
    await one.get("/settings/support")
    answer = await one.asha.post("/settings/support/bundle")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        one.answers += [f"bundle {name} {bundle.read(name).decode()}" for name in bundle.namelist()]
    await one.get("/settings/audit")
    await one.get("/settings/audit.csv")


PAGES = (
    *("/home", "/orders", "/returns", "/payouts", "/listings", "/inventory", "/syncs", "/set-asides", "/batches", "/held"),
    *("/accounts", "/accounts/new", "/status", "/metrics", "/healthz", "/readyz", "/settings/security", "/settings/team"),
)


async def look_around(one: Town, *, runs: int) -> None:
    """Every page about what this seller has, and of the latest so many runs each log to take away and the live stream."""
    paths = [*PAGES]
    paths += [f"/orders/{row['id']}" for row in await rows(one, "SELECT id FROM orders ORDER BY id LIMIT 5")]
    for row in await rows(one, "SELECT id FROM marketplace_accounts"):
        paths += [f"/accounts/{row['id']}{part}" for part in ("", "/timeline", "/schedule", "/reconnect")]
    for row in await rows(one, f"SELECT id FROM sync_runs WHERE finished_at IS NOT NULL ORDER BY created_at DESC LIMIT {runs}"):
        paths += [f"/syncs/{row['id']}{part}" for part in ("", "/log", "/log.txt", "/log.jsonl", "/events", "/report")]
    for path in paths:
        await one.get(path)


async def _begun(one: Town, place: Marketplace, method: str, name: str) -> str:
    """A setup at step 3: its address."""
    await one.get("/accounts/new")
    wizard = (await one.post("/connect", {"marketplace": place.code})).headers["location"].removesuffix("/1")
    await one.post(f"{wizard}/1", {"name": name, "method": method})
    await one.post(f"{wizard}/2")
    return str(wizard)


def _hidden(page: str) -> dict[str, str]:
    """The form's own number and version, as the page brought them."""
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', page) for name in ("form_token", "version")}
    return {name: match[1] for name, match in found.items() if match}


async def _buyers(one: Town, place: Marketplace, account_id: UUID) -> set[str]:
    """Names, phones, streets and mails of everybody who bought, as the marketplace tells them."""
    assert place.sandbox_keys is not None
    values = place.sandbox_keys(one.shop)
    method = place.method_of(values)
    keys = method.keys(**{name: values[name] for name in method.fields() if name in values})
    account: AccountRef = await one.account(account_id)
    found: set[str] = set()
    assert place.open is not None
    async with place.open(Outside(settings=one.settings.of(place.code), allow_private=True), account, keys) as adapter:
        async for page in adapter.sync_orders(SyncContext(account=account, now=one.shop.now)):
            people = [fact.buyer for fact in page.facts if fact.buyer is not None]
            found |= {value for person in people for value in (person.name, person.phone, person.email, person.address)}
    return {value for value in found if len(value) >= LEAST}
