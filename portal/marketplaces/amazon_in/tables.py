"""The satellite of an Amazon account."""

from piccolo.columns import Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table

from portal.tables.accounts import AccountDetails


class AmazonAccountDetails(AccountDetails, Table, tablename="amazon_account_details"):
    """`selling_partner_id` is public (it stands in every listing's address); the other three are sealed, each with its marks."""

    method = Varchar(length=30, default=None)
    selling_partner_id = Varchar(length=40, default=None)

    lwa_client_id = Text(null=True, default=None, secret=True)
    lwa_client_id_fingerprint = Varchar(length=20, default="")
    lwa_client_id_saved_by = Varchar(length=120, default="")
    lwa_client_id_saved_at = Timestamptz(default=TimestamptzNow())
    lwa_client_id_last_accepted_at = Timestamptz(null=True, default=None)

    lwa_client_secret = Text(null=True, default=None, secret=True)
    lwa_client_secret_fingerprint = Varchar(length=20, default="")
    lwa_client_secret_saved_by = Varchar(length=120, default="")
    lwa_client_secret_saved_at = Timestamptz(default=TimestamptzNow())
    lwa_client_secret_last_accepted_at = Timestamptz(null=True, default=None)
    lwa_client_secret_expires_at = Timestamptz(null=True, default=None)

    refresh_token = Text(null=True, default=None, secret=True)
    refresh_token_fingerprint = Varchar(length=20, default="")
    refresh_token_saved_by = Varchar(length=120, default="")
    refresh_token_saved_at = Timestamptz(default=TimestamptzNow())
    refresh_token_last_accepted_at = Timestamptz(null=True, default=None)
    refresh_token_expires_at = Timestamptz(null=True, default=None)
