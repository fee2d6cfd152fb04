"""What people are written about themselves. Each is put on its way in the transaction of what it is about."""

from uuid import UUID

from portal.outbox import service as outbox

SECURE = "/secure-account"
WAS_IT_YOU = "Was it you? Then all is well. If not, secure your account now:"


async def changed(seller_id: UUID, email: str, what: str) -> None:
    """`what` is the sentence about the change: "Your password was changed."."""
    await outbox.post(seller_id, to=email, subject=what.rstrip("."), body=(what, WAS_IT_YOU), link=SECURE)
