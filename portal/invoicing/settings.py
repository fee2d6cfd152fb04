"""Who makes out the invoices of an account: read, checked, and changed by its people."""

import re
from uuid import UUID

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.documents.parties import Party
from portal.documents.tax import percent
from portal.errors import BadInput, NotFound
from portal.invoicing.articles import HSN, read_rate
from portal.marketplaces.contract import Invoicing
from portal.marketplaces.indian import good_gstin
from portal.marketplaces.registry import marketplace
from portal.tables.audit import Action

PREFIX = re.compile(r"[A-Z0-9]{1,4}")
MOST_ADDRESS = 400
ANOTHER_LOOK = "Some of this needs another look."
WRONG_GSTIN = "This is not a GSTIN: its 15th character does not fit the others, or its first two are no state."


class TaxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's invoices begin with. The seller's state is the one his GSTIN begins with.

    `default_rate` is in hundredths of a percent, None without one. `billed` is whom the goods are sold to where the marketplace buys.
    """

    legal_name: str
    address: str
    gstin: str
    prefix: str
    default_hsn: str = ""
    default_rate: int | None = None
    billed_name: str = ""
    billed_address: str = ""
    billed_gstin: str = ""

    @property
    def seller(self) -> Party:
        return _party(self.legal_name, self.address, self.gstin)

    @property
    def billed(self) -> Party | None:
        return _party(self.billed_name, self.billed_address, self.billed_gstin) if self.billed_gstin else None


def _party(name: str, address: str, gstin: str) -> Party:
    lines = tuple(line.strip() for line in address.splitlines() if line.strip())
    return Party(name=name, address=lines, state=gstin[:2], gstin=gstin)


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """An account as its invoice settings see it. `saved` is None while nobody settled any; `suggested` then is what another account has."""

    account_id: UUID
    account_name: str
    marketplace_name: str
    invoicing: Invoicing
    hint: str
    saved: TaxSettings | None
    suggested: TaxSettings | None
    last_number: str
    """The newest number of this account; empty before the first."""

    @property
    def buys(self) -> bool:
        """Whether the invoices go to the marketplace itself."""
        return self.invoicing is Invoicing.VENDOR


_COLUMNS = ", ".join(TaxSettings.__struct_fields__)


async def of_account(account_id: UUID, *, lock: bool = False) -> TaxSettings | None:
    """The account's settings, in the caller's transaction; None where nobody settled any. With `lock` nobody changes them until its end."""
    query = f"SELECT {_COLUMNS} FROM tax_settings WHERE marketplace_account_id = $1{' FOR UPDATE' if lock else ''}"  # noqa: S608 (our own words)
    row = await db.connection().fetchrow(query, account_id)
    return TaxSettings(**dict(row)) if row else None


async def desk(seller_id: UUID, account_id: UUID) -> Desk:
    """The settings page of one account. NotFound when it is not this seller's."""
    async with db.transaction(seller_id) as held:
        account = await held.fetchrow("SELECT name, marketplace_code FROM marketplace_accounts WHERE id = $1", account_id)
        if account is None:
            raise NotFound("account")
        saved = await of_account(account_id)
        other = None if saved else await held.fetchrow(f"SELECT {_COLUMNS} FROM tax_settings ORDER BY changed_at DESC LIMIT 1")  # noqa: S608
        last = await held.fetchval(
            "SELECT number FROM tax_invoices WHERE marketplace_account_id = $1 ORDER BY created_at DESC, serial DESC LIMIT 1", account_id
        )
    place = marketplace(account["marketplace_code"])
    return Desk(
        account_id=account_id,
        account_name=account["name"],
        marketplace_name=place.name,
        invoicing=place.invoicing,
        hint=place.invoicing_hint,
        saved=saved,
        suggested=TaxSettings(**{**dict(other), "billed_name": "", "billed_address": "", "billed_gstin": ""}) if other else None,
        last_number=last or "",
    )


async def save(seller_id: UUID, account_id: UUID, typed: dict[str, str], *, by: str) -> TaxSettings:
    """Keep what the form says, for invoices from now on. BadInput for what no invoice may carry, NotFound for a stranger's account.

    The change is on record in the same transaction; the names and addresses of it are not.
    """
    asked = await desk(seller_id, account_id)
    told = read(typed, buys=asked.buys)
    async with db.transaction(seller_id) as held:
        await held.execute(
            f"""INSERT INTO tax_settings (marketplace_account_id, seller_id, changed_at, {_COLUMNS})
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
               ON CONFLICT (marketplace_account_id) DO UPDATE SET changed_at = excluded.changed_at,
                   {", ".join(f"{name} = excluded.{name}" for name in TaxSettings.__struct_fields__)}""",  # noqa: S608 (our own words)
            account_id,
            seller_id,
            clock.now(),
            *msgspec.structs.astuple(told),
        )
        before = said(asked.saved) if asked.saved else ""
        await audit.write(seller_id, Action.TAX_SAVED, said(told), before=before, actor=by, account_id=account_id)
    return told


def read(typed: dict[str, str], *, buys: bool) -> TaxSettings:
    """The settings of a form. Raises BadInput naming every field that cannot be."""
    kept = {name: typed.get(name, "").strip() for name in TaxSettings.__struct_fields__}
    for name in ("gstin", "prefix", "billed_gstin"):
        kept[name] = "".join(kept[name].split()).upper()
    wrong = _wrong_party(kept, "legal_name", "address", "gstin")
    if not PREFIX.fullmatch(kept["prefix"]):
        wrong["prefix"] = "One to four letters A to Z and digits, so that no number is longer than the 16 that GST allows."
    if kept["default_hsn"] and not HSN.fullmatch(kept["default_hsn"]):
        wrong["default_hsn"] = "An HSN code has 4, 6 or 8 digits."
    typed_rate = kept.pop("default_rate")
    rate = read_rate(typed_rate)
    if typed_rate and rate is None:
        wrong["default_rate"] = "Choose one of the rates."
    if buys:
        wrong |= _wrong_party(kept, "billed_name", "billed_address", "billed_gstin")
    else:
        kept |= dict.fromkeys(("billed_name", "billed_address", "billed_gstin"), "")
    if wrong:
        raise BadInput(ANOTHER_LOOK, fields=wrong)
    return TaxSettings(**kept, default_rate=rate)


def _wrong_party(kept: dict[str, str], name: str, address: str, gstin: str) -> dict[str, str]:
    wrong = {}
    if not 2 <= len(kept[name]) <= 200:
        wrong[name] = "Write the name as the GST registration has it."
    if not 5 <= len(kept[address]) <= MOST_ADDRESS:
        wrong[address] = "Write the address as the GST registration has it."
    if not good_gstin(kept[gstin]) or not _is_state(kept[gstin]):
        wrong[gstin] = WRONG_GSTIN
    return wrong


def _is_state(gstin: str) -> bool:
    try:
        _party("", "", gstin)
    except ValueError:
        return False
    return True


def said(one: TaxSettings) -> str:
    """The settings in one line, for the record."""
    default = f"HSN {one.default_hsn or 'none'}, rate {'none' if one.default_rate is None else percent(one.default_rate)}"
    billed = f", billed to {one.billed_gstin}" if one.billed_gstin else ""
    return f"GSTIN {one.gstin}, numbers begin with {one.prefix}, by default {default}{billed}"
