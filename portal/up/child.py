"""One process under the supervisor: its log file, its warnings on the terminal, its last words, its end."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import portal

ROOT = Path(portal.__file__).resolve().parent.parent
LIBC = ctypes.CDLL(None)
SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
LOUD = {"warning", "error", "critical"}
LAST_WORDS = 8


class Child:
    """`python -m portal <command>`, running. Make one with `started`."""

    def __init__(self, name: str, process: Process, log: Path, tell: Callable[[str], None]) -> None:
        self.name = name
        self.log = log
        self.last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._process = process
        self._tell = tell
        self.end = asyncio.create_task(self._live(), name=name)
        """Its exit status, once it has ended and its last line is in the log."""

    @classmethod
    async def started(cls, name: str, environment: Mapping[str, str], logs: Path, tell: Callable[[str], None]) -> "Child":
        """Start it in a session of its own, so that the terminal's Ctrl-C reaches the supervisor alone. `tell` gets its warnings."""
        log = logs / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "portal", name),
            cwd=ROOT,
            env=environment,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            limit=2**20,
        )
        return cls(name, process, log, tell)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def stop(self, patience_s: float) -> None:
        """Ask it to end, and after `patience_s` end it and whatever it started."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), patience_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self.end

    async def _live(self) -> int:
        assert self._process.stdout is not None
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as log:
            while line := await _line(self._process.stdout):
                log.write(line)
                said = line.decode(errors="replace").rstrip()
                self.last_words.append(said)
                if loud := in_words(said):
                    self._tell(f"{self.name}: {loud}")
        return await self._process.wait()


async def command(*arguments: str, environment: Mapping[str, str], typed: str = "") -> tuple[int, str, str]:
    """Run `python -m portal ...` to its end: exit status, standard output, standard error. `typed` is its standard input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "portal", *arguments),
        cwd=ROOT,
        env=environment,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    try:
        out, err = await process.communicate(typed.encode())
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    return await process.wait(), out.decode(errors="replace"), err.decode(errors="replace")


def in_words(line: str) -> str:
    """A structured log line that the operator should see, as a sentence; empty for all others."""
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(entry, dict) or str(entry.get("level", "")).lower() not in LOUD:
        return ""
    more = " ".join(
        f"{name}={value}" for name, value in entry.items() if name not in {"level", "event", "timestamp", "logger", "exception"}
    )
    return f"{entry['level']}: {entry.get('event', '')} {more}".rstrip()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, empty at the end. A line beyond the limit comes in pieces."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await stream.readexactly(long.consumed)


def _end_with_parent() -> None:
    """In the child: a supervisor that is killed takes it along, so that the next start finds the ports free."""
    LIBC.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
