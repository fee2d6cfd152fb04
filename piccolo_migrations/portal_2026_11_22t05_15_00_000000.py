"""A session that goes, by whatever statement, nudges whoever watches it: streams it opened end at once."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T05:15:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "The end of a session is heard"

STATEMENTS = (
    """
        CREATE FUNCTION sessions_gone() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('portal_nudges', 'session:' || OLD.id);
            RETURN NULL;
        END $$
    """,
    "CREATE TRIGGER sessions_gone AFTER DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION sessions_gone()",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        engine = engine_finder()
        for statement in STATEMENTS:
            await engine.run_ddl(statement)

    manager.add_raw(run)
    return manager
