"""An account's own rules for full processing: read with their defaults, changed by its owner."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from portal import clock, db
from portal.audit import service as audit
from portal.errors import BadInput, NotFound
from portal.marketplaces.indian import good_gstin
from portal.marketplaces.stages import Stage
from portal.processing.closing import Rule
from portal.tables.audit import Action
from portal.tables.processing import ClosePolicy, StockPolicy

DAY = 24 * 60
MOST_HOLIDAYS = 60


async def of_account(account_id: UUID) -> Rule:
    """The account's rules; the defaults where nobody has settled any. In the caller's transaction."""
    row = await db.connection().fetchrow("SELECT * FROM processing_rules WHERE marketplace_account_id = $1", account_id)
    if row is None:
        return Rule()
    return Rule(
        stock_policy=StockPolicy(row["stock_policy"]),
        close_policy=ClosePolicy(row["close_policy"]),
        cutoff=row["cutoff"],
        close_before=row["close_before"],
        holidays=tuple(row["holidays"]),
        tax_number=row["tax_number"],
    )


def followed(stages: Sequence[Stage]) -> frozenset[str]:
    """Which rules a pipeline heeds: stock_policy, tax_number, closing."""
    named = {rule for stage in stages for rule in stage.follows}
    return frozenset(named | {"closing"} if any(stage.closes for stage in stages) else named)


async def save(seller_id: UUID, account_id: UUID, rule: Rule, *, by: str) -> None:
    """Keep the rules from now on. NotFound for an account that is not this seller's, BadInput for rules that cannot be."""
    check(rule)
    async with db.transaction(seller_id) as held:
        if not await held.fetchval("SELECT 1 FROM marketplace_accounts WHERE id = $1", account_id):
            raise NotFound("account")
        before = await of_account(account_id)
        await held.execute(
            """INSERT INTO processing_rules (marketplace_account_id, seller_id, stock_policy, close_policy, cutoff, close_before, holidays,
                   tax_number, changed_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               ON CONFLICT (marketplace_account_id) DO UPDATE SET stock_policy = excluded.stock_policy,
                   close_policy = excluded.close_policy, cutoff = excluded.cutoff, close_before = excluded.close_before,
                   holidays = excluded.holidays, tax_number = excluded.tax_number, changed_at = excluded.changed_at""",
            account_id,
            seller_id,
            rule.stock_policy,
            rule.close_policy,
            rule.cutoff,
            rule.close_before,
            sorted(set(rule.holidays)),
            rule.tax_number,
            clock.now(),
        )
        await held.execute("UPDATE batches SET next_warning_at = NULL WHERE marketplace_account_id = $1 AND state = 'open'", account_id)
        await audit.write(seller_id, Action.RULES_SAVED, said(rule), before=said(before), actor=by, account_id=account_id)


def check(rule: Rule) -> None:
    """Raises BadInput, naming the form's fields, for rules that cannot be."""
    fields = {}
    if not 0 < rule.cutoff < DAY:
        fields["cutoff"] = "Times go from 00:01 to 23:59."
    if not 5 <= rule.close_before <= 240 or rule.close_before >= rule.cutoff:
        fields["close_before"] = "Between 5 and 240 minutes before the cut-off."
    if len(rule.holidays) > MOST_HOLIDAYS:
        fields["holidays"] = f"At most {MOST_HOLIDAYS} days."
    if rule.tax_number and not good_gstin(rule.tax_number):
        fields["tax_number"] = "This is not a GSTIN: its 15th character does not fit the others."
    if fields:
        raise BadInput("Some of this needs another look.", fields=fields)


def read_days(text: str) -> tuple[date, ...]:
    """Days written as 2026-11-25, one a line or between commas. BadInput for anything else."""
    words = text.replace(",", " ").split()
    try:
        return tuple(date.fromisoformat(word) for word in words)
    except ValueError:
        raise BadInput("Some of this needs another look.", fields={"holidays": "Write days as 2026-11-25, one a line."}) from None


def said(rule: Rule) -> str:
    """The rules in one line, for the record."""
    return (
        f"Stock {rule.stock_policy}, close {rule.close_policy}, cut-off {rule.cutoff // 60:02d}:{rule.cutoff % 60:02d} IST, "
        f"{rule.close_before} min before, {len(rule.holidays)} holidays"
    )
