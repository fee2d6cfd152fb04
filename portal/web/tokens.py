"""The token of forms, never the same twice: what a page shows of it is masked with random bytes of that page alone.

The cookie keeps one token for a browser. Written into pages as it is, it could be read off the lengths of packed ones, a letter at a time;
masked, each page holds another one, and each of them fits.
"""

import base64
import binascii
import secrets

from litestar.config.csrf import CSRFConfig
from litestar.middleware import DefineMiddleware
from litestar.middleware.csrf import CSRFMiddleware

BYTES = 64
"""Of a token in a cookie, where it stands as hexadecimal figures: half is random, half its signature."""


class MaskedCSRF(CSRFMiddleware):
    """Litestar's check, with a masked token in the form. It compares in constant time, and refuses a token without its mask."""

    def _csrf_tokens_match(self, request_csrf_token: str, cookie_csrf_token: str) -> bool:
        return super()._csrf_tokens_match(unmasked(request_csrf_token), cookie_csrf_token)


def check(config: CSRFConfig) -> DefineMiddleware:
    """The middleware that refuses a POST whose form is not ours."""
    return DefineMiddleware(MaskedCSRF, config=config)


def masked(token: str) -> str:
    """What a form shows of a browser's token: another text each time. Empty for what is no token of ours, which fits nowhere."""
    try:
        plain = bytes.fromhex(token)
    except ValueError:
        return ""
    mask = secrets.token_bytes(len(plain))
    return base64.urlsafe_b64encode(mask + _crossed(plain, mask)).decode().rstrip("=")


def unmasked(shown: str) -> str:
    """The token behind what a form has sent; empty when it was never masked."""
    try:
        both = base64.b64decode(shown + "=" * (-len(shown) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return ""
    return _crossed(both[:BYTES], both[BYTES:]).hex() if len(both) == 2 * BYTES else ""


def _crossed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
