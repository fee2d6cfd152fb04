"""Who may enter the sandbox: applications, passes with a lifetime, codes that work once, renewal tokens."""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portal import clock
from portal.marketplaces.sandbox import Shop

OPERATOR_ID = "sandbox-operator-application"
OPERATOR_SECRET = "sandbox-operator-secret"
PASS_LIFE_S = 5_183_999
RENEWAL_LIFE_S = 180 * 86_400
CODE_LIFE = timedelta(minutes=5)


def app_of(shop: Shop) -> tuple[str, str]:
    """Id and secret of the application that the sandbox's seller made for himself."""
    dice = shop.dice("application")
    return f"sandbox-app-{dice.getrandbits(48):012x}", f"sandbox-secret-{dice.getrandbits(64):016x}"


class Refused(Exception):
    """The credential part of a call is wrong: status and OAuth error body."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclass
class Gate:
    """Checks credentials by the real clock, as lifetimes are given in seconds from now."""

    shop: Shop
    _passes: dict[str, datetime] = field(default_factory=dict)
    _codes: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    renewing: bool = False
    _before: dict[str, str] = field(default_factory=dict)
    """Each renewal token that was handed out for an older one, and that one."""
    _ended: set[str] = field(default_factory=set)
    _given_since: set[str] | None = None
    """The renewal tokens given after the seller took all earlier ones back; None while she never did."""
    _fresh: set[str] = field(default_factory=set)
    """Passes handed out after one was declared expired; a second such order leaves them alone."""
    _expired_once: bool = False

    def application(self, authorization: str) -> str:
        """The application that signs with Basic. Refused with the very words Flipkart uses."""
        app_id, secret = _basic(authorization)
        known = dict((app_of(self.shop), (OPERATOR_ID, OPERATOR_SECRET)))
        if app_id not in known:
            raise Refused(401, "unauthorized", f"No client with requested id: {app_id}")
        if not secrets.compare_digest(known[app_id], secret):
            raise Refused(401, "unauthorized", "Bad credentials")
        return app_id

    def new_pass(self) -> str:
        token = f"sandbox-pass-{secrets.token_hex(12)}"
        self._passes[token] = clock.now() + timedelta(seconds=PASS_LIFE_S)
        if self._expired_once:
            self._fresh.add(token)
        return token

    def new_code(self, redirect_uri: str) -> str:
        code = f"sandbox-code-{secrets.token_hex(8)}"
        self._codes[code] = (redirect_uri, clock.now() + CODE_LIFE)
        return code

    def use_code(self, code: str, redirect_uri: str) -> str:
        """A renewal token for a code. A code works once, for five minutes, and only with the address it was sent to."""
        expected, until = self._codes.pop(code, ("", clock.now()))
        if expected != redirect_uri or until <= clock.now():
            raise Refused(400, "invalid_grant", f"Invalid authorization code: {code}")
        return self._new_renewal()

    def _new_renewal(self) -> str:
        ends = int(clock.now().timestamp()) + RENEWAL_LIFE_S
        mark = f"{ends}-{secrets.token_hex(6)}"
        renewal = f"sandbox-refresh-{mark}-{self._proof(mark)}"
        if self._given_since is not None:
            self._given_since.add(renewal)
        return renewal

    def withdraw(self) -> None:
        """The seller takes her permission back. Every pass ends with it; her own application gets another."""
        self._given_since = set()
        self._passes.clear()

    def renewal_seconds(self, renewal: str) -> int:
        """How long a renewal token still lives."""
        mark, _, proof = renewal.removeprefix("sandbox-refresh-").rpartition("-")
        ends = mark.partition("-")[0]
        left = int(ends) - int(clock.now().timestamp()) if hmac.compare_digest(proof.encode(), self._proof(mark).encode()) else 0
        if left <= 0 or renewal in self._ended:
            raise Refused(401, "invalid_token", f"Invalid refresh token: {renewal}")
        if self._given_since is not None and renewal not in self._given_since:
            raise Refused(400, "invalid_grant", f"Invalid refresh token: {renewal}")
        return left

    def _proof(self, mark: str) -> str:
        """What makes a renewal token ours: it proves itself, so that accounts of a demonstration outlive a restart of the sandbox."""
        return hmac.digest(f"sandbox {self.shop.seed}".encode(), mark.encode(), "sha256")[:8].hex()

    def renewed(self, renewal: str) -> str:
        """The renewal token of the answer to a good one: a new one while `renewing`. Using it ends the one before."""
        if renewal in self._before:
            self._ended.add(self._before.pop(renewal))
        if not self.renewing:
            return renewal
        fresh = self._new_renewal()
        self._before[fresh] = renewal
        return fresh

    def admit(self, authorization: str) -> None:
        """Let a Bearer in, or refuse. The refusal repeats the pass, as the real one does: a client must not pass that on."""
        token = authorization.removeprefix("Bearer ")
        if not authorization.startswith("Bearer ") or self._passes.get(token, clock.now()) <= clock.now():
            raise Refused(401, "invalid_token", f"Invalid access token: {token}")

    def expire(self, authorization: str) -> None:
        """Declare the pass of this call expired, unless it was handed out after an earlier such declaration."""
        token = authorization.removeprefix("Bearer ")
        if token not in self._fresh:
            self._expired_once = True
            self._passes.pop(token, None)


def _basic(authorization: str) -> tuple[str, str]:
    try:
        app_id, _, secret = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        app_id, secret = "", ""
    if not authorization.startswith("Basic ") or not app_id:
        raise Refused(401, "unauthorized", "Full authentication is required to access this resource")
    return app_id, secret
