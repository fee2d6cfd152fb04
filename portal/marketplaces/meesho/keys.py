"""What a Meesho supplier types to connect: the form, its checks and its help are these fields."""

from dataclasses import dataclass
from typing import Annotated

from portal.marketplaces.methods import KeyField, Method, key

SUPPLIER_IDENTIFIER = KeyField(
    label="Supplier identifier",
    where="The short code beside your name in the supplier panel's profile. It is also in the panel's address.",
    mistake="The supplier identifier is one short word without spaces.",
    pattern=r"^\S{1,40}$",
    usual=r"^[a-z0-9]{4,12}$",
    identity=True,
    aliases=("supplier id", "supplier code", "identifier"),
)
API_KEY = KeyField(
    label="API key",
    where="Meesho sends it some two working days after your integration request was accepted.",
    mistake="An API key has no spaces in it. Copy it again from Meesho's message.",
    pattern=r"^\S{1,512}$",
    usual=r"^\S{16,256}$",
    secret=True,
    aliases=("api-key", "key", "x-api-key"),
)
API_SECRET = KeyField(
    label="API secret",
    where="It comes in the same message as the API key. We sign every request with it, so each letter counts, and never show it again.",
    mistake="An API secret has no spaces in it. Copy it again from Meesho's message.",
    pattern=r"^\S{1,512}$",
    usual=r"^\S{16,256}$",
    secret=True,
    aliases=("api-secret", "secret", "secret key"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeeshoKeys:
    """The opened keys of one supplier. Only the identifier shows in a repr."""

    supplier_identifier: Annotated[str, SUPPLIER_IDENTIFIER] = key(SUPPLIER_IDENTIFIER)
    api_key: Annotated[str, API_KEY] = key(API_KEY)
    api_secret: Annotated[str, API_SECRET] = key(API_SECRET)


BY_API_KEY = Method(
    code="api_key",
    name="API key and secret",
    explanation="Meesho gives every supplier who asks for an integration an API key with its secret.",
    keys=MeeshoKeys,
    removal=("Ask your Meesho contact person to withdraw the API key, and to send a new one to whoever needs it next.",),
)
