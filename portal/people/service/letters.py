"""What people are written about themselves, in their own language. Each is put on its way in the transaction of what it is about."""

from uuid import UUID

from portal import db, language
from portal.language import gettext, mark
from portal.outbox import service as outbox
from portal.retelling import retold
from portal.tables.people import SellerUser

SECURE = "/secure-account"
WAS_IT_YOU = mark("Was it you? Then all is well. If not, secure your account now:")


async def changed(seller_id: UUID, email: str, what: str) -> None:
    """`what` is the English sentence about the change: "Your password was changed."."""
    with language.speaking(await language_of(seller_id, email)):
        said = retold(what) or what
        body = (said, gettext(WAS_IT_YOU))
    await outbox.post(seller_id, to=email, subject=said.rstrip(".।"), body=body, link=SECURE)


async def language_of(seller_id: UUID, email: str) -> str:
    """The code of the language somebody has chosen; empty where there is none, or nobody."""
    async with db.transaction(seller_id):
        found = await SellerUser.select(SellerUser.language).where(SellerUser.email == email).first()
    return str(found["language"]) if found else ""
