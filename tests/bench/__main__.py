"""`python -m tests.bench [name ...]`: all measurements, or the named ones, as JSON lines on standard output."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import msgspec

from portal import logs
from portal.settings import Settings
from tests.bench import (
    click,
    ingest,
    orders_page,
    overhead,
    printing,
    processing,
    settlement,
    starting,
    stock,
    streams,
    targets,
    visit,
    walls,
)
from tests.bench.figures import Figure

MEASUREMENTS: dict[str, Callable[[], AsyncIterator[Figure]]] = {
    "ingest": ingest.measure,
    "overhead": overhead.measure,
    "click": click.measure,
    "orders-page": orders_page.measure,
    "starting": starting.measure,
    "targets": targets.measure,
    "settlement": settlement.measure,
    "stock": stock.measure,
    "streams": streams.measure,
    "visit": visit.measure,
    "walls": walls.measure,
    "printing": printing.measure,
    "processing": processing.measure,
}


async def _print(names: list[str]) -> None:
    for name in names:
        async for figure in MEASUREMENTS[name]():
            sys.stdout.write(msgspec.json.encode(figure).decode() + "\n")
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the portal.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(MEASUREMENTS)}; without one, all of them")
    chosen = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := set(chosen) - set(MEASUREMENTS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    # What is measured in this process writes its log nowhere; the figures have standard output to themselves.
    logs.configure(Settings(log_level="ERROR"), process="bench")
    asyncio.run(_print(chosen))


if __name__ == "__main__":
    main()
