"""All marketplaces there are, one line each. Adding one is a line here, a folder, and a migration for its satellite."""

from portal.errors import NotFound
from portal.marketplaces import ajio, amazon_in, flipkart, meesho
from portal.marketplaces.contract import Marketplace

MARKETPLACES: tuple[Marketplace, ...] = (
    ajio.MARKETPLACE,
    amazon_in.MARKETPLACE,
    flipkart.MARKETPLACE,
    meesho.MARKETPLACE,
)

CODES = tuple(place.code for place in MARKETPLACES)

_BY_CODE = {place.code: place for place in MARKETPLACES}
_BY_SLUG = {place.slug: place for place in MARKETPLACES}


def marketplace(code: str) -> Marketplace:
    """The manifest with this code. NotFound for an unknown one."""
    try:
        return _BY_CODE[code]
    except KeyError:
        raise NotFound("marketplace") from None


def by_slug(slug: str) -> Marketplace:
    """The manifest with this slug, as it stands in addresses. NotFound for an unknown one."""
    try:
        return _BY_SLUG[slug]
    except KeyError:
        raise NotFound("marketplace") from None
