"""Everything a seller does that touches her secrets or her buyers, in a whole town. Each journey answers the canaries it brought in."""

import asyncio
import io
import json
import re
import zipfile
from typing import Any
from uuid import UUID

import httpx
import pyotp

from portal import clock, db
from portal.listings import service as listings
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget, SyncContext
from portal.marketplaces.facts import ListingFact
from portal.marketplaces.http import Outside
from portal.marketplaces.registry import marketplace
from portal.processing import rules
from portal.processing.closing import Rule
from portal.tables.accounts import AccountState
from portal.tables.printing import PrintKind, PrintState
from portal.tables.processing import ClosePolicy
from portal.tables.syncs import RunState
from tests.browsing import Browser
from tests.connecting.consenting import Consents, query_of
from tests.contract.desks import Line
from tests.invoicing.making import TYPED
from tests.processing.by_hand import PAPERS as PRINTED
from tests.processing.by_hand import SHEETS
from tests.walls.town import PATIENCE_S, Town, rows
from tests.walls.walking import PARAMETERS, routes

_SECRET = re.compile(r"<code>([A-Z2-7 ]{32,})</code>")
_PAPER = re.compile(r"<code>([a-z2-9]{5}-[a-z2-9]{5})</code>")
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
    await one.proven()
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


async def capture(one: Town) -> tuple[str, set[str]]:
    """A session out of her browser, by the extension. Answers the tested setup, and its cookies and tokens with the pairing code."""
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
    return wizard, {found[1], values["access_token"], *(cookie["value"] for cookie in cookies)}


async def leave(one: Town, account_id: UUID) -> None:
    """Disconnected; its history stays."""
    await one.proven()
    await one.get(f"/accounts/{account_id}/disconnect")
    await one.post(f"/accounts/{account_id}/disconnect", {"history": "keep", "name": (await one.account(account_id)).name})
    (left,) = await rows(one, f"SELECT state FROM marketplace_accounts WHERE id = '{account_id}'")
    assert left["state"] == AccountState.DISCONNECTED


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
    await print_papers(one, account_id)
    await decide(one)


async def decide(one: Town) -> None:
    """What a batch held back is decided: all of it is cancelled, one by one."""
    for held in await rows(one, "SELECT id FROM batch_orders WHERE state = 'held'"):
        await one.post(f"/held/{held['id']}", {"decision": "drop"})


ENDED = (PrintState.DONE, PrintState.FAILED)


async def print_papers(one: Town, account_id: UUID) -> None:
    """All papers of the account's latest batch in one file, which the worker makes and only whoever may see buyers opens."""
    (batch,) = await rows(one, f"SELECT id FROM batches WHERE marketplace_account_id = '{account_id}' ORDER BY number DESC LIMIT 1")
    printed = (await one.post(f"/batches/{batch['id']}/prints", {"kind": PrintKind.BATCH})).headers["location"]
    async with asyncio.timeout(PATIENCE_S):
        while (await rows(one, f"SELECT state FROM print_files WHERE id = '{printed.rpartition('/')[2]}'"))[0]["state"] not in ENDED:
            await asyncio.sleep(0.2)
    assert (await one.asha.get(printed)).status_code < 400


async def invoice(one: Town) -> None:
    """Settings, and a tax invoice for one shipped order of every account whose seller makes them herself. The paper shows its buyer."""
    issued = 0
    for account in await rows(one, "SELECT id FROM marketplace_accounts"):
        await one.get(f"/accounts/{account['id']}/tax")
        saved = await one.asha.post(f"/accounts/{account['id']}/tax", TYPED)
        shipped = f"SELECT id FROM orders WHERE marketplace_account_id = '{account['id']}' AND status IN ('shipped', 'delivered') LIMIT 1"
        for order in await rows(one, shipped) if saved.status_code < 400 else []:
            page = await one.post(f"/orders/{order['id']}/invoice", {"place_of_supply": "27"})
            paper = await one.asha.get(f"/orders/{order['id']}/invoice.pdf")
            assert (page.status_code, paper.status_code) == (303, 200), page.text
            issued += 1
    assert issued


async def second_step(one: Town) -> set[str]:
    """Turned on, with its secret on the one page that shows it. Answers that, the codes on paper, and the session from before."""
    before = one.asha.session
    await one.post("/settings/security/second-step/begin")
    found = _SECRET.search((await one.asha.get("/settings/security/second-step")).text)
    assert found is not None
    secret = found[1].replace(" ", "")
    answer = await one.asha.post("/settings/security/second-step", {"code": pyotp.TOTP(secret).at(clock.now())})
    codes = _PAPER.findall(answer.text)
    assert codes
    return {secret, before, *codes}


