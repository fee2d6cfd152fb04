"""What a tax invoice takes: who makes it out, what each article is taxed at, the numbers given out, and the invoices themselves."""

from piccolo.columns import JSONB, UUID, BigInt, BigSerial, Bytea, Date, Integer, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class TaxSetting(Table, tablename="tax_settings"):
    """Who makes out the invoices of an account. `default_rate` is in hundredths of a percent; it and `default_hsn` hold for articles
    without their own. `billed_*` is filled where the marketplace itself buys.
    """

    marketplace_account_id = UUID(primary_key=True, default=None)
    seller_id = UUID(default=None)
    legal_name = Varchar(length=200, default=None)
    address = Text(default="")
    gstin = Varchar(length=15, default=None)
    prefix = Varchar(length=4, default=None)
    default_hsn = Varchar(length=8, default="")
    default_rate = Integer(null=True, default=None)
    billed_name = Varchar(length=200, default="")
    billed_address = Text(default="")
    billed_gstin = Varchar(length=15, default="")
    changed_at = Timestamptz(default=TimestamptzNow())


class TaxArticle(Table, tablename="tax_articles"):
    """The HSN code and the rate, in hundredths of a percent, of one of the seller's own SKUs, wherever it is on sale."""

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    sku = Varchar(length=120, default=None)
    hsn = Varchar(length=8, default=None)
    rate = Integer(default=None)
    changed_at = Timestamptz(default=TimestamptzNow())

    tax_articles_seller_sku = Unique(["seller_id", "sku"])


class InvoiceSeries(Table, tablename="invoice_series"):
    """The numbers of one GSTIN, prefix and financial year ("2627" is April 2026 to March 2027). Nobody changes or removes one."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    gstin = Varchar(length=15, default=None)
    prefix = Varchar(length=4, default=None)
    year = Varchar(length=4, default=None)

    invoice_series_seller_series = Unique(["seller_id", "gstin", "prefix", "year"])


class TaxInvoice(Table, tablename="tax_invoices"):
    """An invoice as it was issued; nobody changes or removes it. `content` is all that stands on it but the buyer of a consumer's order, who is
    sealed beside it. `total` is in paise.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    series_id = UUID(default=None)
    serial = Integer(default=None)
    number = Varchar(length=16, default=None)
    external_order_id = Varchar(length=80, default=None)
    issued_on = Date(default=None)
    total = BigInt(default=None)
    content = JSONB(default="{}")
    buyer_name = Bytea(null=True, default=None, secret=True)
    buyer_address = Bytea(null=True, default=None, secret=True)
    issued_by = Varchar(length=120, default="")
    created_at = Timestamptz(default=TimestamptzNow())

    tax_invoices_series_serial = Unique(["series_id", "serial"])
    tax_invoices_account_order = Unique(["marketplace_account_id", "external_order_id"])
