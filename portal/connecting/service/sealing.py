"""How a typed secret is put away: sealed for its final place, and from then on only known by fingerprint and length."""

from portal import clock, db
from portal.marketplaces import details
from portal.marketplaces.contract import Marketplace
from portal.tables.wizards import ConnectWizard, ConnectWizardSecret
from portal.vault import Vault

OFFERED = "swap:"
"""Before a column's name: sealed for that column too, in case its value was typed into the wrong box."""


async def seal(wizard: ConnectWizard, place: Marketplace, column: str, value: str, vault: Vault, *, offered: bool = False) -> None:
    """Keep a secret for `column` in place of the one kept before; an empty value only forgets that. In the caller's transaction.

    This role may write the sealed column and never read it, so a replacement is a delete and an insert.
    """
    name = f"{OFFERED}{column}" if offered else column
    await forget(wizard, name)
    if not value:
        return
    await db.connection().execute(
        """INSERT INTO connect_wizard_secrets (id, seller_id, wizard_id, marketplace_code, column_name, sealed, fingerprint, length, saved_at)
           VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8)""",
        wizard.seller_id,
        wizard.id,
        wizard.marketplace_code,
        name,
        vault.seal(place.code, details.place_of(place, column, wizard.sealed_for or wizard.account_id), value),
        vault.fingerprint(value),
        len(value),
        clock.now(),
    )


async def forget(wizard: ConnectWizard, *names: str) -> None:
    """Drop the secrets kept under these names."""
    await ConnectWizardSecret.delete().where((ConnectWizardSecret.wizard_id == wizard.id) & ConnectWizardSecret.column_name.is_in([*names]))


async def kept_columns(wizard: ConnectWizard) -> set[str]:
    """The columns a secret is kept for; offers are left out."""
    rows = await ConnectWizardSecret.select(ConnectWizardSecret.column_name).where(ConnectWizardSecret.wizard_id == wizard.id)
    return {row["column_name"] for row in rows if not row["column_name"].startswith(OFFERED)}