async def carry_by_hand(one: Town, account_id: UUID) -> set[str]:
    """A batch over a captured session: her own hands take sheets to the marketplace's panel and bring papers back. Answers its buyers."""
    world, place = one.worlds["AJIO"], marketplace("AJIO")
    world.add(4)
    buyers = await _buyers(one, place, account_id)
    run = await one.synced(account_id, ScheduleTarget.FULL_PROCESSING)
    async with httpx.AsyncClient(base_url=f"{one.base}/{place.slug}", cookies={"vms_session": world.panel_cookie}) as panel:

        async def hands() -> None:
            for errand in await rows(one, OPEN_ERRANDS):
                await _carry(one, errand, panel)

        run = await one.over(run.id, waited_out=True, meanwhile=hands)
    assert run.state in (RunState.SUCCEEDED, RunState.PARTIAL), run.error_message
    assert await rows(one, "SELECT 1 FROM batch_errands WHERE state = 'done'")
    return buyers


OPEN_ERRANDS = """
SELECT e.*, s.stage FROM batch_errands e JOIN stage_runs s ON s.batch_id = e.batch_id AND s.position = e.position WHERE e.state = 'open'
"""


async def _carry(one: Town, errand: Any, panel: httpx.AsyncClient) -> None:
    address, stage = f"/batches/{errand['batch_id']}/errands/{errand['id']}", errand["stage"]
    content = b""
    if errand["file_key"]:
        sheet = (await one.asha.get(f"{address}/file")).content
        content = (await panel.post(f"/vmsui/orders/{SHEETS[stage]}", files={"sheet": ("sheet.xlsx", sheet)})).content
    if stage in PRINTED:
        waiting = await rows(one, f"SELECT external_order_id FROM batch_orders WHERE state = 'in' AND batch_id = '{errand['batch_id']}'")
        named = ",".join(row["external_order_id"] for row in waiting)
        content = (await panel.get(f"/vmsui/orders/{PRINTED[stage]}.pdf", params={"orders": named})).content
    name = "result.xlsx" if stage == "confirm" else "papers.pdf"
    answer = await one.asha.http.post(address, data={"_csrf_token": one.asha.csrf}, files={"brought": (name, content)})
    one.answers.append(f"{address} {answer.headers} {answer.text}")
    assert answer.status_code == 303, answer.text[-2000:]


async def look_at_a_buyer(one: Town) -> None:
    """The one page that shows a buyer in clear, and so is not among the answers."""
    (order,) = await rows(one, "SELECT id FROM orders WHERE buyer_name IS NOT NULL LIMIT 1")
    shown = await one.asha.post(f"/orders/{order['id']}/buyer")
    assert shown.status_code == 200


async def take_away(one: Town) -> None:
    """The bundle for support, which leaves the house."""
    await one.proven()
    answer = await one.asha.post("/settings/support/bundle")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        one.answers += [f"bundle {name} {bundle.read(name).decode()}" for name in bundle.namelist()]


PAPERS = {
    # What is for whoever may see buyers, and shows them: papers, and the one-time address of a page that pairs another computer.
    "/orders/{order_id}/invoice.pdf",
    "/batches/{batch_id}/orders/{order}",
    "/batches/{batch_id}/documents/{document_id}",
    "/batches/{batch_id}/prints/{print_id}",
    "/batches/{batch_id}/errands/{errand_id}/file",
    "/documents/{permission}/{until}/{sha256}/{key}",
    "/connect/{wizard_id}/computer/{ticket}",
    # Not of a seller.
    "/oauth/{slug}/start",
    "/oauth/{slug}/return",
    "/static/{address}",
}
_NAMED = re.compile(r"\{(\w+)\}")


async def look_around(one: Town, *, most: int) -> None:
    """Every page there is, about the latest so many of whatever it is about: logs to take away and live streams too. A new page is among them."""
    for route in routes(one.app):
        if route.method == "GET" and route.path not in PAPERS:
            headers = {"HX-Request": "true"} if route.path.startswith("/p/") else {}
            for path in await _addresses(one, route.path, most):
                await one.look(path, headers)


async def _addresses(one: Town, path: str, most: int) -> list[str]:
    """The page with her own ids in its address. ValueError for one with several, which has to be told here."""
    names = _NAMED.findall(path)
    if not names:
        return [path]
    (name,) = names
    if name == "draft_id":
        found = await rows(one, "SELECT DISTINCT draft_id AS id FROM inventory_tasks WHERE draft_id IS NOT NULL")
    else:
        # The stream of a run that goes on does not end.
        ended = "WHERE finished_at IS NOT NULL" if name == "run_id" else ""
        found = await rows(one, f"SELECT id FROM {PARAMETERS[name]} {ended} ORDER BY id DESC LIMIT {most}")
    return [path.replace(f"{{{name}}}", str(row["id"])) for row in found]


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
