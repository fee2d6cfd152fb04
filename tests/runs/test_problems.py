"""Problems: identical faults are one, which clears itself; mutes end; the way out stands beside them."""

from datetime import timedelta
from uuid import UUID

import pytest

from portal import clock
from portal.errors import NotFound
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import UnreadableRow
from portal.runs import painting, service
from portal.tables.people import Role
from tests.factories import make_seller
from tests.runs.conftest import PAGES, Desk
from tests.visiting import Person, browsing
from tests.workshop import seen

pytestmark = pytest.mark.anyio

SAID = "Bazaar is not answering."


async def failed(desk: Desk, said: str = SAID, code: str = "unreachable") -> None:
    await service.fail(await desk.at_work(), code, said)


async def told(desk: Desk) -> list[tuple[str, int, bool]]:
    return [(one.code, one.count, one.muted) for one in await service.problems(desk.seller)]


async def test_identical_faults_are_one_problem_with_its_span(desk: Desk) -> None:
    start = clock.now() - timedelta(hours=3)
    for hour in range(3):
        with clock.stopped_at(start + timedelta(hours=hour)):
            await failed(desk)
    await failed(desk, "We cannot read this.", "wire_changed")
    assert await told(desk) == [("wire_changed", 1, False), ("unreachable", 3, False)]
    folded = (await service.problems(desk.seller))[1]
    assert (folded.first_at, folded.last_at, folded.said) == (start, start + timedelta(hours=2), SAID)


async def test_a_later_success_clears_it_and_a_reread_does_not(desk: Desk) -> None:
    await failed(desk)
    again = await desk.at_work()
    await service.finish(again, watermark="w")
    assert await told(desk) == []
    await failed(desk)
    assert await told(desk) == [("unreachable", 1, False)]


async def test_a_run_that_was_cut_is_a_problem_until_one_reads_to_the_end(desk: Desk) -> None:
    await service.finish(await desk.at_work(), watermark=None, cut="Bazaar sent the same page twice.")
    assert await told(desk) == [("cut", 1, False)]
    await service.finish(await desk.at_work(), watermark="w")
    assert await told(desk) == []


async def test_a_batch_that_waits_for_a_person_says_so_and_has_no_failed_part(desk: Desk) -> None:
    """Orders that are held are decided where the batches are; to run once more would only find them held again."""
    why = "2 orders are held and wait for your decision."
    started = await service.start(desk.seller, desk.account.id, ScheduleTarget.FULL_PROCESSING, jobs=desk.jobs)
    run = await desk.take(started.run_id)
    await service.finish(run, watermark=None, cut=why)
    batch = (
        await seen(
            desk.addresses,
            """INSERT INTO batches (id, seller_id, marketplace_account_id, number, run_id) VALUES (gen_random_uuid(), $1, $2, 1, $3)
               RETURNING id""",
            desk.seller,
            desk.account.id,
            run.id,
        )
    )[0]["id"]
    await _asks(desk, run.id, why, "/batches")
    await seen(
        desk.addresses,
        """INSERT INTO batch_orders (seller_id, marketplace_account_id, batch_id, external_order_id, state, held_at)
           SELECT $1, $2, $3, 'A-1', 'held', finished_at FROM sync_runs""",
        desk.seller,
        desk.account.id,
        batch,
    )
    await _asks(desk, run.id, why, "/held")
    await seen(desk.addresses, "UPDATE batch_orders SET state = 'in'")
    await seen(desk.addresses, "UPDATE batches SET close_asked_at = now()")
    (listed,) = await service.history(desk.seller)
    assert painting.words(listed.state, listed.attention) == ("Waited for you", "neutral")
    assert await service.problems(desk.seller) == []


async def _asks(desk: Desk, run_id: UUID, why: str, href: str) -> None:
    """Everywhere it is listed the run waits for a person, who is led to where something can be done."""
    (listed,) = await service.history(desk.seller)
    assert painting.words(listed.state, listed.attention) == ("Waiting for you", "warn")
    shown = painting.panel(await desk.run(run_id), await service.attention(desk.seller, run_id))
    assert (shown.words, shown.can_retry, shown.rows_href) == ("Waiting for you", False, href)
    assert (await service.events(desk.seller, run_id))[-1].message == why
    (problem,) = await service.problems(desk.seller)
    assert (problem.kind, painting.remedy(problem).href) == ("waits", href)
    for state, found in ((service.FOR_PERSON, 1), ("partial", 0)):
        assert len((await service.search(desk.seller, service.Filters(state=state))).rows) == found
    async with browsing(Person(desk.seller), PAGES, jobs=desk.jobs) as browser:
        for page in (f"/syncs/{run_id}", "/syncs", "/syncs?result=for_person"):
            assert "Waiting for you" in (await browser.get(page)).text
            assert "Done with problems</span>" not in (await browser.get(page)).text
        assert "Waiting for you" in (await browser.get(f"/syncs/{run_id}/log.txt")).text


