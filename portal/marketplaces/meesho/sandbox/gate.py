"""Who may come in: the sandbox checks every header of a request as strictly as a marketplace that trusts nobody."""

import hmac
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from portal.marketplaces.meesho.signing import HMAC_SHA256_V1, signature

TOLERANCE = timedelta(seconds=300)
NONCE_LIFE = timedelta(minutes=10)


class Turned(msgspec.Struct, frozen=True):
    """A refusal: status, code and words."""

    status: int
    code: str
    message: str
    details: tuple[dict[str, str], ...] = ()


class Gate:
    """Knows one supplier's keys. `skew` is how far the sandbox's clock is from the real one."""

    def __init__(self, *, identifier: str, api_key: str, api_secret: str) -> None:
        self._identifier = identifier
        self._api_key = api_key
        self._api_secret = api_secret
        self._nonces: OrderedDict[str, datetime] = OrderedDict()
        self.skew = timedelta()

    def now(self) -> datetime:
        """The sandbox's clock: signatures are compared with real time."""
        return datetime.now(UTC) + self.skew

    def turned_away(self, scope: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> Turned | None:
        """Why this request may not come in; None when it may."""
        scheme = HMAC_SHA256_V1
        named = (scheme.key_header, scheme.supplier_header, scheme.timestamp_header, scheme.nonce_header, scheme.signature_header)
        missing = [name for name in named if not headers.get(name.lower())]
        if missing:
            return Turned(401, "MISSING_HEADER", f"Header {missing[0]} is missing.")
        key, supplier, stamp, nonce, given = (headers[name.lower()] for name in named)
        if headers.get(scheme.version_header.lower()) != scheme.version:
            return Turned(400, "VERSION_NOT_SUPPORTED", "This API speaks version 2.")
        if not hmac.compare_digest(key.encode(), self._api_key.encode()):
            return Turned(401, "INVALID_API_KEY", f"No supplier has the API key {key}.")
        if not stamp.isdigit() or abs(self.now() - datetime.fromtimestamp(int(stamp), UTC)) > TOLERANCE:
            return Turned(401, "TIMESTAMP_OUT_OF_RANGE", "The timestamp is more than 300 seconds away from our time.")
        expected = {self._signature(target, scope, body, stamp, nonce) for target in _targets(scope)}
        if not any(hmac.compare_digest(given.encode(), one.encode()) for one in expected):
            return Turned(401, "SIGNATURE_MISMATCH", "The signature does not match the request.")
        if supplier != self._identifier:
            return Turned(403, "SUPPLIER_NOT_ENABLED", "This supplier is not enabled for the integration.")
        return self._replayed(nonce)

    def _signature(self, target: str, scope: Mapping[str, Any], body: bytes, stamp: str, nonce: str) -> str:
        return signature(HMAC_SHA256_V1, self._api_secret, method=scope["method"], target=target, body=body, stamp=stamp, nonce=nonce)

    def _replayed(self, nonce: str) -> Turned | None:
        """A nonce is a version 4 UUID and counts once in ten minutes."""
        try:
            random = uuid.UUID(nonce).version == 4
        except ValueError:
            random = False
        if not random:
            return Turned(400, "NONCE_MALFORMED", "X-Nonce must be a random UUID.")
        now = self.now()
        while self._nonces and next(iter(self._nonces.values())) < now - NONCE_LIFE:
            self._nonces.popitem(last=False)
        if nonce in self._nonces:
            return Turned(401, "NONCE_REUSED", "This nonce was used before.")
        self._nonces[nonce] = now
        return None


def _targets(scope: Mapping[str, Any]) -> set[str]:
    """Path and query as the caller may have sent them: what a server under a path prefix sees depends on who mounts it."""
    query = scope["query_string"].decode("latin-1")
    inner = str(scope["path"])
    paths = {inner, f"{scope.get('root_path', '')}{inner}"}
    if raw := scope.get("raw_path"):
        paths.add(raw.decode("latin-1").partition("?")[0])
    return {f"{path}?{query}" if query else path for path in paths}
