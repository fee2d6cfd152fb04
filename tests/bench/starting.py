"""How long `up` takes until the portal is ready, on a data directory that has been started before, and what its processes hold then."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.bench.figures import Figure, figure, peak_mb
from tests.bench.stage import free_port

ROUNDS = 3
READY = b"The portal is ready"
LIBRARIES = "import litestar, piccolo.table, asyncpg, psycopg, saq, httpx, jinja2, cryptography.hazmat.primitives.hpke"
COMMANDS = {"help": ("--help",), "keys": ("keys", "--help")}


async def measure() -> AsyncIterator[Figure]:
    """First and later start, the commands, and the memory of each process once ready; beside them the bare imports of our libraries."""
    imports = figure("starting.libraries", min([await _run("-c", LIBRARIES) for _ in range(ROUNDS)]), "s", note="their imports alone")
    yield imports
    for name, arguments in COMMANDS.items():
        yield figure(f"starting.{name}", min([await _run("-m", "portal", *arguments) for _ in range(ROUNDS)]), "s").against(imports)
    with tempfile.TemporaryDirectory(prefix="portal-", ignore_cleanup_errors=True) as folder:
        async with _up(Path(folder) / "data") as (taken, _):
            yield figure("starting.first_up", taken, "s", note="makes keys and a database").against(imports)
        later: list[float] = []
        peaks: dict[str, float] = {}
        for _ in range(ROUNDS):
            async with _up(Path(folder) / "data") as (taken, held):
                later.append(taken)
                peaks = held
        yield figure("starting.later_up", min(later), "s", aim="< 5").against(imports)
        for name, peak in peaks.items():
            yield figure(f"starting.{name}_peak", peak, "MB", note="most memory held until ready")


async def _run(*arguments: str) -> float:
    """Seconds that a Python with these arguments takes."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=subprocess.DEVNULL)
    assert await process.wait() == 0, arguments
    return time.perf_counter() - started


@asynccontextmanager
async def _up(data_dir: Path) -> AsyncIterator[tuple[float, dict[str, float]]]:
    """A running `up`: seconds until it was ready, and the peak memory of each of its processes in MB."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    chosen = {"PORTAL_DATA_DIR": str(data_dir), "PORTAL_PORT": str(free_port()), "PORTAL_SANDBOX_PORT": str(free_port())}
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "portal", "up"), env=inherited | chosen, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        said = b""
        async with asyncio.timeout(120):
            async for line in process.stdout:
                said += line
                if READY in line:
                    break
        assert READY in said, said.decode()
        yield time.perf_counter() - started, _peaks(process.pid)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


def _peaks(supervisor: int) -> dict[str, float]:
    peaks = {"supervisor": peak_mb(supervisor)}
    for child in psutil.Process(supervisor).children():
        words = child.cmdline()
        if "postgres" not in words[0]:
            peaks[words[-1]] = peak_mb(child.pid)
    return peaks