async def test_rows_set_aside_are_one_problem_of_the_account(desk: Desk) -> None:
    run = await desk.at_work()
    async with service.recording(run):
        rows = [UnreadableRow(external_id=f"B-{number}", reason="no date", raw={}) for number in range(3)]
        assert await service.keep_aside(run, rows) == 3
    await service.finish(run, watermark="w")
    (problem,) = await service.problems(desk.seller)
    assert (problem.kind, problem.count, problem.said) == ("set_aside", 3, "no date")
    assert painting.remedy(problem).href == f"/set-asides?account={desk.account.id}"


async def test_a_mute_ends_with_its_time(desk: Desk) -> None:
    await failed(desk)
    await service.mute(desk.seller, desk.account.id, "unreachable", by="Asha", for_days=1)
    assert await told(desk) == [("unreachable", 1, True)]
    await failed(desk, "It says something else, and the day is not over.")
    assert await told(desk) == [("unreachable", 2, True)]
    with clock.stopped_at(clock.now() + timedelta(days=1, minutes=1)):
        assert await told(desk) == [("unreachable", 2, False)]


async def test_a_mute_until_it_changes_holds_as_long_as_it_says_the_same(desk: Desk) -> None:
    await failed(desk)
    await service.mute(desk.seller, desk.account.id, "unreachable", by="Asha", for_days=None)
    await failed(desk)
    assert await told(desk) == [("unreachable", 2, True)]
    await failed(desk, "Bazaar is closed for good.")
    assert await told(desk) == [("unreachable", 3, False)]


async def test_a_mute_until_it_changes_does_not_outlive_its_streak(desk: Desk) -> None:
    await failed(desk)
    await service.mute(desk.seller, desk.account.id, "unreachable", by="Asha", for_days=None)
    await service.finish(await desk.at_work(), watermark="w")
    await failed(desk)
    assert await told(desk) == [("unreachable", 1, False)]


async def test_only_a_problem_of_ones_own_can_be_muted(desk: Desk) -> None:
    await failed(desk)
    chitra = await make_seller("Chitra Crafts")
    assert await service.problems(chitra) == []
    for seller, code in ((chitra, "unreachable"), (desk.seller, "nothing_like_this")):
        with pytest.raises(NotFound):
            await service.mute(seller, desk.account.id, code, by="Chitra", for_days=1)


async def test_refused_keys_ask_for_a_reconnect_and_go_once_it_was_done(desk: Desk) -> None:
    from tests.workshop import seen

    await failed(desk, "The shop refuses its key.", "keys_rejected")
    assert await told(desk) == []
    await seen(desk.addresses, "UPDATE marketplace_accounts SET needs_reconnect = true")
    (problem,) = await service.problems(desk.seller)
    assert painting.remedy(problem).href == f"/accounts/{desk.account.id}/reconnect"


async def test_the_card_carries_its_way_out_and_a_mute(desk: Desk) -> None:
    for _ in range(2):
        await failed(desk)
    newest = (await service.problems(desk.seller))[0].run_id
    async with browsing(Person(desk.seller), PAGES, jobs=desk.jobs) as browser:
        page = (await browser.get("/syncs")).text
        assert "Surat store: sync of orders failed 2 times" in page
        assert f'action="/syncs/{newest}/retry"' in page
        assert "Failed 2 times" in page
        answer = await browser.send_form(
            f"/accounts/{desk.account.id}/problems/mute", {"code": "unreachable", "for": "7", "back": "/syncs"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/syncs")
        assert "1 muted problem" in (await browser.get("/syncs")).text
        assert "What needs a hand" not in (await browser.get("/syncs")).text
        await browser.send_form(f"/accounts/{desk.account.id}/problems/unmute", {"code": "unreachable"})
        assert "What needs a hand" in (await browser.get("/syncs")).text
        refused = await browser.send_form(f"/accounts/{desk.account.id}/problems/mute", {"code": "unreachable", "for": "ever"})
        assert refused.status_code == 422


async def test_who_may_not_sync_sees_the_problem_without_buttons(desk: Desk) -> None:
    await failed(desk)
    async with browsing(Person(desk.seller, Role.VIEWER), PAGES) as browser:
        page = (await browser.get("/syncs")).text
        assert "sync of orders failed" in page
        assert "/retry" not in page
        assert "/problems/mute" not in page
        assert (
            await browser.send_form(f"/accounts/{desk.account.id}/problems/mute", {"code": "unreachable", "for": "1"})
        ).status_code == 403
