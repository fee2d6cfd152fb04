"""The satellite of a Meesho account."""

from piccolo.columns import Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table

from portal.tables.accounts import AccountDetails


class MeeshoAccountDetails(AccountDetails, Table, tablename="meesho_account_details"):
    """`supplier_identifier` is public (the panel shows it in its address); key and secret are sealed, each with its marks."""

    method = Varchar(length=30, default=None)
    supplier_identifier = Varchar(length=40, default=None)

    api_key = Text(null=True, default=None, secret=True)
    api_key_fingerprint = Varchar(length=20, default="")
    api_key_saved_by = Varchar(length=120, default="")
    api_key_saved_at = Timestamptz(default=TimestamptzNow())
    api_key_last_accepted_at = Timestamptz(null=True, default=None)

    api_secret = Text(null=True, default=None, secret=True)
    api_secret_fingerprint = Varchar(length=20, default="")
    api_secret_saved_by = Varchar(length=120, default="")
    api_secret_saved_at = Timestamptz(default=TimestamptzNow())
    api_secret_last_accepted_at = Timestamptz(null=True, default=None)
