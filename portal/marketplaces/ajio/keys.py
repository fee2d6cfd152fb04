"""The two forms: POB id and API password, or the four values of a seller-panel session."""

from dataclasses import dataclass, field
from typing import Annotated

from portal.marketplaces.methods import Deadline, KeyField, key

POB_ID = KeyField(
    label="POB ID",
    where="AJIO Seller Central › Account › Modify account details › POB user. It starts with DV and is not your e-mail.",
    mistake="POB ID starts with DV, followed by letters and digits only.",
    pattern=r"^[Dd][Vv][A-Za-z0-9]{2,18}$",
    identity=True,
    fold_case=True,
    aliases=("pob", "pob user", "pob user id", "username", "user id"),
)
API_PASSWORD = KeyField(
    label="API password",
    where="From your AJIO account manager, or Settings › Reset POB Password. It is not the password you sign in to the seller panel with.",
    mistake="The API password is one line without spaces at its ends.",
    pattern=r"^\S(?:.{0,126}\S)?$",
    secret=True,
    concealed=True,
    aliases=("password", "pob password", "api key"),
)
SESSION_COOKIES = KeyField(
    label="Panel session",
    where="Our browser extension fills this while you are signed in to seller.ajio.com. You can also paste the cookies yourself.",
    mistake="Paste the cookies of seller.ajio.com, as the extension's list or as name=value pairs with semicolons between them.",
    pattern=r"^(?s:\s*\[.*\]\s*|.*=.*)$",
    secret=True,
    multiline=True,
    aliases=("cookies", "cookie", "jar"),
)
ACCESS_TOKEN = KeyField(
    label="Access token",
    where="The extension fills this too. Leave it empty if your seller panel works without one.",
    mistake="An access token is one long line of 20 characters or more.",
    pattern=r"^\S{20,8192}$",
    secret=True,
    multiline=True,
    required=False,
    aliases=("token", "bearer", "accesstoken"),
)
REFRESH_TOKEN = KeyField(
    label="Renewal token",
    where="The extension fills this where AJIO keeps one. You can leave it empty.",
    mistake="A renewal token is one long line of 20 characters or more.",
    pattern=r"^\S{20,8192}$",
    secret=True,
    multiline=True,
    required=False,
    aliases=("refreshtoken",),
)
SELLER_CONTEXT = KeyField(
    label="Seller and POB list",
    where="The extension fills this: who is signed in, and which POBs that login sees.",
    mistake="Paste the whole seller entry, from the first curly bracket to the last.",
    pattern=r"^(?s:\s*\{.*\}\s*)$",
    secret=True,
    multiline=True,
    aliases=("context", "seller", "sellercontext"),
)
SESSION_ENDS = Deadline(
    column="access_token",
    what="The captured panel session",
    advice="Capture the session again, or switch to POB ID and API password, which last longer.",
    told=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerApiKeys:
    """One POB's login for the partner API."""

    pob_id: Annotated[str, POB_ID] = key(POB_ID)
    api_password: Annotated[str, API_PASSWORD] = key(API_PASSWORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSessionKeys:
    """A seller-panel session as the browser extension captures it. Which two values may be empty depends on AJIO's panel build."""

    session_cookies: Annotated[str, SESSION_COOKIES] = key(SESSION_COOKIES)
    access_token: Annotated[str, ACCESS_TOKEN] = field(default="", repr=False)
    refresh_token: Annotated[str, REFRESH_TOKEN] = field(default="", repr=False)
    seller_context: Annotated[str, SELLER_CONTEXT] = key(SELLER_CONTEXT)
