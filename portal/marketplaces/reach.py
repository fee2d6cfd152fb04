"""What an account can be asked for: all that its marketplace supports, less what its way to connect does not open."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from portal.marketplaces import lasting
from portal.marketplaces.contract import Marketplace, ScheduleTarget

NOTHING: Mapping[ScheduleTarget, str] = MappingProxyType({})


async def closed_to(place: Marketplace, account_id: UUID) -> Mapping[ScheduleTarget, str]:
    """Why the account's way to connect leaves a kind of work out, a sentence for each; nothing where no keys are saved.

    In the caller's transaction.
    """
    if not any(method.closed for method in place.methods):
        return NOTHING
    method = await lasting.method_of(place, account_id)
    return method.closed if method else NOTHING


async def open_to(place: Marketplace, account_id: UUID) -> frozenset[ScheduleTarget]:
    """The kinds of work that can be begun for this account. In the caller's transaction."""
    return place.supported_targets - (await closed_to(place, account_id)).keys()
