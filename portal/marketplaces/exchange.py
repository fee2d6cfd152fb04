"""One exchange with a marketplace, as a log, a run and a counter may see it."""

import msgspec


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange as it may be shown and counted: no query string, no header, no body."""

    marketplace: str
    operation: str
    method: str
    path: str
    status: int | None
    duration_ms: float
    attempt: int
    request_id: str = ""
    fault: str = ""


async def unobserved(_: Call) -> None:
    return None
