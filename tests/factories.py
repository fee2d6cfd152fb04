"""Small makers: one line in a test for each thing that has to be there first."""

from uuid import UUID, uuid4

from portal import db
from portal.marketplaces.contract import AccountRef
from portal.tables.accounts import MarketplaceAccount
from portal.tables.people import Role, Seller, SellerUser

PASSWORD = "correct horse battery"


async def make_seller(name: str = "Asha Textiles", *, seller_id: UUID | None = None) -> UUID:
    seller = Seller(id=seller_id or uuid4(), name=name)
    async with db.transaction(seller.id):
        await seller.save()
    return seller.id


async def make_user(seller_id: UUID, email: str = "asha@example.in", *, role: Role = Role.OWNER, password_hash: str = "not a hash") -> UUID:
    user = SellerUser(
        id=uuid4(), seller_id=seller_id, email=email, name=email.split("@", maxsplit=1)[0], password_hash=password_hash, role=role
    )
    async with db.transaction(seller_id):
        await user.save()
    return user.id


async def make_account(seller_id: UUID, *, code: str = "AMAZON_IN", external: str = "A1ASHA", name: str = "Surat store") -> AccountRef:
    """An account without saved keys: enough for everything that does not call the marketplace."""
    account = MarketplaceAccount(id=uuid4(), seller_id=seller_id, marketplace_code=code, external_account_id=external, name=name)
    async with db.transaction(seller_id):
        await account.save()
    return AccountRef(id=account.id, seller_id=seller_id, code=code, external_account_id=external, name=name)
