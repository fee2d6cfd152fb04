"""The seller panel: addresses and one method per call, inside the seller's own captured session.

There is no way to renew such a session from here: the password is never known, and no refresh call is published. Cookies that the
panel itself renews with a good answer are kept. A refused call is made once more, and the second refusal is the verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from portal.marketplaces.ajio.client.refusals import Door, PassRefused, answered
from portal.marketplaces.ajio.session import TENANT, PanelSession, cookies_text, renewed, signs_in_anew
from portal.marketplaces.http import Calls, Outside, Quota

PANEL_URL = "https://seller.ajio.com"
LONGEST_WINDOW_DAYS = 90
BIGGEST_PAGE = 2000
PLACES_PER_PAGE = 100
PER_LOGIN = Quota("panel", rate=1.0, burst=3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The days a report is asked for, both included."""

    first: date
    last: date


@dataclass(slots=True, kw_only=True)
class PanelClient:
    """One POB in one captured session. Every method answers the decoded document and raises only MarketplaceErrors.

    `session` is the captured one with the cookies that the panel has renewed since.
    """

    outside: Outside
    calls: Calls = field(repr=False)
    session: PanelSession = field(repr=False)
    pob_id: str

    async def work_places(self, page: int) -> dict[str, Any]:
        """The POBs this login sees."""
        path = f"/malekith/nickfury/v1/sellers/{self.session.context.user_id}/work-places"
        return await self._ask(path, {"workPlaceType": "POB", "page": page, "size": PLACES_PER_PAGE}, "POB list")

    async def order_report(self, window: Window, page: int, size: int) -> dict[str, Any]:
        return await self._report("order", window, page, size, "orders")

    async def return_report(self, window: Window, page: int, size: int) -> dict[str, Any]:
        return await self._report("rtv", window, page, size, "returns")

    async def payment_report(self, window: Window, page: int, size: int) -> dict[str, Any]:
        return await self._report("payment", window, page, size, "payments")

    async def _report(self, name: str, window: Window, page: int, size: int, what: str) -> dict[str, Any]:
        params = {"page": page, "size": size, "from": window.first.isoformat(), "to": window.last.isoformat(), "pobIds": self.pob_id}
        return await self._ask(f"/malekith/vision/v1/dropship/{name}/report", params, what)

    async def _ask(self, path: str, params: Mapping[str, Any], what: str) -> dict[str, Any]:
        try:
            return await self._once(path, params, what)
        except PassRefused:
            pass  # one refusal is no verdict: panels end a session's server and find it again on another
        try:
            return await self._once(path, params, what)
        except PassRefused as refused:
            raise refused.verdict from None

    async def _once(self, path: str, params: Mapping[str, Any], what: str) -> dict[str, Any]:
        base = self.outside.settings.get("PORTAL_URL", PANEL_URL).rstrip("/")
        request = self.calls.request("GET", f"{base}{path}", params=params, headers=self._headers())
        response = await self.calls.send(request, PER_LOGIN)
        document = answered(response, what, Door.PANEL, hush=self.session.secrets())
        await self._take_cookies(response.headers.get_list("set-cookie"))
        return document

    async def _take_cookies(self, headers: list[str]) -> None:
        """Cookies of a good answer only: those of a page for strangers would sign the seller out."""
        fresh = renewed(self.session, headers)
        if signs_in_anew(self.session, fresh):
            await self.outside.keep({"session_cookies": cookies_text(fresh)})
        self.session = fresh

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "X-Tenant": TENANT}
        if cookies := self.session.cookie_header:
            headers["Cookie"] = cookies
        if self.session.access_token:
            headers["Authorization"] = f"Bearer {self.session.access_token}"
        if self.session.context.user_agent:
            headers["User-Agent"] = self.session.context.user_agent
        return headers
