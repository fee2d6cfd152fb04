"""Each seller's audit entries become a chain: the database numbers them at commit, and each holds the hash of the one before.

At commit rather than at once: the end of a chain is locked last of all, so two changes of one seller never wait for each other in turns.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T03:06:25:000000"
VERSION = "1.38.0"
DESCRIPTION = "Audit entries are a chain"

RENAMED = {
    "schedule_saved": "schedule.saved",
    "schedule_paused": "schedule.paused",
    "schedule_resumed": "schedule.resumed",
}

HASH = """
    CREATE OR REPLACE FUNCTION audit_entry_hash(entry audit_entries) RETURNS bytea LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
        SELECT sha256(convert_to(string_agg(octet_length(part) || ':' || part, ',' ORDER BY place), 'UTF8'))
        FROM unnest(ARRAY[
            entry.position::text, encode(entry.previous_hash, 'hex'), entry.id::text, entry.seller_id::text,
            (extract(epoch FROM entry.occurred_at) * 1000000)::bigint::text, entry.actor, entry.action,
            coalesce(entry.marketplace_account_id::text, ''), entry.before, entry.after, entry.device, entry.masked_address, entry.result
        ]) WITH ORDINALITY AS told (part, place)
    $$
"""

LINK = """
    CREATE OR REPLACE FUNCTION audit_entries_link() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DECLARE
        head audit_heads;
        entry audit_entries := NEW;
    BEGIN
        INSERT INTO audit_heads (seller_id, entries, hash) VALUES (NEW.seller_id, 0, '') ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT head FROM audit_heads WHERE seller_id = NEW.seller_id FOR UPDATE;
        entry.position := head.entries + 1;
        entry.previous_hash := head.hash;
        entry.hash := audit_entry_hash(entry);
        UPDATE audit_entries SET position = entry.position, previous_hash = entry.previous_hash, hash = entry.hash WHERE id = NEW.id;
        UPDATE audit_heads SET entries = entry.position, hash = entry.hash WHERE seller_id = NEW.seller_id;
        RETURN NULL;
    END $$
"""

CHAIN_WHAT_IS_THERE = """
    DO $$
    DECLARE
        entry audit_entries;
        head audit_heads;
    BEGIN
        FOR entry IN SELECT * FROM audit_entries ORDER BY seller_id, id LOOP
            INSERT INTO audit_heads (seller_id, entries, hash) VALUES (entry.seller_id, 0, '') ON CONFLICT DO NOTHING;
            SELECT * INTO STRICT head FROM audit_heads WHERE seller_id = entry.seller_id;
            entry.position := head.entries + 1;
            entry.previous_hash := head.hash;
            entry.hash := audit_entry_hash(entry);
            UPDATE audit_entries SET position = entry.position, previous_hash = entry.previous_hash, hash = entry.hash WHERE id = entry.id;
            UPDATE audit_heads SET entries = entry.position, hash = entry.hash WHERE seller_id = entry.seller_id;
        END LOOP;
    END $$
"""

STATEMENTS = (
    "ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_result_known CHECK (result IN ('done', 'refused'))",
    "CREATE INDEX audit_entries_seller_account ON audit_entries (seller_id, marketplace_account_id, occurred_at DESC)",
    HASH,
    LINK,
    # The owner of a table with forced row security sees no row of it; what is granted is applied anew after the migrations.
    "ALTER TABLE audit_entries NO FORCE ROW LEVEL SECURITY",
    *(f"UPDATE audit_entries SET action = '{after}' WHERE action = '{before}'" for before, after in RENAMED.items()),  # noqa: S608 (our own words)
    CHAIN_WHAT_IS_THERE,
    "ALTER TABLE audit_entries FORCE ROW LEVEL SECURITY",
    "CREATE CONSTRAINT TRIGGER audit_entries_link AFTER INSERT ON audit_entries DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION audit_entries_link()",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
