"""Many held orders, one decision: those of a cause together, each decided whole or not at all, and pressing twice changes nothing."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from portal.marketplaces.facts import Decision
from portal.postgres import Addresses
from portal.processing import deciding, held_orders
from portal.processing.deciding import Choice
from portal.processing.routes import ROUTES
from portal.runs import service as runs
from portal.tables.people import Role
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.factories import make_account, make_seller
from tests.processing.floor import Floor, floor
from tests.processing.pipelines import ajio, meesho
from tests.visiting import Browser, Person, browsing

pytestmark = pytest.mark.anyio

MANY = 7
"""The new orders of the fixture's shop."""


@pytest.fixture
async def works(connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    """The stock of nothing is known, at a marketplace that tells none."""
    async with floor(meesho.PIPELINE, connected, keys, tmp_path, orders=6) as one:
        await one.rows("DELETE FROM listings")
        assert (await one.process()).state == RunState.PARTIAL
        yield one


def visiting(works: Floor, role: Role = Role.OWNER, seller: UUID | None = None) -> Any:
    return browsing(Person(seller or works.seller, role), ROUTES, jobs=works.jobs, data_dir=works.settings.data_dir)


async def form(browser: Browser, page: str = "/held") -> dict[str, Any]:
    """What the form of the only cause sends along."""
    shown = (await browser.get(page)).text.partition('action="/held/decide"')[2].partition("</form>")[0]
    sent: dict[str, Any] = dict(re.findall(r'type="hidden" name="(account|code|until|offers|batch)" value="([^"]*)"', shown))
    return {**sent, "ticks": re.findall(r'name="held" value="(\d+)"', shown)}


async def decided(works: Floor) -> list[str]:
    """The decisions on record, in their order."""
    return [
        row["after"] for row in await works.rows("SELECT after FROM audit_entries WHERE action = 'batch.held_order_decided' ORDER BY id")
    ]


async def test_two_presses_bring_a_shop_of_unknown_stock_through_its_morning(works: Floor) -> None:
    async with visiting(works) as asha:
        shown = (await asha.get("/held")).text
        assert f"{MANY} orders: stock not known" in shown
        assert 'href="/listings#upload"' in shown
        assert f'href="/inventory?account={works.account.id}"' in shown
        sent = await form(asha)
        assert len(sent.pop("ticks")) == MANY
        answer = await asha.send_form("/held/decide", {**sent, "all": "as_ordered"})
        assert answer.headers["location"].startswith("/syncs/")
        again = await asha.send_form("/held/decide", {**sent, "all": "as_ordered"})
        assert again.headers["location"] == "/held"
    assert await decided(works) == ["as_ordered"] * MANY
    assert (await works.through()).state == RunState.SUCCEEDED
    await works.pipeline.agrees(works, {})


async def test_the_ticked_ones_are_decided_and_the_answer_names_those_that_could_not_be(works: Floor) -> None:
    async with visiting(works) as asha:
        sent = await form(asha)
        first, second, third, *_ = sent.pop("ticks")
        await held_orders.decide(works.seller, int(first), Decision.RETRY, {}, by="Bala")
        answer = await asha.send_form("/held/decide", {**sent, "held": [first, second, third], "decision": "as_ordered"})
        name = (await works.rows("SELECT external_order_id FROM batch_orders WHERE id = $1", int(first)))[0]["external_order_id"]
        assert answer.status_code == 200
        assert "2 orders decided." in answer.text
        assert name in answer.text
        assert "Somebody has decided about this order already." in answer.text
        (run,) = await works.rows("SELECT id FROM sync_runs WHERE state = 'queued'")
        assert f'href="/syncs/{run["id"]}"' in answer.text, "those that were decided go on at once"
        nothing = await asha.send_form("/held/decide", {**sent, "decision": "as_ordered"})
        assert nothing.headers["location"] == "/held"
        before_all_days = "0001-01-01T00:00:00+23:59"
        for wrong in (
            {"decision": "burn"},
            {"all": "retry", "until": "soon"},
            {"all": "retry", "until": before_all_days},
            {"held": ["1; DROP"], "decision": "retry"},
        ):
            assert (await asha.send_form("/held/decide", {**sent, **wrong})).status_code == 422
    assert await decided(works) == ["retry", "as_ordered", "as_ordered"]
    assert await held_orders.count(works.seller) == MANY - 3


async def test_many_are_cancelled_only_after_one_more_question(works: Floor) -> None:
    async with visiting(works) as asha:
        sent = await form(asha)
        sent.pop("ticks")
        asked = await asha.send_form("/held/decide", {**sent, "all": "drop"})
        assert f"Cancel {MANY} orders?" in asked.text
        assert await decided(works) == []
        assert (await asha.send_form("/held/decide", {**sent, "all": "drop", "sure": "yes"})).status_code == 303
    assert await decided(works) == ["drop"] * MANY
    await works.through()
    assert {row["state"] for row in (await works.orders()).values()} == {"gone"}


async def test_all_means_those_that_the_page_was_about(works: Floor) -> None:
    """Neither one that was held after the page was read, nor one of another cause, batch or shop, or that stands in another group."""
    (group,) = await held_orders.listed(works.seller)
    later, other, apart = group.orders[0], group.orders[1], group.orders[2]
    await works.rows("UPDATE batch_orders SET held_at = held_at + interval '1 minute' WHERE id = $1", later.id)
    await works.rows("UPDATE batch_orders SET held_code = 'papers_missing' WHERE id = $1", other.id)
    await works.rows("""UPDATE batch_orders SET decisions = '["retry", "drop"]' WHERE id = $1""", apart.id)
    choice = Choice(account_id=group.account_id, code=group.code, until=group.until, offers=group.offers, all=True)
    meant = await deciding.meant(works.seller, choice, Decision.RETRY)
    assert {one.id for one in meant} == {one.id for one in group.orders} - {later.id, other.id, apart.id}
    for narrowed in (Choice(account_id=group.account_id, code=group.code, until=group.until - timedelta(days=1), offers=group.offers, all=True),
                     Choice(account_id=group.account_id, code=group.code, until=group.until, offers=group.offers, batch_id=works.seller, all=True)):  # fmt: skip
        assert await deciding.meant(works.seller, narrowed, Decision.RETRY) == []
    elsewhere = await make_account(works.seller, code=works.pipeline.code, external="another shop", name="Delhi store")
    of_another = Choice(account_id=elsewhere.id, code=group.code, until=group.until, offers=group.offers, all=True)
    assert await deciding.meant(works.seller, of_another, Decision.RETRY) == []
    assert await deciding.meant(works.seller, choice, Decision.REDUCE) == [], "no order of these offers it"


async def test_two_people_press_at_the_same_moment(works: Floor) -> None:
    (group,) = await held_orders.listed(works.seller)
    choice = Choice(account_id=group.account_id, code=group.code, until=group.until, offers=group.offers, all=True)
    meant = await deciding.meant(works.seller, choice, Decision.RETRY)
    asha, bala = await asyncio.gather(
        deciding.decide(works.seller, meant, Decision.RETRY, by="Asha"),
        deciding.decide(works.seller, meant, Decision.AS_ORDERED, by="Bala"),
    )
    assert asha.decided + bala.decided == MANY
    assert len(asha.refused) == bala.decided
    assert len(await decided(works)) == MANY


async def test_a_stranger_decides_nothing_and_a_viewer_is_offered_nothing(works: Floor) -> None:
    async with visiting(works) as asha:
        sent = await form(asha)
    ticks = sent.pop("ticks")
    async with visiting(works, seller=await make_seller("Chitra Crafts")) as chitra:
        for more in ({"all": "retry"}, {"held": ticks, "decision": "retry"}, {"decision": "retry"}):
            assert (await chitra.send_form("/held/decide", {**sent, **more})).status_code == 404
    async with visiting(works, Role.VIEWER) as viewer:
        assert "/held/decide" not in (await viewer.get("/held")).text
        assert (await viewer.send_form("/held/decide", {**sent, "all": "retry"})).status_code == 403
    assert await decided(works) == []


async def test_corrections_stay_with_their_own_order(connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    async with floor(ajio.PIPELINE, connected, keys, tmp_path, orders=8) as works:
        for order in works.world.sold[2:4]:
            order.gstin = "27AAPFU0939F1ZX"
        await works.process()
        async with visiting(works) as asha:
            shown = (await asha.get("/held")).text
            one, other = re.findall(r'formaction="/held/(\d+)"', shown)
            right = {f"gstin-{one}": "27AAPFU0939F1ZV", f"gstin-{other}": " "}
            assert (await asha.send_form(f"/held/{one}", {**right, "decision": "correct"})).headers["location"] == "/held"
            empty = await asha.send_form(f"/held/{other}", {**right, "decision": "correct"})
            assert (empty.status_code, "Enter the GSTIN of the buyer." in empty.text) == (422, True)
        assert await decided(works) == ["correct"]
        assert await held_orders.count(works.seller) == 1


async def test_what_waits_for_a_person_is_called_so_until_somebody_has_acted(works: Floor) -> None:
    (run,) = await runs.history(works.seller)
    assert (run.attention, (await runs.attention(works.seller, run.id))) == ("held", "held")
    (problem,) = await runs.problems(works.seller)
    assert problem.kind == "waits"
    async with visiting(works) as asha:
        assert "Waiting for you" in (await asha.get("/batches")).text
        sent = await form(asha)
        sent.pop("ticks")
        await asha.send_form("/held/decide", {**sent, "all": "as_ordered"})
        assert (await runs.attention(works.seller, run.id)) == "past"
        await works.through()
        assert await runs.problems(works.seller) == []
        assert "Waiting for you" not in (await asha.get("/batches")).text


async def test_nothing_is_done_while_orders_wait_and_the_run_says_so(works: Floor) -> None:
    """Their batch is closed and no order is new, so nothing else is left to say."""
    again = await works.process()
    assert again.state == RunState.PARTIAL
    assert f"{MANY} orders are held and wait for your decision." in again.partial_reason
    assert await runs.attention(works.seller, again.id) == "held"
    async with visiting(works) as asha:
        sent = await form(asha)
        sent.pop("ticks")
        await asha.send_form("/held/decide", {**sent, "all": "as_ordered"})
    assert await runs.attention(works.seller, again.id) == "past"


async def test_of_a_disconnected_account_is_said_what_to_do_and_no_button_is_dead(works: Floor) -> None:
    (group,) = await held_orders.listed(works.seller)
    await works.rows("UPDATE marketplace_accounts SET state = 'disconnected'")
    async with visiting(works) as asha:
        for page in ("/held", f"/batches/{group.orders[0].batch_id}"):
            shown = (await asha.get(page)).text
            assert "Connect the shop again, then decide about its orders." in shown
            assert "/held/" not in shown
            assert f'href="/accounts/{works.account.id}"' in shown
        assert "for your decision" not in (await asha.get("/batches")).text
        answer = await asha.send_form(f"/held/{group.orders[0].id}", {"decision": "retry"})
        assert (answer.status_code, "Connect the shop again" in answer.text) == (409, True)
    assert await decided(works) == []
    assert await held_orders.count(works.seller) == 0


async def test_the_page_can_be_narrowed_to_one_account(works: Floor) -> None:
    elsewhere = await make_account(works.seller, code=works.pipeline.code, external="another shop", name="Delhi store")
    async with visiting(works) as asha:
        assert f"{MANY} orders: stock not known" in (await asha.get(f"/held?account={works.account.id}")).text
        assert "Nothing is held" in (await asha.get(f"/held?account={elsewhere.id}")).text
        assert f"{MANY} orders: stock not known" in (await asha.get("/held?account=nobody")).text


async def test_a_single_order_has_one_first_choice(works: Floor) -> None:
    (group,) = await held_orders.listed(works.seller)
    await works.rows("DELETE FROM batch_orders WHERE id <> $1", group.orders[0].id)
    async with visiting(works) as asha:
        shown = (await asha.get("/held")).text.partition('class="notice warn"')[2].partition("</main>")[0]
    assert len(re.findall(r'class="primary"', shown)) == 1
    assert 'class="danger"' in shown


async def test_with_the_last_decision_the_orders_of_an_account_go_on_by_themselves(works: Floor) -> None:
    (group,) = await held_orders.listed(works.seller)
    first, last, *others = group.orders
    await works.rows("DELETE FROM batch_orders WHERE id = ANY($1)", [one.id for one in others])
    async with visiting(works) as asha:
        await asha.send_form(f"/held/{first.id}", {"decision": "as_ordered"})
        assert await works.rows("SELECT FROM sync_runs WHERE state = 'queued'") == []
        await asha.send_form(f"/held/{last.id}", {"decision": "as_ordered"})
    (run,) = await works.rows("SELECT id FROM sync_runs WHERE state = 'queued'")
    await works.work(run["id"])
    orders = await works.orders()
    assert {orders[one.external_order_id]["state"] for one in (first, last)} <= {"in", "done"}, "none waits for a next batch"
