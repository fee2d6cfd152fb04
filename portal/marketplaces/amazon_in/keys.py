"""What a seller types to connect an Amazon account, as a form and as the object the client receives."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from portal.marketplaces.methods import Deadline, KeyField, Method, key

SELLING_PARTNER_ID = KeyField(
    label="Merchant token",
    where="Seller Central › Settings › Account Info › Your Merchant Token. It starts with A and names your shop.",
    mistake="A merchant token is capital letters and digits and starts with A, such as A2EXAMPLE34567. It is not your e-mail or shop name.",
    pattern=r"[A-Z0-9]{8,20}",
    usual=r"A[A-Z0-9]{11,14}",
    identity=True,
    aliases=("merchant token", "merchant id", "seller id", "sellerId", "selling partner id", "merchant_token"),
)
LWA_CLIENT_ID = KeyField(
    label="LWA client identifier",
    where="Seller Central › Apps and Services › Develop Apps › your app › LWA credentials › View, the value named Client identifier.",
    mistake="A client identifier starts with amzn1.application-oa2-client. Copy the value named Client identifier.",
    pattern=r"amzn1\.application-oa2-client\.\S+",
    usual=r"amzn1\.application-oa2-client\.[0-9a-z]+",
    secret=True,
    aliases=("client identifier", "client id", "client_id", "clientId"),
)
LWA_CLIENT_SECRET = KeyField(
    label="LWA client secret",
    where="The same window, the value named Client secret. Amazon asks you to replace it every 180 days.",
    mistake="This does not look like a client secret. Copy the value named Client secret, in one piece and without spaces.",
    pattern=r"\S{16,2048}",
    usual=r"(amzn1\.oa2-cs\.v1\.\S+|[0-9a-f]{64})",
    secret=True,
    aliases=("client secret", "client_secret", "clientSecret"),
)
REFRESH_TOKEN = KeyField(
    label="Refresh token",
    where="Develop Apps › the arrow beside Edit App › Authorize. Amazon shows it once; copy it before you leave the page.",
    mistake="A refresh token starts with Atzr|. One that starts with Atza| is an access token, which ends after an hour.",
    pattern=r"Atzr\|\S{1,2043}",
    usual=r"Atzr\|\S{20,2043}",
    secret=True,
    multiline=True,
    aliases=("refresh token", "refreshToken"),
)
GRANTED_SHOP = KeyField(label="Merchant token", where="Amazon tells us when you press Confirm. There is nothing to type.", identity=True)
GRANTED_TOKEN = KeyField(
    label="Refresh token", where="Amazon hands it to us when you press Confirm. There is nothing to type.", secret=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateAppKeys:
    """The seller's own developer application and its authorisation of itself."""

    selling_partner_id: Annotated[str, SELLING_PARTNER_ID] = key(SELLING_PARTNER_ID)
    lwa_client_id: Annotated[str, LWA_CLIENT_ID] = key(LWA_CLIENT_ID)
    lwa_client_secret: Annotated[str, LWA_CLIENT_SECRET] = key(LWA_CLIENT_SECRET)
    refresh_token: Annotated[str, REFRESH_TOKEN] = key(REFRESH_TOKEN)


CLIENT_SECRET_ENDS = Deadline(
    column="lwa_client_secret",
    what="The LWA client secret",
    advice="Make a new client secret under LWA credentials in Seller Central and enter it here. The refresh token stays as it is.",
    life=timedelta(days=180),
)
"""Counted from the day it was saved: Amazon tells the day nowhere but in Seller Central. A refresh token outlives it."""

AUTHORISATION_ENDS = Deadline(
    column="refresh_token",
    what="The permission you gave on Amazon",
    advice="Sign in to Amazon again and press Allow. Your orders and settings stay.",
    life=timedelta(days=365),
)
"""Public applications only: sellers renew their permission every year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAppKeys:
    """What remains of a seller pressing Confirm: with the operator's application it opens her shop for a year."""

    selling_partner_id: Annotated[str, GRANTED_SHOP] = key(GRANTED_SHOP)
    refresh_token: Annotated[str, GRANTED_TOKEN] = key(GRANTED_TOKEN)


AmazonKeys = PrivateAppKeys | PublicAppKeys

PUBLIC_APP = Method(
    code="public_app",
    name="Sign in with Amazon",
    explanation="You sign in on Amazon and press Confirm there. We never see your password, and you can take the permission back.",
    keys=PublicAppKeys,
    oauth=True,
    deadlines=(AUTHORISATION_ENDS,),
    removal=(
        "In Seller Central open Apps and Services, Manage Your Apps.",
        "Find this portal in the list and choose Disable, so that its permission ends.",
    ),
    prepare=(
        "Have the sign-in of your shop's main user at hand: only that user can give the permission.",
        "Amazon asks you to confirm on its own page, then sends you back here.",
        "The permission ends after a year; we tell you before.",
    ),
)
PRIVATE_APP = Method(
    code="private_app",
    name="My own Amazon developer app",
    explanation="You registered a private developer application in Seller Central and authorised it for your own shop.",
    keys=PrivateAppKeys,
    warning="These values open your own shop. Type them only into a portal that you or your company runs. "
    "Amazon allows ten self-authorisations per app; a new refresh token does not end the older ones.",
    self_hosted_only=True,
    deadlines=(CLIENT_SECRET_ENDS,),
    removal=(
        "In Seller Central open Apps and Services, Develop Apps.",
        "Open the arrow beside Edit App, choose Authorize, and end the authorisation of your shop.",
        "If nothing else uses this app, delete it there.",
    ),
)
