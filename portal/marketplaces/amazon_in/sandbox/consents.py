"""What the sandbox's seller has agreed to: codes that work once and for five minutes, and the refresh tokens they became."""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portal import clock

CODE_LIFE = timedelta(minutes=5)


@dataclass(kw_only=True)
class Consents:
    """Lifetimes run by the real clock. `invited` are the marks of sellers who began at Amazon's side.

    A refresh token proves itself, so that accounts of a demonstration outlive a restart of the sandbox.
    """

    seed: int
    invited: set[str] = field(default_factory=set)
    _codes: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _given_since: set[str] | None = None
    """The refresh tokens given after the seller took all earlier ones back; None while she never did."""

    def invite(self) -> str:
        mark = f"sandbox-amazon-state-{secrets.token_hex(8)}"
        self.invited.add(mark)
        return mark

    def new_code(self, redirect_uri: str) -> str:
        code = f"sandbox-oauth-code-{secrets.token_hex(8)}"
        self._codes[code] = (redirect_uri, clock.now() + CODE_LIFE)
        return code

    def redeemed(self, code: str, redirect_uri: str) -> str | None:
        """A refresh token; None for a code that is unknown, used, too old, or was sent to another address."""
        expected, until = self._codes.pop(code, ("", clock.now()))
        if expected != redirect_uri or until <= clock.now():
            return None
        mark = secrets.token_hex(8)
        refresh_token = f"Atzr|sandbox-granted-{mark}-{self._proof(mark)}"
        if self._given_since is not None:
            self._given_since.add(refresh_token)
        return refresh_token

    def given(self, refresh_token: str) -> bool:
        """Whether it once came from a code."""
        mark, _, proof = refresh_token.removeprefix("Atzr|sandbox-granted-").partition("-")
        return hmac.compare_digest(proof.encode(), self._proof(mark).encode())

    def holds(self, refresh_token: str) -> bool:
        """Whether it was given and not taken back since."""
        return self.given(refresh_token) and (self._given_since is None or refresh_token in self._given_since)

    def withdraw(self) -> None:
        """The seller disables the application in Manage Your Apps. What she gives it afterwards counts again."""
        self._given_since = set()

    def _proof(self, mark: str) -> str:
        return hmac.digest(f"sandbox {self.seed}".encode(), mark.encode(), "sha256")[:8].hex()
