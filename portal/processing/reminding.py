"""A mail when a batch comes to a stage that only its people can go on with: what to do, and where."""

from functools import partial

from portal.marketplaces.contract import AccountRef
from portal.notices import service as notices
from portal.notices.wording import Words, retold
from portal.people.permissions import Permission
from portal.processing.batches import Opened
from portal.processing.errands import Shown


async def tell(account: AccountRef, batch: Opened, errand: Shown) -> None:
    """Once for each errand, to everybody who may do it. In the caller's transaction."""
    words = Words(
        subject=f"Batch {batch.number} of {account.name} waits for you",
        body=(errand.words, "It goes on by itself as soon as you have reported back. The batch:"),
        link=f"/batches/{batch.id}",
    )
    await notices.tell(account.seller_id, about=f"errand {errand.id}", words=partial(retold, words), needs=Permission.SYNC)
