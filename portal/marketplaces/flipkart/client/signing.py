"""Where Flipkart is reached, and how an application signs a call."""

import base64
from collections.abc import Mapping

import httpx

from portal.marketplaces.flipkart.application import Application

PRODUCTION = "https://api.flipkart.net"


def base_of(settings: Mapping[str, str]) -> str:
    return settings.get("URL", PRODUCTION).rstrip("/")


def signed(request: httpx.Request, app: Application) -> httpx.Request:
    pair = base64.b64encode(f"{app.app_id}:{app.app_secret}".encode()).decode()
    request.headers["Authorization"] = f"Basic {pair}"
    return request
