"""What connects a Flipkart shop: one dataclass per method, which is the form, the key file and the open keys in memory."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from portal.marketplaces.methods import Deadline, KeyField, Method, key

APP_ID = KeyField(
    label="Application ID",
    where="Seller Dashboard, Manage Profile, Developer Access: the row of your self-access application. It is not your Flipkart login.",
    mistake="An Application ID has 16 to 64 characters and no spaces. Your seller ID or e-mail address does not work here.",
    pattern=r"\S{16,64}",
    usual=r"[0-9A-Za-z-]{16,64}",
    identity=True,
    aliases=("application id", "appid", "app id", "client id", "client_id"),
)
APP_SECRET = KeyField(
    label="Application secret",
    where="The same row of Developer Access, under Application Secret. We seal it at once and never show it again.",
    mistake="An Application secret has 16 to 128 characters and no spaces. Copy it anew with the copy button.",
    pattern=r"\S{16,128}",
    secret=True,
    aliases=("application secret", "appsecret", "app secret", "client secret", "client_secret"),
)
REFRESH_TOKEN = KeyField(
    label="Renewal token",
    where="Flipkart hands it to us when you press Allow. There is nothing to type.",
    secret=True,
    aliases=("refresh token",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipkartSelfAccessKeys:
    """The application a seller made for himself. It acts for his one shop and for nobody else's."""

    app_id: Annotated[str, APP_ID] = key(APP_ID)
    app_secret: Annotated[str, APP_SECRET] = key(APP_SECRET)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipkartThirdPartyKeys:
    """What remains of a seller pressing Allow: with the operator's application it buys short-lived passes for 180 days."""

    refresh_token: Annotated[str, REFRESH_TOKEN] = key(REFRESH_TOKEN)


FlipkartKeys = FlipkartSelfAccessKeys | FlipkartThirdPartyKeys

PERMISSION_ENDS = Deadline(
    column="refresh_token",
    what="The permission you gave on Flipkart",
    advice="Sign in to Flipkart again and press Allow. Your orders and settings stay.",
    life=timedelta(days=180),
    warn=timedelta(days=14),
    told=True,
)

THIRD_PARTY = Method(
    code="third_party",
    name="Sign in with Flipkart",
    explanation="You sign in on Flipkart and press Allow there. We never see your password, and you can take the permission back.",
    keys=FlipkartThirdPartyKeys,
    oauth=True,
    deadlines=(PERMISSION_ENDS,),
    removal=(
        "In the Seller Dashboard open Manage Profile, Developer Access.",
        "Under the applications that you have allowed, choose this portal and take the permission back.",
    ),
    prepare=(
        "Have the sign-in of the seller account at hand that owns the shop.",
        "Sign out of other Flipkart seller accounts in this browser first, so that the right shop gets connected.",
        "Flipkart asks you to press Allow on its own page, then sends you back here. The permission lasts 180 days.",
    ),
)
SELF_ACCESS = Method(
    code="self_access",
    name="My own application",
    explanation="For a portal that you run yourself: you make an application in Developer Access and enter its ID and secret.",
    keys=FlipkartSelfAccessKeys,
    warning=(
        "These details are meant for your own software only. Flipkart may deactivate the account of a seller who gives them to "
        "an aggregator or another company. Use them only if this portal is yours."
    ),
    self_hosted_only=True,
    removal=(
        "In the Seller Dashboard open Manage Profile, Developer Access.",
        "Delete the application whose ID you entered here, unless other software of yours uses it.",
    ),
)
