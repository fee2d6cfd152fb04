"""A small Meesho of our own: the proposed wire over HTTP, strict about what it receives, wrong on request."""

import hashlib

from litestar import Litestar

from portal.marketplaces.meesho.sandbox.counter import EXPRESSES
from portal.marketplaces.meesho.sandbox.gate import Gate
from portal.marketplaces.meesho.sandbox.routes import application
from portal.marketplaces.meesho.sandbox.store import Store
from portal.marketplaces.sandbox import Shop

__all__ = ["EXPRESSES", "sandbox", "sandbox_keys", "sandbox_settings"]


def sandbox(shop: Shop) -> Litestar:
    """That shop at Meesho, as an ASGI application."""
    keys = sandbox_keys(shop)
    gate = Gate(identifier=keys["supplier_identifier"], api_key=keys["api_key"], api_secret=keys["api_secret"])
    return application(Store(shop), gate)


def sandbox_keys(shop: Shop) -> dict[str, str]:
    """Keys that open that shop's sandbox and nothing else."""
    drawn = hashlib.sha256(f"meesho sandbox {shop.seed}".encode()).hexdigest()
    return {
        "supplier_identifier": f"sandbox{shop.seed}",
        "api_key": f"sandbox-key-{drawn[:24]}",
        "api_secret": f"sandbox-secret-{drawn[24:56]}",
    }


def sandbox_settings(base: str) -> dict[str, str]:
    """Settings that point the portal at a sandbox served at `base`. A sandbox needs no sparing, so the rate is high."""
    return {"PORTAL_MEESHO_URL": base, "PORTAL_MEESHO_RATE": "500"}
