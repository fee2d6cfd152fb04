"""Parties and parcels for papers."""

from portal.documents.parcels import Recipient, Slip, SlipLine
from portal.documents.parties import Party

SELLER = Party(name="Asha Textiles", address=("12 Ring Road", "Surat 395002"), state="24", gstin="24ABCDE1234F1Z6")
BUYER = Party(name="श्रीमती प्रियंका क्षत्रिय", address=("४ गांधी मार्ग", "Pune 411001"), state="27")


def slip(number: int, *, lines: tuple[SlipLine, ...] = (SlipLine(sku="KURTA-M", title="Cotton kurta, M", quantity=2),)) -> Slip:
    """A parcel with a courier's number of its own."""
    return Slip(
        order_number=f"OD-{number:07}",
        sender=SELLER.name,
        to=Recipient(name=BUYER.name, address=(*BUYER.address, BUYER.state_name)),
        lines=lines,
        awb=f"AWB{9_000_000_000 + number * 7919}",
        carrier="Fast & Far",
    )
