"""A business that is closed while its papers are being made: nothing that names its buyers stays behind, however late it comes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal import clock
from portal.accounts import service as accounts
from portal.accounts.job import LOOK_AGAIN, erase_history
from portal.files import Files
from portal.postgres import Addresses
from portal.processing.prints import asking
from portal.processing.prints.job import print_papers
from portal.tables.printing import PrintKind
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.processing.floor import Floor, floor
from tests.processing.pipelines.ajio import PIPELINE
from tests.workshop import seen

pytestmark = pytest.mark.anyio


@pytest.fixture
async def works(connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(PIPELINE, connected, keys, tmp_path, orders=4) as one:
        yield one


class Meanwhile(httpx.AsyncHTTPTransport):
    """Does something once, when the first paper is on its way here."""

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._act: Callable[[], Awaitable[None]] | None = act

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if self._act is not None and answer.headers.get("content-type", "").startswith("application/pdf"):
            act, self._act = self._act, None
            await act()
        return answer


async def close(works: Floor) -> None:
    """The seller leaves, and the worker deletes what it finds at once."""
    await accounts.close(works.seller, typed_name="Asha Textiles", by="Asha", jobs=works.jobs)
    await erase(works)


async def erase(works: Floor) -> None:
    await seen(works.addresses, "DELETE FROM saq_jobs WHERE key LIKE 'erase-%'")
    await erase_history(works.context(), account_id=str(works.account.id))


async def asked_again(works: Floor) -> bool:
    return bool(await seen(works.addresses, "SELECT FROM saq_jobs WHERE key LIKE 'erase-%' AND scheduled > extract(epoch FROM now())"))


def kept(works: Floor) -> list[Path]:
    return [file for file in (works.settings.data_dir / "documents").rglob("*") if file.is_file()]


async def test_a_paper_that_was_on_its_way_goes_when_its_run_has_ended(works: Floor) -> None:
    works.transport = Meanwhile(lambda: close(works))
    run = await works.process()
    assert run.state == RunState.CANCELLED
    assert kept(works)
    assert await asked_again(works)
    with clock.stopped_at(clock.now() + LOOK_AGAIN):
        await erase(works)
    assert (kept(works), await asked_again(works)) == ([], False)


async def test_a_print_file_that_was_being_made_is_not_kept(works: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await works.process()).state == RunState.SUCCEEDED
    (batch,) = await works.rows("SELECT id FROM batches")
    print_id = await asking.ask(works.seller, batch["id"], PrintKind.BATCH, jobs=works.jobs, by="Asha")
    keep_file = Files.keep_file

    async def kept_while_the_business_closes(*given: Any) -> Any:
        await close(works)
        return await keep_file(*given)

    monkeypatch.setattr(Files, "keep_file", kept_while_the_business_closes)
    await print_papers(works.context(), print_id=str(print_id))
    assert kept(works) == []
