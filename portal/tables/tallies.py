"""What workers count, for whoever watches the portal."""

from piccolo.columns import BigInt, BigSerial, DoublePrecision, Varchar
from piccolo.constraints import Unique
from piccolo.table import Table


class MarketplaceTally(Table, tablename="marketplace_tallies"):
    """Calls of all workers ever made to a marketplace, by how they ended. Not a seller's: it has no row security.

    `outcome` is `answered`, `refused` (a 4xx the client makes sense of) or the kind of fault; `seconds` is the time of all those calls.
    """

    id = BigSerial(primary_key=True)
    marketplace_code = Varchar(length=20, default=None)
    outcome = Varchar(length=40, default=None)
    calls = BigInt(default=0)
    seconds = DoublePrecision(default=0.0)

    marketplace_tallies_code_outcome = Unique(["marketplace_code", "outcome"])
