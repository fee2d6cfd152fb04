from collections.abc import AsyncIterator

from tests.bench.figures import Figure


async def measure() -> AsyncIterator[Figure]:
    return
    yield
