"""Labels and invoices as they arrive: whole, or refused."""

import zlib

from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.amazon_in.wire.documents import GZIP
from portal.marketplaces.errors import WireChanged

BIGGEST = 1 << 27
TAIL = 2_048


def whole_pdf(content: bytes) -> bytes:
    """The file itself, inflated where it was packed. WireChanged for what is no PDF, or only a part of one."""
    content = inflated(content)
    if not content.startswith(b"%PDF-") or b"%%EOF" not in content[-TAIL:]:
        raise WireChanged(NAME, "labels and invoices", words="not a whole PDF")
    return content


def inflated(content: bytes) -> bytes:
    """A document as it was before it was packed, if it was. WireChanged for a damaged one."""
    if content[:2] != GZIP:
        return content
    try:
        inflate = zlib.decompressobj(wbits=31)
        found = inflate.decompress(content, BIGGEST)
    except zlib.error as error:
        raise WireChanged(NAME, "a damaged document") from error
    if inflate.unconsumed_tail or not inflate.eof:
        raise WireChanged(NAME, "a document that is too big, or cut off")
    return found
