"""Signatures: over the bytes that are sent, in a scheme that is data."""

from datetime import UTC, datetime

import pytest

from portal.errors import Misconfigured
from portal.marketplaces.meesho.keys import MeeshoKeys
from portal.marketplaces.meesho.signing import HMAC_SHA256_V1, SigningProfile, profile, signature, signed_headers, timestamp

SECRET = "sandbox-secret-0123456789abcdef"
NONCE = "3f0d1a52-9c1e-4f7a-8d3b-2b1c0a9e8d7f"


def signed(scheme: SigningProfile = HMAC_SHA256_V1, target: str = "/v2/inventory?b=y%2Bz&a=1&b=%20x", body: bytes = b'{"a":1}') -> str:
    return signature(scheme, SECRET, method="POST", target=target, body=body, stamp="1700000000", nonce=NONCE)


def test_the_signature_is_what_openssl_makes_of_the_same_text() -> None:
    """The canonical text is METHOD, path, sorted query, time, nonce and body hash, one a line. Expected values come from openssl."""
    assert signed() == "3a2c3a1846a5ac7cf365788d15c474046a3eba114ecdf405f215a4a176e76ade"
    assert signed(SigningProfile(name="b64", digest="base64")) == "Oiw6GEalrHzzZXiNFcR0BGo+uhFOzfQF8hWkoXbnat4="


def test_the_order_and_spelling_of_the_query_do_not_matter() -> None:
    assert signed(target="/v2/inventory?b=%20x&b=y%2bz&a=1") == signed(target="/v2/inventory?a=1&b=+x&b=y%2Bz") == signed()


@pytest.mark.parametrize("changed", [{"target": "/v2/orders?b=y%2Bz&a=1&b=%20x"}, {"target": "/v2/inventory?a=1"}, {"body": b'{"a": 1}'}])
def test_every_signed_part_matters(changed: dict[str, object]) -> None:
    assert signed(**changed) != signed()  # type: ignore[arg-type]


def test_a_scheme_is_data() -> None:
    """Header names, unit of time and the signed text change without a line of code."""
    scheme = SigningProfile(name="other", canonical="{timestamp}.{body}", timestamp_unit="ms", signature_header="X-Meesho-Mac")
    moment = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
    keys = MeeshoKeys(supplier_identifier="ab12", api_key="key", api_secret=SECRET)

    headers = signed_headers(scheme, keys, method="GET", target="/v2/orders", body=b"", moment=moment, nonce=NONCE)

    assert timestamp(scheme, moment) == str(int(moment.timestamp()) * 1000)
    assert headers["X-Meesho-Mac"] == signature(scheme, SECRET, method="x", target="/y", body=b"", stamp=headers["X-Timestamp"], nonce="z")
    assert SECRET not in "".join(headers.values())


def test_an_unknown_profile_is_the_operators_mistake() -> None:
    with pytest.raises(Misconfigured) as caught:
        profile({"SIGNATURE_PROFILE": "rot13"})

    assert "hmac-sha256-v1" in caught.value.hint
