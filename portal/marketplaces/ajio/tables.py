"""The satellite of an AJIO account."""

from piccolo.columns import Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table

from portal.tables.accounts import AccountDetails


class AjioAccountDetails(AccountDetails, Table, tablename="ajio_account_details"):
    """`method` says which columns are in use. `pob_id` is public and empty for panel sessions; the other five are sealed."""

    method = Varchar(length=30, default=None)
    pob_id = Varchar(length=40, default="")

    api_password = Text(null=True, default=None, secret=True)
    api_password_fingerprint = Varchar(length=20, default="")
    api_password_saved_by = Varchar(length=120, default="")
    api_password_saved_at = Timestamptz(default=TimestamptzNow())
    api_password_last_accepted_at = Timestamptz(null=True, default=None)

    session_cookies = Text(null=True, default=None, secret=True)
    session_cookies_fingerprint = Varchar(length=20, default="")
    session_cookies_saved_by = Varchar(length=120, default="")
    session_cookies_saved_at = Timestamptz(default=TimestamptzNow())
    session_cookies_last_accepted_at = Timestamptz(null=True, default=None)

    access_token = Text(null=True, default=None, secret=True)
    access_token_fingerprint = Varchar(length=20, default="")
    access_token_saved_by = Varchar(length=120, default="")
    access_token_saved_at = Timestamptz(default=TimestamptzNow())
    access_token_last_accepted_at = Timestamptz(null=True, default=None)
    access_token_expires_at = Timestamptz(null=True, default=None)

    refresh_token = Text(null=True, default=None, secret=True)
    refresh_token_fingerprint = Varchar(length=20, default="")
    refresh_token_saved_by = Varchar(length=120, default="")
    refresh_token_saved_at = Timestamptz(default=TimestamptzNow())
    refresh_token_last_accepted_at = Timestamptz(null=True, default=None)

    seller_context = Text(null=True, default=None, secret=True)
    seller_context_fingerprint = Varchar(length=20, default="")
    seller_context_saved_by = Varchar(length=120, default="")
    seller_context_saved_at = Timestamptz(default=TimestamptzNow())
    seller_context_last_accepted_at = Timestamptz(null=True, default=None)
