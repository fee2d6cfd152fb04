"""Papers of an account that has left: labels, invoices and print files name buyers and are no more sealed than paper is, so they go too."""

from uuid import UUID

from portal import db
from portal.files import Files

FORGOTTEN_AT_ONCE = 50

_GOING = (
    # A kind of row with bytes: where it is, when it was made, its keys, and what becomes of it without them.
    ("documents p", "p.created_at", "ARRAY[p.key]", "DELETE FROM documents WHERE id = ANY ($1::uuid[])"),
    ("print_files p", "p.created_at", "ARRAY[p.key]", "DELETE FROM print_files WHERE id = ANY ($1::uuid[])"),
    (
        "(SELECT e.*, b.marketplace_account_id FROM batch_errands e JOIN batches b ON b.id = e.batch_id) p",
        "p.asked_at",
        "array_remove(ARRAY[p.file_key, p.brought_key], '')",
        # An errand under way is asked for again when its shop is connected again: with a new file, and as if nothing had been brought.
        """UPDATE batch_errands SET file_name = '', file_key = '', brought_key = '',
               state = CASE WHEN state = 'brought' AND brought_key <> '' THEN 'open' ELSE state END WHERE id = ANY ($1::uuid[])""",
    ),
)


async def forget_some_papers(seller_id: UUID, account_id: UUID, files: Files) -> bool:
    """Delete a portion of the papers that name buyers of an account which has left, bytes first. False when none is left, or they stay.

    They go with the history, and where the key to those buyers is gone; what a newer connection brought has a newer key. Raises
    StoreUnavailable; rows whose bytes could not be deleted are there the next time.
    """
    async with db.transaction(seller_id) as held:
        for table, made, keys, without in _GOING:
            rows = await held.fetch(
                f"""SELECT p.id, {keys} AS keys FROM {table} JOIN marketplace_accounts a ON a.id = p.marketplace_account_id
                    WHERE a.id = $1 AND a.state = 'disconnected' AND {keys} <> '{{}}' AND (a.history_erasing OR NOT EXISTS (
                        SELECT FROM buyer_data_keys k WHERE k.marketplace_code = a.marketplace_code AND k.created_at <= {made}))
                    LIMIT {FORGOTTEN_AT_ONCE}""",  # noqa: S608 (our own tables)
                account_id,
            )
            for key in (key for row in rows for key in row["keys"] if key):
                await files.delete(key)
            if rows:
                await held.execute(without, [row["id"] for row in rows])
                return True
    return False
