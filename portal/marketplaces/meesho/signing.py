"""How a request to Meesho proves who sent it. The scheme is data: another one is another SigningProfile, not other code."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, quote

from portal.errors import Misconfigured
from portal.marketplaces.meesho.keys import MeeshoKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningProfile:
    """One signing scheme: what is signed, with which hash, and which header carries what.

    `canonical` is filled with method, path (percent-encoded as sent), query (sorted), timestamp, nonce and body (hash in hex).
    `digest` is hex or base64; `timestamp_unit` is s or ms since 1970.
    """

    name: str
    canonical: str = "{method}\n{path}\n{query}\n{timestamp}\n{nonce}\n{body}"
    hash: str = "sha256"
    digest: str = "hex"
    timestamp_unit: str = "s"
    key_header: str = "X-Api-Key"
    supplier_header: str = "X-Supplier-Id"
    timestamp_header: str = "X-Timestamp"
    nonce_header: str = "X-Nonce"
    signature_header: str = "X-Signature"
    version_header: str = "X-Api-Version"
    version: str = "2"


HMAC_SHA256_V1 = SigningProfile(name="hmac-sha256-v1")
PROFILES = {profile.name: profile for profile in (HMAC_SHA256_V1,)}


def profile(settings: Mapping[str, str]) -> SigningProfile:
    """The profile that SIGNATURE_PROFILE names. Misconfigured for one we do not have."""
    name = settings.get("SIGNATURE_PROFILE", HMAC_SHA256_V1.name)
    if name not in PROFILES:
        raise Misconfigured(
            "The signing profile configured for Meesho does not exist.",
            hint=f"Set PORTAL_MEESHO_SIGNATURE_PROFILE to one of: {', '.join(PROFILES)}; or leave it out.",
        )
    return PROFILES[name]


def timestamp(scheme: SigningProfile, moment: datetime) -> str:
    """The moment as the timestamp header says it."""
    seconds = moment.timestamp()
    return str(int(seconds * 1000)) if scheme.timestamp_unit == "ms" else str(int(seconds))


def signature(scheme: SigningProfile, secret: str, *, method: str, target: str, body: bytes, stamp: str, nonce: str) -> str:
    """The signature of one request. `target` is path and query exactly as they stand in the request line."""
    path, _, query = target.partition("?")
    canonical = scheme.canonical.format(
        method=method.upper(),
        path=path,
        query=_sorted_query(query),
        timestamp=stamp,
        nonce=nonce,
        body=hashlib.new(scheme.hash, body).hexdigest(),
    )
    mac = hmac.new(secret.encode(), canonical.encode(), scheme.hash)
    return base64.b64encode(mac.digest()).decode() if scheme.digest == "base64" else mac.hexdigest()


def _sorted_query(query: str) -> str:
    """Keys, then values, in order; encoded as RFC 3986 says, whatever way they were encoded before."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in pairs)


def signed_headers(
    scheme: SigningProfile, keys: MeeshoKeys, *, method: str, target: str, body: bytes, moment: datetime, nonce: str
) -> dict[str, str]:
    """Every header Meesho asks for, over the bytes that will be sent."""
    stamp = timestamp(scheme, moment)
    return {
        scheme.key_header: keys.api_key,
        scheme.supplier_header: keys.supplier_identifier,
        scheme.timestamp_header: stamp,
        scheme.nonce_header: nonce,
        scheme.signature_header: signature(scheme, keys.api_secret, method=method, target=target, body=body, stamp=stamp, nonce=nonce),
        scheme.version_header: scheme.version,
    }
