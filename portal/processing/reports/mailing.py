"""The report of a scheduled batch by mail: once, to everybody who does the daily work, with its papers behind one link."""

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from portal import clock, db
from portal.documents import links, reports
from portal.documents.reports import RunReport
from portal.jobs import Jobs
from portal.language import gettext
from portal.notices import service as notices
from portal.notices.wording import Words
from portal.people.permissions import Permission
from portal.processing.prints import asking
from portal.processing.prints.asking import Print
from portal.processing.prints.job import make_one
from portal.processing.reports import reading
from portal.runs import service as runs
from portal.tables.printing import PrintKind
from portal.vault import Vault

NEWS_FOR = timedelta(days=1)
"""A report that nobody could mail for a day is no news any more; its page stays."""

BY = "schedule"


async def ask_for_due(jobs: Jobs, codes: Collection[str]) -> int:
    """Have the reports mailed that nobody has mailed yet, of scheduled runs at these marketplaces. Answers how many.

    A worker asks for those it serves itself: of another one's queue it may not see whether the job stands there already.
    """
    asked = 0
    for found in await db.door("door_reports_due", clock.now() - NEWS_FOR):
        account = await runs.account_of(found["seller_id"], found["run_id"])
        if account.marketplace_code in codes:
            await jobs.report_run(account.marketplace_code, found["run_id"])
            asked += 1
    return asked


async def report_run(ctx: dict[str, Any], *, run_id: str) -> None:
    """Queue entry point. The mail and the note that it was written are one transaction, so it is written once."""
    seller_id = await db.seller_of("door_seller_of_run", UUID(run_id))
    if seller_id is None:
        return
    report = await reading.report_of(seller_id, UUID(run_id))
    made = None if report.quiet else await _papers(ctx, seller_id, UUID(run_id))
    async with db.transaction(seller_id) as held:
        first = await held.fetchval(
            "INSERT INTO run_reports (run_id, seller_id, told_at) VALUES ($1, $2, $3) ON CONFLICT (run_id) DO NOTHING RETURNING run_id",
            UUID(run_id),
            seller_id,
            clock.now(),
        )
        if first is not None:
            await _tell(seller_id, UUID(run_id), report, made, ctx["vault"])


async def _papers(ctx: dict[str, Any], seller_id: UUID, run_id: UUID) -> Print | None:
    """Everything of the run's batch in one file; None where there is nothing to print."""
    known = await asking.of_run(seller_id, run_id)
    if known is not None:
        return known
    async with db.transaction(seller_id) as held:
        # A worker may have begun it and died.
        print_id: UUID | None = await held.fetchval("SELECT id FROM print_files WHERE run_id = $1 AND state <> 'failed'", run_id)
        batch = await held.fetchrow(
            """SELECT id, marketplace_account_id FROM batches b
               WHERE run_id = $1 AND EXISTS (SELECT FROM documents d WHERE d.batch_id = b.id)""",
            run_id,
        )
        if print_id is None and batch is not None:
            print_id = await asking.begin(seller_id, batch["marketplace_account_id"], batch["id"], PrintKind.BATCH, by=BY, run_id=run_id)
    if print_id is not None:
        await make_one(ctx, seller_id, print_id)
    return await asking.of_run(seller_id, run_id)


async def _tell(seller_id: UUID, run_id: UUID, report: RunReport, made: Print | None, vault: Vault) -> None:
    link = "" if report.quiet else f"/syncs/{run_id}/report"
    if made is not None and made.stored is not None:
        link = links.link(vault.derived(links.SECRET), seller_id, made.stored, permission=Permission.SEE_BUYERS, until=made.expires_at)
    words = partial(_words, report, made, link)
    await notices.tell(seller_id, about=f"report {run_id}", words=words, needs=Permission.SYNC)


def _words(report: RunReport, made: Print | None, link: str) -> Words:
    """The mail in the language of the moment."""
    body = [*reports.paragraphs(report)]
    if made is not None and made.stored is not None:
        papers = gettext("All papers in packing order, %(pages)s pages in one PDF, until %(when)s:")
        body.append(papers % {"pages": made.pages, "when": reports.at(made.expires_at)})
    elif not report.quiet:
        body.append(gettext("The whole report:"))
    return Words(subject=report.headline, body=body, link=link)
