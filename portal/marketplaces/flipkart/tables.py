"""The satellite of a Flipkart account."""

from piccolo.columns import Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table

from portal.tables.accounts import AccountDetails


class FlipkartAccountDetails(AccountDetails, Table, tablename="flipkart_account_details"):
    """`auth_mode` is self_access or third_party. `app_id` is public; secret and renewal token are sealed, one of them is in use."""

    auth_mode = Varchar(length=30, default=None)
    app_id = Varchar(length=80, default="")

    app_secret = Text(null=True, default=None, secret=True)
    app_secret_fingerprint = Varchar(length=20, default="")
    app_secret_saved_by = Varchar(length=120, default="")
    app_secret_saved_at = Timestamptz(default=TimestamptzNow())
    app_secret_last_accepted_at = Timestamptz(null=True, default=None)

    refresh_token = Text(null=True, default=None, secret=True)
    refresh_token_fingerprint = Varchar(length=20, default="")
    refresh_token_saved_by = Varchar(length=120, default="")
    refresh_token_saved_at = Timestamptz(default=TimestamptzNow())
    refresh_token_last_accepted_at = Timestamptz(null=True, default=None)
    refresh_token_expires_at = Timestamptz(null=True, default=None)
