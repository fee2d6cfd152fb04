"""The capture message and the four values: what is taken, and what is refused with which sentence."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.errors import BadInput
from portal.marketplaces.ajio.capture import Capture, read_capture
from portal.marketplaces.ajio.keys import PanelSessionKeys
from portal.marketplaces.ajio.session import cookies_of, panel_session, token_end

USER = "0c5c1b62-4f4e-4d0e-9d54-27a3f8c3a111"
CONTEXT = {"tenant": "AJIO", "user_id": USER, "username": "priya", "pobs": [{"id": "DV1234", "store_name": "Surat"}]}
COOKIES = [{"name": name, "value": f"{name}-very-secret", "domain": ".ajio.com", "hostOnly": False} for name in ("a", "b", "c")]
TOKEN = "very-secret-access-token"


def message(**changed: Any) -> bytes:
    blobs = {"session_cookies": COOKIES, "access_token": TOKEN, "refresh_token": None, "seller_context": CONTEXT}
    held = {
        "version": 1,
        "pairing_code": "ABCD-1234",
        "captured_at": "2026-09-28T10:00:00Z",
        "origin": "https://seller.ajio.com",
        "blobs": blobs,
    }
    for name, value in changed.items():
        (blobs if name in blobs else held)[name] = value
    return json.dumps(held).encode()


def test_a_message_gives_the_four_values_of_the_form() -> None:
    found = read_capture(message())
    assert found.pairing_code == "ABCD-1234"
    assert (found.access_token, found.refresh_token) == (TOKEN, "")
    session = panel_session(PanelSessionKeys(**found.values()))
    assert session.cookie_header == "a=a-very-secret; b=b-very-secret; c=c-very-secret"
    assert session.context.pob("DV1234").store_name == "Surat"


def test_typed_cookies_are_converted() -> None:
    found = read_capture(message(session_cookies="a=1; b=2==; c=3"))
    assert [(one.name, one.value, one.domain) for one in cookies_of(found.session_cookies)] == [
        ("a", "1", ".ajio.com"),
        ("b", "2==", ".ajio.com"),
        ("c", "3", ".ajio.com"),
    ]


@pytest.mark.parametrize("changed", [{"access_token": None}, {"session_cookies": None}, {"session_cookies": []}])
def test_cookies_or_a_token_are_enough(changed: dict[str, Any]) -> None:
    assert read_capture(message(**changed)).seller_context


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "origin": ({"origin": "https://seller.ajio.com.example.in"}, "not captured on AJIO's seller panel"),
    "plain http": ({"origin": "http://seller.ajio.com"}, "not captured on AJIO's seller panel"),
    "code": ({"pairing_code": "abcd1234"}, "ABCD-1234"),
    "version": ({"version": 2}, "another version"),
    "no zone": ({"captured_at": "2026-09-28T10:00:00"}, "time zone"),
    "nothing": ({"session_cookies": None, "access_token": ""}, "neither cookies nor a token"),
    "foreign cookie": ({"session_cookies": [*COOKIES, {"name": "x", "value": "1", "domain": "bank.example"}]}, "from another site"),
    "look-alike cookie": ({"session_cookies": [{"name": "x", "value": "1", "domain": "notajio.com"}]}, "from another site"),
    "line break": ({"session_cookies": [{"name": "x", "value": "1\r\nX: y", "domain": "ajio.com"}]}, "cookies cannot have"),
    "semicolon": ({"session_cookies": [{"name": "x", "value": "1; y=2", "domain": "ajio.com"}]}, "cookies cannot have"),
    "not pairs": ({"session_cookies": "only words"}, "name=value"),
    "cookie number": ({"session_cookies": 7}, "neither a list"),
    "cut cookie list": ({"session_cookies": '[{"name":"a"'}, "cut off"),
    "short token": ({"access_token": "short"}, "cut off"),
    "token with blanks": ({"refresh_token": "a token with blanks in the middle"}, "cut off"),
    "no guid": ({"seller_context": CONTEXT | {"user_id": "priya"}}, "not an AJIO seller number"),
    "no pob": ({"seller_context": CONTEXT | {"pobs": []}}, "names no POB"),
    "other tenant": ({"seller_context": CONTEXT | {"tenant": "TIRA"}}, "another marketplace"),
    "no context": ({"seller_context": None}, "needs user_id"),
    "odd agent": ({"seller_context": CONTEXT | {"user_agent": "x\r\nCookie: y"}}, "no browser sends"),
    "many cookies": ({"session_cookies": [{"name": "x", "value": "1" * 70_000, "domain": "ajio.com"}]}, "larger than 64 KB"),
    "too big": ({"more": "x" * 262_144}, "larger than 256 KB"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_without_repeating_it(what: str) -> None:
    changed, words = WRONG[what]
    with pytest.raises(BadInput) as refused:
        read_capture(message(**changed))
    said = f"{refused.value!r} {refused.value.seller_message} {refused.value.fields}"
    assert words in said
    assert "very-secret" not in said


def test_another_panel_address_can_be_named() -> None:
    assert read_capture(message(origin="http://127.0.0.1:8100"), origin="http://127.0.0.1:8100").access_token == TOKEN


@given(body=st.binary(max_size=80) | st.sampled_from([b"[" * 50_000, b"{}", b"null", b'{"version":1}']))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_bad_input(body: bytes) -> None:
    with pytest.raises(BadInput):
        read_capture(body)


def test_no_value_stands_in_a_repr() -> None:
    found = read_capture(message(refresh_token="very-secret-refresh-token"))
    session = panel_session(PanelSessionKeys(**found.values()))
    assert isinstance(found, Capture)
    assert "very-secret" not in f"{found!r} {session!r} {session.cookies!r}"


def test_the_end_of_a_token_is_a_hint_only() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_790_000_000}).encode()).decode().rstrip("=")
    ends = token_end(f"e30.{claims}.sig")
    assert ends is not None
    assert ends.year == 2026
    for odd in ("", "opaque-token", "a.b.c", "e30.bm90IGpzb24.x", "e30.e30.x", f"e30.{'é'}.x"):
        assert token_end(odd) is None
