"""What this process says about itself: one line per event, for people or as JSON, never with a secret in it."""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from portal.errors import PortalError
from portal.settings import Settings

SECRET_WORDS = ("password", "secret", "token", "cookie", "authorization", "api_key", "credential")
HIDDEN = "[hidden]"
CHATTY = ("httpx", "httpcore", "saq", "asyncio", "piccolo", "psycopg.pool")
"""Libraries that tell addresses with their query strings, or every job: only their warnings are of interest."""


def configure(settings: Settings, *, process: str) -> None:
    """Send everything to standard error: our own events, and what libraries log. `process` is web, worker and so on."""
    finish: Processor = (
        structlog.processors.JSONRenderer() if settings.log_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_values,
        hide_secrets,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    told = logging.StreamHandler(sys.stderr)
    told.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _Named(process), finish]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [told]
    root.setLevel(settings.log_level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Named:
    def __init__(self, process: str) -> None:
        self._process = process

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        event["process"] = self._process
        return event


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last net: a value under a name that sounds secret is not written. Nothing should put one there."""
    for name in event:
        if any(word in name.lower() for word in SECRET_WORDS):
            event[name] = HIDDEN
    return event


def without_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces an attached exception by its frames and types."""
    attached = event.pop("exc_info", None)
    if attached:
        error = sys.exc_info()[1] if attached is True else attached[1] if isinstance(attached, tuple) else attached
        if isinstance(error, BaseException):
            event["trace"] = trace(error)
    return event


def trace(error: BaseException) -> str:
    """Where an error came from: frames and types, without the values in them.

    A frame's variables and a stranger's message may hold a password; only our own errors promise that theirs do not.
    """
    told: list[str] = []
    step: BaseException | None = error
    while step is not None:
        told += traceback.format_tb(step.__traceback__)
        told.append(f"{type(step).__qualname__}: {step}\n" if isinstance(step, PortalError) else f"{type(step).__qualname__}\n")
        step = step.__cause__ or step.__context__
    return "".join(told)
