"""Fetching from and putting into the storage, without a token: the address is the pass."""

from typing import Any

from litestar import Response, get, put
from litestar.handlers import HTTPRouteHandler

from portal import clock
from portal.marketplaces.amazon_in.sandbox.gate import Asked, answer, bent, fault_for
from portal.marketplaces.amazon_in.sandbox.state import State

DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"


def routes(state: State) -> list[HTTPRouteHandler]:
    @get("/_documents/{name:str}")
    async def fetch(request: Asked) -> Response[Any]:
        ordered = await fault_for(state, "document")
        laid = state.documents.laid.get(request.path_params["name"])
        if laid is None or laid.ends < clock.now() or laid.awaited or _brings_a_pass(request):
            return answer(DENIED, 403, "application/xml")
        response = bent(ordered, laid.content)
        response.media_type = "text/plain; charset=utf-8"
        return response

    @put("/_documents/{name:str}")
    async def store(request: Asked) -> Response[Any]:
        await fault_for(state, "document")
        laid = state.documents.laid.get(request.path_params["name"])
        if laid is None or laid.ends < clock.now() or _brings_a_pass(request) or request.headers.get("content-type") != laid.awaited:
            return answer(DENIED, 403, "application/xml")
        laid.content = await request.body()
        return answer(b"", 200, "application/xml")

    return [fetch, store]


def _brings_a_pass(request: Asked) -> bool:
    return "x-amz-access-token" in request.headers
