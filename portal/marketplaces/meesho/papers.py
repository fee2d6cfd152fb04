"""Files that Meesho issues: where they may lie, and whether one came whole."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.meesho.wire.rows import NAME

HOSTS = "meesho.com"
TAIL = 1024
"""Readers look for the end of a PDF in so many last bytes."""


def hosts(settings: Mapping[str, str]) -> tuple[str, ...]:
    """The domains that DOCUMENT_HOSTS names, separated by commas: files may lie on them and on whatever lies below them."""
    return tuple(name for one in settings.get("DOCUMENT_HOSTS", HOSTS).lower().split(",") if (name := one.strip()))


def ours(url: str, base: str, allowed: tuple[str, ...]) -> bool:
    """Whether a file at this address may be fetched: from the API's own host, or over HTTPS from one of the allowed domains."""
    try:
        named, own = urlsplit(url), urlsplit(base)
    except ValueError:
        return False
    if (named.scheme, named.netloc) == (own.scheme, own.netloc):
        return True
    host = (named.hostname or "").lower()
    return named.scheme == "https" and any(host == one or host.endswith(f".{one}") for one in allowed)


def ended(status: int, content_type: str) -> bool:
    """Whether this is how a link answers that works no longer: it is gone, or a file store refuses it in its own XML."""
    return status in {404, 410} or (status == 403 and "xml" in content_type)


def whole(content: bytes, *, what: str) -> bytes:
    """The content, if it is a PDF from its head to its end. WireChanged otherwise."""
    if not content.startswith(b"%PDF-") or b"%%EOF" not in content[-TAIL:]:
        raise WireChanged(NAME, what, words="no whole PDF")
    return content
