"""A settlement of a hundred thousand lines, from an uploaded file to committed rows, in a process of its own: seconds and memory."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from portal import db, logs
from portal.marketplaces.amazon_in.sandbox.orders import MadeOrders
from portal.marketplaces.amazon_in.sandbox.settlements import Booking, MadeSettlement, MadeSettlements
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import articles
from portal.payouts import uploads
from portal.settings import Settings
from portal.up.child import ROOT
from tests.bench.fair import shop_of
from tests.bench.figures import Figure, figure, peak_mb
from tests.bench.rows import copied, counted
from tests.bench.stage import Stage, staged
from tests.factories import make_account, make_seller

LINES = 100_000
SHOP = shop_of(orders=9_000, returns=0, payouts=1, listings=500)
"""Enough delivered orders for that many lines."""
TABLES = ("marketplace_payouts", "payout_line_items")
FILE = "settlement.tsv"

_ORDERS = """
INSERT INTO orders (seller_id, marketplace_account_id, external_order_id, status, raw_status, placed_at, marketplace_updated_at)
SELECT $1, $2, told.*, 'delivered', 'Shipped', now(), now() FROM unnest($3::text[]) AS told
"""


class FirstLines(MadeSettlements):
    """The sandbox's settlements, cut after so many lines."""

    def bookings(self, settlement: MadeSettlement) -> Iterator[Booking]:
        return islice(super().bookings(settlement), LINES)


async def measure() -> AsyncIterator[Figure]:
    """COPY, the first keeping of the file, keeping it again, and the memory of each process."""
    async with staged(orders=1) as stage:
        path = stage.data_dir / FILE
        orders = await asyncio.to_thread(_write, path)
        account = await _account(stage, orders)
        first = await _kept(stage, path, account)
        assert await stage.owner.fetchval("SELECT count(*) FROM payout_line_items WHERE order_id IS NOT NULL") == LINES
        again = await _kept(stage, path, account)
        rows = await counted(stage.owner, TABLES)
        assert rows == LINES + 1, rows
        copy = figure("settlement.copy", rows / await copied(stage.owner, TABLES), "lines/s", note=f"{rows} rows of {', '.join(TABLES)}")
        yield copy
        size = f"{LINES} lines of {len(orders)} orders, {path.stat().st_size / 2**20:.1f} MB"
        yield figure("settlement.seconds", first["read_s"] + first["kept_s"], "s", note=size)
        yield figure("settlement.preview", LINES / first["read_s"], "lines/s", note=f"stored and read through: {first['read_s']:.1f} s")
        yield figure("settlement.keep", LINES / first["kept_s"], "lines/s", note=f"read again and kept: {first['kept_s']:.1f} s").against(
            copy
        )
        yield figure("settlement.same_again", LINES / again["kept_s"], "lines/s", note="nothing had changed").against(copy)
        yield figure("settlement.peak", first["peak_mb"], "MB", note=f"of one process; {first['before_mb']:.0f} MB before the file came")


def _write(path: Path) -> list[str]:
    """The file. Answers the orders that it names."""
    settlements = FirstLines(SHOP, MadeOrders(SHOP, articles(SHOP)))
    [settlement] = settlements.all
    path.write_text(settlements.document(settlement))
    named = [one.order for one in settlements.bookings(settlement)]
    assert len(named) == LINES, len(named)
    return list(dict.fromkeys(named))


async def _account(stage: Stage, orders: list[str]) -> AccountRef:
    """An account that holds these orders."""
    await db.connect(stage.addresses.web, max_size=2, name="bench")
    stage.closing.push_async_callback(db.disconnect)
    account = await make_account(await make_seller())
    await stage.owner.execute(_ORDERS, account.seller_id, account.id, orders)
    return account


async def _kept(stage: Stage, path: Path, account: AccountRef) -> dict[str, Any]:
    """What a new process tells of uploading and keeping the file."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.settlement", str(path), str(account.seller_id), str(account.id)),
        cwd=ROOT,
        env={**os.environ, "PORTAL_DATABASE_URL": stage.addresses.web},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"The file was not kept; status {process.returncode}")
    told: dict[str, Any] = json.loads(said)
    return told


async def _keep(path: Path, account: AccountRef) -> dict[str, float]:
    """Upload the file and keep it, as the two buttons of its page do."""
    read = marketplace(account.code).read_payout_file
    assert read is not None
    await db.connect(os.environ["PORTAL_DATABASE_URL"], max_size=2, name="bench-file")
    before_mb = peak_mb(os.getpid())
    started = time.perf_counter()
    with path.open("rb") as source:
        upload_id = await uploads.receive(account, path.name, source, read, data_dir=path.parent, by="bench")
    read_at = time.perf_counter()
    await uploads.keep(account.seller_id, upload_id, read, data_dir=path.parent, by="bench")
    kept_at = time.perf_counter()
    await db.disconnect()
    return {"before_mb": before_mb, "peak_mb": peak_mb(os.getpid()), "read_s": read_at - started, "kept_s": kept_at - read_at}


def main() -> None:
    path, seller_id, account_id = sys.argv[1:]
    logs.configure(Settings(log_level="ERROR"), process="bench")
    account = AccountRef(id=UUID(account_id), seller_id=UUID(seller_id), code="AMAZON_IN", external_account_id="", name="Surat store")
    sys.stdout.write(json.dumps(asyncio.run(_keep(Path(path), account))))


if __name__ == "__main__":
    main()
