"""What one sandbox Amazon holds: its seller, its passes, its clock, and the shop's orders and stock."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portal import clock
from portal.marketplaces.amazon_in.sandbox.consents import Consents
from portal.marketplaces.amazon_in.sandbox.courses import MadeOrder
from portal.marketplaces.amazon_in.sandbox.desk import Desk
from portal.marketplaces.amazon_in.sandbox.orders import MadeOrders
from portal.marketplaces.amazon_in.sandbox.reports import MadeReports
from portal.marketplaces.amazon_in.sandbox.returns import MadeReturns
from portal.marketplaces.amazon_in.sandbox.settlements import MadeSettlements
from portal.marketplaces.amazon_in.sandbox.stock import Stock
from portal.marketplaces.amazon_in.sandbox.storage import Documents
from portal.marketplaces.sandbox import Article, Faults, Shop, articles

OPERATOR_APP_ID = "amzn1.sp.solution.sandbox"
OPERATOR_CLIENT_ID = "amzn1.application-oa2-client.sandboxoperator"
OPERATOR_CLIENT_SECRET = "amzn1.oa2-cs.v1.sandbox-operator-secret"
PASS_LIFE_S = 3600
SHOWN_AFTER = timedelta(minutes=2)
"""Amazon shows a change two minutes after it happened."""
LATE = timedelta(hours=5)


def seller_id(shop: Shop) -> str:
    return f"A{shop.seed:05d}SANDBOXIN"


def sandbox_keys(shop: Shop) -> dict[str, str]:
    """A key file that this sandbox accepts. Worthless anywhere else."""
    return {
        "selling_partner_id": seller_id(shop),
        "lwa_client_id": f"amzn1.application-oa2-client.sandbox{shop.seed:06d}",
        "lwa_client_secret": f"amzn1.oa2-cs.v1.sandbox-secret-{shop.seed:06d}",
        "refresh_token": f"Atzr|sandbox-refresh-token-{shop.seed:06d}",
    }


@dataclass(kw_only=True)
class State:
    """One seller's Amazon. `passes` maps an access token to the real moment it ends."""

    shop: Shop
    faults: Faults = field(default_factory=Faults)
    passes: dict[str, datetime] = field(default_factory=dict)
    restricted: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Tokens for one address each: that address, and when they end."""
    passed: timedelta = timedelta(0)
    looks_needed: int = 1
    """How often a report or feed is looked at before it is done."""
    report_fate: str = ""
    """What requested reports end as, if not DONE: CANCELLED or FATAL."""
    report_page: int = 2
    """So few reports to a page that following `nextToken` is tried each time."""
    renewing: bool = False
    """Sign-ins hand out a new refresh token. The one before it ends as soon as the new one is used."""
    _successors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.keys = sandbox_keys(self.shop)
        self.consents = Consents(seed=self.shop.seed)
        self.articles: tuple[Article, ...] = articles(self.shop)
        self.orders = MadeOrders(self.shop, self.articles)
        self.stock = Stock(self.shop, self.articles)
        self.settlements = MadeSettlements(self.shop, self.orders)
        self.returns = MadeReturns(self.shop, self.orders)
        self.documents = Documents()
        self.reports = MadeReports()
        self.desk = Desk(self.orders)

    @property
    def seller(self) -> str:
        return self.keys["selling_partner_id"]

    @property
    def now(self) -> datetime:
        """The shop's present: its seeded end, and what tests let pass since."""
        return self.shop.now + self.passed

    @property
    def shown_until(self) -> datetime:
        return self.now - SHOWN_AFTER

    def new_pass(self) -> str:
        token = f"Atza|sandbox-{secrets.token_urlsafe(24)}"
        self.passes[token] = clock.now() + timedelta(seconds=PASS_LIFE_S)
        return token

    def new_restricted_pass(self, path: str) -> str:
        token = f"Atz.sprdt|sandbox-{secrets.token_urlsafe(24)}"
        self.restricted[token] = (path, clock.now() + timedelta(seconds=PASS_LIFE_S))
        return token

    def knows(self, refresh_token: str) -> bool:
        """Whether this refresh token still opens the shop."""
        if refresh_token in self._successors:
            self.keys["refresh_token"] = refresh_token
            self._successors.clear()
        return refresh_token == self.keys["refresh_token"]

    def handed_out(self, refresh_token: str) -> str:
        """The refresh token of the answer to a sign-in with this one."""
        if not self.renewing:
            return refresh_token
        fresh = f"Atzr|sandbox-renewed-{secrets.token_hex(8)}"
        self._successors.add(fresh)
        return fresh

    def add_orders(self, count: int) -> list[MadeOrder]:
        """New orders, placed a little before a present ten minutes later than the last one."""
        self.passed += timedelta(minutes=10)
        return [self.orders.place(self.shown_until - timedelta(seconds=count - number)) for number in range(count)]

    def add_late_orders(self, count: int) -> list[MadeOrder]:
        """Orders that come to light hours after they were placed, with the time of change they had then: no reading by change sees them."""
        return [self.orders.place(self.shown_until - LATE - timedelta(seconds=number)) for number in range(count)]

    def touch_orders(self, count: int) -> list[MadeOrder]:
        """The oldest orders change once more."""
        self.passed += timedelta(minutes=10)
        return [self.orders.touch(number, self.shown_until - timedelta(seconds=1)) for number in range(min(count, len(self.orders)))]
